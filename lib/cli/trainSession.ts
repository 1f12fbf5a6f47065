import { UnsupportedError } from '../errors';
import { replaceFile } from '../io/atomicFile';
import { evaluate } from '../train/evaluate';
import type { EpochMeter } from '../train/meter';
import { createProgress, type Progress } from '../train/progress';
import type { EpochRecord } from '../train/records';
import { LiveReport } from '../train/report/liveReport';
import { Trainer, type TrainerEnd, type TrainerObserver } from '../train/trainer';
import { Interruption } from './interruption';
import { endLines, epochLine, headLines, rate, signalLine, stepLine } from './trainOutput';
import { jsonOf, type RunSnapshot, reportOf, type TestResult } from './trainSnapshot';
import type { OpenRun } from './trainStart';

/** Seconds between two pages of the report within an epoch. */
const reportSeconds = 10;
/** Seconds between two lines within an epoch, where there is no bar. */
const lineSeconds = 60;

/** A training run as the command line sees it: what is printed and written while the trainer works, and how it ends. */
export class TrainSession {
  readonly #open: OpenRun;
  readonly #trainer: Trainer;
  readonly #interruption: Interruption;
  #progress: Progress | undefined;
  #report: LiveReport | undefined;
  #status: RunSnapshot['status'] = 'running';
  #test: TestResult | null = null;
  #drawnAt = performance.now();
  #printedAt = performance.now();

  constructor(open: OpenRun) {
    const { team, prepared, run, checkpoints, saved } = open;
    this.#open = open;
    this.#interruption = new Interruption(
      (name) => {
        if (team.leads) console.error(signalLine(name, team.count));
      },
      () => this.#progress?.endEpoch(),
    );
    this.#trainer = new Trainer(
      {
        ...prepared,
        team,
        epochs: prepared.context.settings.epochs,
        patience: run.patience,
        keeper: team.leads ? checkpoints?.keeper(prepared, prepared.context) : undefined,
        saveSteps: run.checkpointSteps,
        saveSeconds: 60 * run.checkpointMinutes,
        observer: this.#observer(),
        signal: this.#interruption.signal,
      },
      saved?.state,
    );
  }

  /** @returns The exit status. */
  async run(): Promise<number> {
    const { prepared, device, run } = this.#open;
    for (const line of headLines(prepared, device, this.#open.team.count)) this.#say(line);
    this.#noteResumed();
    this.#progress = await this.#openProgress();
    this.#report = run.report === undefined ? undefined : new LiveReport(run.report);
    this.#interruption.listen();
    try {
      this.#report?.update(reportOf(this.#snapshot()));
      // So that missing packages are found out before the first step.
      await this.#report?.settled();
      this.#status = await this.#train();
      await this.#write();
      await this.#report?.settled();
    } finally {
      this.#interruption.stop();
      await this.#report?.close();
    }
    return this.#finish();
  }

  /** A line for people: of a team, those of the process that leads. */
  #say(line: string): void {
    if (this.#open.team.leads) console.log(line);
  }

  async #train(): Promise<TrainerEnd> {
    const end = await this.#trainer.run();
    return end === 'interrupted' || (await this.#testWithBest()) ? end : 'interrupted';
  }

  /**
   * Figures of the data's own test images, with the weights of the best epoch where they are kept.
   *
   * @returns Whether this was not interrupted.
   */
  async #testWithBest(): Promise<boolean> {
    const { team, prepared, checkpoints } = this.#open;
    const { best, epoch } = this.#trainer.state;
    if (prepared.test === undefined || best === null) return true;
    // The others get its weights.
    if (team.leads) await checkpoints?.restoreBest(prepared.model);
    const figures = await evaluate(prepared.model, prepared.test, team, this.#interruption.signal);
    if (figures === undefined) return false;
    this.#test = { ...figures, epoch: checkpoints === undefined ? epoch : best.epoch };
    return true;
  }

  /** Reports the end; how it is said and what the status is depends on why it came. */
  async #finish(): Promise<number> {
    const snapshot = this.#snapshot();
    if (this.#status !== 'interrupted') {
      for (const line of endLines(snapshot)) this.#say(line);
      return 0;
    }
    await this.#interruption.share(this.#open.team);
    const { epoch, batch } = snapshot.state;
    const { train, context } = this.#open.prepared;
    const where =
      epoch === context.settings.epochs
        ? 'after the last epoch'
        : `in epoch ${epoch + 1}, after step ${batch} of ${train.wholeLength}`;
    const next =
      snapshot.checkpoint === null
        ? 'nothing is saved, because of --checkpoint none'
        : `saved to ${snapshot.checkpoint.last}; --resume continues`;
    this.#say(`stopped   by ${this.#interruption.name} ${where}; ${next}`);
    return this.#interruption.status;
  }

  #noteResumed(): void {
    const { saved, prepared } = this.#open;
    if (saved === undefined) return;
    const { epoch, batch } = saved.state;
    this.#say(`resumed   epoch ${epoch + 1}, after step ${batch} of ${prepared.train.wholeLength}`);
    const { epochs, schedule } = prepared.context.settings;
    if (epochs !== saved.settings.epochs && schedule === 'cosine') {
      this.#say(
        `note      the learning rate falls over ${epochs} epochs now, not ${saved.settings.epochs}: no exact continuation`,
      );
    }
  }

  /** A bar on a terminal that has the package for it; otherwise lines. */
  async #openProgress(): Promise<Progress | undefined> {
    if (!this.#open.team.leads) return undefined;
    try {
      return await createProgress({ lastEpoch: this.#open.prepared.context.settings.epochs });
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      this.#say(`note      there is no bar: ${error.message}`);
      return undefined;
    }
  }

  #observer(): TrainerObserver {
    const { epochs } = this.#open.prepared.context.settings;
    const images = this.#open.prepared.train.dataset.length;
    return {
      startEpoch: (epoch) => {
        this.#printedAt = performance.now();
        this.#progress?.startEpoch(epoch, images);
      },
      step: (meter, learningRate) => this.#onStep(meter, learningRate),
      endOfSteps: () => this.#progress?.endEpoch(),
      endEpoch: (record) => this.#onEpoch(record, epochs),
    };
  }

  #onStep(meter: EpochMeter, learningRate: number): void {
    const { context, train } = this.#open.prepared;
    this.#progress?.step(meter, `top-5 ${meter.accuracy5.toFixed(3)}  lr ${rate(learningRate)}`);
    const now = performance.now();
    if (!process.stderr.isTTY && now - this.#printedAt >= 1000 * lineSeconds) {
      this.#printedAt = now;
      const { epoch } = this.#trainer.state;
      this.#say(stepLine(epoch + 1, context.settings.epochs, meter, train.dataset.length, learningRate));
    }
    if (this.#report !== undefined && !this.#report.busy && now - this.#drawnAt >= 1000 * reportSeconds) {
      this.#drawnAt = now;
      this.#report.update(reportOf(this.#snapshot()));
    }
  }

  async #onEpoch(record: EpochRecord, epochs: number): Promise<void> {
    this.#say(epochLine(record, epochs, this.#trainer.state.best));
    await this.#write();
  }

  /** Report and JSON of the moment; the report is drawn meanwhile. */
  async #write(): Promise<void> {
    const snapshot = this.#snapshot();
    const { json } = this.#open.run;
    this.#drawnAt = performance.now();
    this.#report?.update(reportOf(snapshot));
    if (json === undefined) return;
    const text = `${JSON.stringify(jsonOf(snapshot), null, 2)}\n`;
    await replaceFile('train', json, (output) => output.write(Buffer.from(text)));
  }

  #snapshot(): RunSnapshot {
    const { team, prepared, device, version, checkpoints } = this.#open;
    const { state, meter } = this.#trainer;
    return {
      ...{ processes: team.count, prepared, device, version, state, meter, status: this.#status, test: this.#test },
      checkpoint: checkpoints === undefined ? null : { last: checkpoints.last, best: checkpoints.best },
    };
  }
}

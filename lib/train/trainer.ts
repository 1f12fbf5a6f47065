import type { DataLoader } from '../data/dataLoader';
import { ReceptiveError } from '../errors';
import type { Module } from '../nn/module';
import type { Optimizer } from '../optim/optimizer';
import type { LrScheduler } from '../optim/scheduler';
import { evaluate, evaluationOf } from './evaluate';
import { EpochMeter, type StepResult } from './meter';
import type { EpochRecord, RunState } from './records';
import { LaggingReads, stepsUnderWay } from './step';
import { alone, type Team, type Wishes, wholeEpoch } from './team';

/** The loss is not finite any more: the weights are lost, only a smaller step helps. */
export class DivergedError extends ReceptiveError {
  override name = 'DivergedError';
}

/** Keeps states of a run. Each call saves the state of the moment it is made in. */
export interface StateKeeper {
  /** Replaces the state that a run continues from. */
  saveLast(state: RunState): Promise<void>;
  /** Replaces the state after the epoch with the lowest validation loss. */
  saveBest(state: RunState): Promise<void>;
}

/** What a `Trainer` tells of its work, in order. */
export interface TrainerObserver {
  /** @param epoch Counted from 1. */
  startEpoch?(epoch: number, meter: EpochMeter): void;
  step?(meter: EpochMeter, learningRate: number): void;
  /** All steps of the epoch are taken; the validation follows. */
  endOfSteps?(): void;
  endEpoch?(record: EpochRecord): void | Promise<void>;
}

export interface TrainerOptions {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** Counts steps. */
  readonly scheduler: LrScheduler;
  readonly train: DataLoader;
  readonly validation: DataLoader;
  /** Who trains: this process by itself if left out. It has taken the model, and the loaders have its shard of the data. */
  readonly team?: Team;
  readonly epochs: number;
  /** Epochs without a lower validation loss after which the run ends; never if left out. */
  readonly patience?: number;
  readonly keeper?: StateKeeper;
  /** The state is saved after so many steps of this process; at the end of epochs only if left out. */
  readonly saveSteps?: number;
  /** The same in seconds. */
  readonly saveSeconds?: number;
  readonly observer?: TrainerObserver;
  /** Ends the run, for the whole team: the step that is under way is finished and the state saved. */
  readonly signal?: AbortSignal;
}

/** Why `run()` came to its end. */
export type TrainerEnd = 'finished' | 'patience' | 'interrupted';

/**
 * The training loop: epochs of steps, a validation after each, states saved on the way.
 *
 * The order of the images and their augmentation are functions of the loader's seed and of epoch and sample; the numbers drawn
 * in steps (dropout) come from this thread's random state, which checkpoints hold. So a run that continues from a saved state
 * computes what it would have computed, bit for bit.
 *
 * The processes of a team run the same loop, each on its part of every batch; what decides where it ends (losses, signals) is
 * the same for all of them. `state`, observer and figures are those of the whole team; `keeper` is for the one that leads.
 */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #team: Team;
  #epoch = 0;
  #batch = 0;
  #meter: EpochMeter;
  #history: readonly EpochRecord[] = [];
  #best: EpochRecord | null = null;
  /** A save under way, which the next one waits for. */
  #saving: Promise<void> = Promise.resolve();
  #stepsUnsaved = 0;
  #savedAt = performance.now();

  /** @param state Where another run stopped; model, optimiser and scheduler must be as they were there. */
  constructor(options: TrainerOptions, state?: RunState) {
    this.#options = options;
    this.#team = options.team ?? alone;
    this.#meter = new EpochMeter(options.train.wholeLength, state?.meter ?? undefined);
    if (state !== undefined) {
      this.#epoch = state.epoch;
      this.#batch = state.batch;
      this.#history = state.history;
      this.#best = state.best;
    }
  }

  /** Where the run is. Steps whose results are still under way are not in the meter. */
  get state(): RunState {
    return {
      epoch: this.#epoch,
      batch: this.#batch,
      meter: this.#batch === 0 ? null : this.#meter.state(),
      history: this.#history,
      best: this.#best,
    };
  }

  /** Figures of the epoch that is under way. */
  get meter(): EpochMeter {
    return this.#meter;
  }

  /**
   * Trains what is left of the epochs.
   *
   * @throws DivergedError when the loss is not finite, in all processes of the team; what data set, model and files fail
   *   with. The last state that was saved is whole then.
   */
  async run(): Promise<TrainerEnd> {
    const { epochs } = this.#options;
    this.#savedAt = performance.now();
    let end: TrainerEnd = 'finished';
    while (end === 'finished' && this.#epoch < epochs) {
      if (this.#outOfPatience) end = 'patience';
      else if ((await this.#someoneStops()) || !(await this.#runEpoch())) end = 'interrupted';
    }
    if (end === 'interrupted') await this.#save();
    await this.#saving;
    return end;
  }

  get #outOfPatience(): boolean {
    const { patience = Number.POSITIVE_INFINITY } = this.#options;
    return this.#best !== null && this.#epoch - this.#best.epoch >= patience;
  }

  get #aborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  async #someoneStops(): Promise<boolean> {
    const [stops] = await this.#team.sum([Number(this.#aborted)]);
    return stops > 0;
  }

  /** @returns Whether the epoch was finished. */
  async #runEpoch(): Promise<boolean> {
    const { model, train, observer } = this.#options;
    if (this.#batch === 0) this.#meter = new EpochMeter(train.wholeLength);
    observer?.startEpoch?.(this.#epoch + 1, this.#meter);
    try {
      model.train();
      await this.#runSteps();
    } finally {
      observer?.endOfSteps?.();
    }
    return this.#batch === train.wholeLength && (await this.#finishEpoch());
  }

  /** What is left of the epoch's steps, or those until the signal. */
  async #runSteps(): Promise<void> {
    const { model, optimizer, scheduler, train, observer } = this.#options;
    const reads = new LaggingReads<{ result: StepResult; learningRate: number }>(
      stepsUnderWay,
      ({ result, learningRate }) => {
        this.#expectFinite(result.loss, learningRate);
        this.#meter.add(result);
        observer?.step?.(this.#meter, learningRate);
      },
    );
    const wishes = (): Wishes => ({ stop: this.#aborted, save: this.#saveIsDue });
    for await (const batch of wholeEpoch(train, this.#epoch, this.#batch)) {
      const { learningRate } = optimizer.groups[0];
      this.#stepsUnsaved++;
      let agreed: () => Wishes;
      try {
        const step = await this.#team.step(model, optimizer, batch, wishes);
        agreed = step.agreed;
        scheduler.step();
        this.#batch++;
        await reads.push(step.result.then((result) => ({ result, learningRate })));
      } finally {
        batch?.dispose();
      }
      const { stop, save } = agreed();
      if (stop) break;
      if (save) {
        await reads.drain();
        await this.#save();
      }
    }
    await reads.drain();
  }

  /** @returns Whether the validation was not interrupted. */
  async #finishEpoch(): Promise<boolean> {
    const { model, validation, observer, signal, keeper } = this.#options;
    const meter = this.#meter;
    const { seconds } = meter;
    const evaluation = await evaluate(model, validation, this.#team, signal);
    if (evaluation === undefined) return false;
    this.#expectFinite(evaluation.loss, this.#lastLearningRate);
    const record: EpochRecord = {
      epoch: this.#epoch + 1,
      train: evaluationOf(meter),
      validation: evaluation,
      learningRate: this.#lastLearningRate,
      seconds,
      imagesPerSecond: meter.images / seconds,
      curve: meter.curve,
    };
    this.#history = [...this.#history, record];
    const improved = this.#best === null || evaluation.loss < this.#best.validation.loss;
    if (improved) this.#best = record;
    this.#epoch++;
    this.#batch = 0;
    // Before the state that names it: a run that is killed in between continues from the state before, and saves it again.
    if (improved) await keeper?.saveBest(this.state);
    await this.#save();
    await observer?.endEpoch?.(record);
    return true;
  }

  /** Of the last step taken. */
  get #lastLearningRate(): number {
    const { schedule, steps } = this.#options.scheduler;
    return this.#options.scheduler.stateDict().values.baseLearningRates[0] * schedule(steps - 1);
  }

  get #saveIsDue(): boolean {
    const { saveSteps = Number.POSITIVE_INFINITY, saveSeconds = Number.POSITIVE_INFINITY } = this.#options;
    return this.#stepsUnsaved >= saveSteps || performance.now() - this.#savedAt >= 1000 * saveSeconds;
  }

  /** Begins to save the state of this moment, when the save before has come to its end. */
  async #save(): Promise<void> {
    const { keeper } = this.#options;
    if (keeper === undefined) return;
    await this.#saving;
    this.#saving = keeper.saveLast(this.state);
    // Reported by whoever waits for it next.
    this.#saving.catch(() => {});
    this.#stepsUnsaved = 0;
    this.#savedAt = performance.now();
  }

  #expectFinite(loss: number, learningRate: number): void {
    if (Number.isFinite(loss)) return;
    throw new DivergedError(
      `the loss became ${loss} in epoch ${this.#epoch + 1}; a smaller learning rate than ${learningRate} is needed`,
    );
  }
}

import type { DataLoader } from '../data/dataLoader';
import type { Module } from '../nn/module';
import { EpochMeter, type StepResult } from './meter';
import type { Evaluation } from './records';
import { evaluationStep, LaggingReads, stepsUnderWay } from './step';
import { type Team, wholeEpoch } from './team';

/** A batch's part of the result; null where this process has none of its images. */
interface Part {
  readonly result: StepResult | null;
  /** Whether somebody wants to stop. */
  readonly stop: boolean;
}

/**
 * Loss and accuracy over a data set, in inference; afterwards the model is in training as before. Each process of the team has
 * its part of the images, and the model of the process that leads.
 *
 * @param signal Ends it between two batches, for the whole team.
 * @returns Figures of all images, the same for everybody; undefined where a signal ended it.
 */
export async function evaluate(
  model: Module,
  loader: DataLoader,
  team: Team,
  signal?: AbortSignal,
): Promise<Evaluation | undefined> {
  const { training } = model;
  const meter = new EpochMeter(loader.length);
  let stopped = false;
  // A signal is looked at as late as the results: so everybody stops after the same batch.
  const reads = new LaggingReads<Part>(stepsUnderWay, ({ result, stop }) => {
    stopped ||= stop;
    if (result !== null) meter.add(result);
  });
  await team.level(model);
  model.eval();
  try {
    for await (const batch of wholeEpoch(loader, 0, 0)) {
      try {
        const stops = team.sum([Number(signal?.aborted ?? false)]);
        const result = batch === null ? null : evaluationStep(model, batch);
        await reads.push(Promise.all([result, stops]).then(([own, [count]]) => ({ result: own, stop: count > 0 })));
      } finally {
        batch?.dispose();
      }
      if (stopped) return undefined;
    }
    await reads.drain();
  } finally {
    model.train(training);
  }
  return stopped ? undefined : together(meter, team);
}

async function together(meter: EpochMeter, team: Team): Promise<Evaluation> {
  const { images, lossSum, correct, correct5 } = meter.state();
  const [count, loss, hits, hits5] = await team.sum([images, lossSum, correct, correct5]);
  return { loss: loss / count, accuracy: hits / count, accuracy5: hits5 / count };
}

export function evaluationOf({ loss, accuracy, accuracy5 }: EpochMeter): Evaluation {
  return { loss, accuracy, accuracy5 };
}

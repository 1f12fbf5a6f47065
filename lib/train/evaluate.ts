import type { DataLoader } from '../data/dataLoader';
import type { Module } from '../nn/module';
import { EpochMeter, type StepResult } from './meter';
import type { Evaluation } from './records';
import { evaluationStep, LaggingReads, stepsUnderWay } from './step';

/**
 * Loss and accuracy over a data set, in inference; afterwards the model is in training as before.
 *
 * @param signal Ends it between two batches, by throwing the signal's reason.
 */
export async function evaluate(model: Module, loader: DataLoader, signal?: AbortSignal): Promise<Evaluation> {
  const { training } = model;
  const meter = new EpochMeter(loader.length);
  const reads = new LaggingReads<StepResult>(stepsUnderWay, (result) => meter.add(result));
  model.eval();
  try {
    for await (const batch of loader.epoch(0)) {
      try {
        signal?.throwIfAborted();
        await reads.push(evaluationStep(model, batch));
      } finally {
        batch.dispose();
      }
    }
    await reads.drain();
  } finally {
    model.train(training);
  }
  return evaluationOf(meter);
}

export function evaluationOf({ loss, accuracy, accuracy5 }: EpochMeter): Evaluation {
  return { loss, accuracy, accuracy5 };
}

// One step of training, and how results are read without the stream having to wait.
import type { Batch } from '../data/dataLoader';
import { trainingLogits, weightedLoss } from '../models/heads';
import type { Module } from '../nn/module';
import { crossEntropy } from '../ops/classLoss';
import type { Optimizer } from '../optim/optimizer';
import { tidy } from '../scope';
import { noGrad } from '../tape/noGrad';
import type { Tensor } from '../tensor';
import { countHits, hitsByPlace } from './accuracy';
import type { StepResult } from './meter';

/** Results under way beside the step that is being enqueued. Work on the way holds no memory that later work could use. */
export const stepsUnderWay = 2;

/** The loss of a batch, all of the model's outputs weighed together, and the logits of the one that answers. */
export function lossOf(model: Module, images: Tensor, labels: Tensor<'int32'>): { loss: Tensor; logits: Tensor } {
  const heads = trainingLogits(model, images);
  return { loss: weightedLoss(heads, (logits) => crossEntropy(logits, labels)), logits: heads[0].logits };
}

/**
 * Enqueues forward, backward and update for one batch.
 *
 * @returns What the step gives, when the device has come to it. The batch may be disposed at once.
 */
export function trainStep(model: Module, optimizer: Optimizer, { images, labels }: Batch): Promise<StepResult> {
  const pending = tidy(() => {
    const { loss, logits } = lossOf(model, images, labels);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return { loss, hits: hitsByPlace(logits, labels) };
  });
  return read(pending.loss, pending.hits, labels.shape[0]);
}

/** Enqueues the forward pass for one batch; the model must be in inference. */
export function evaluationStep(model: Module, { images, labels }: Batch): Promise<StepResult> {
  const pending = noGrad(() =>
    tidy(() => {
      const logits = model.call(images);
      return { loss: crossEntropy(logits, labels), hits: hitsByPlace(logits, labels) };
    }),
  );
  return read(pending.loss, pending.hits, labels.shape[0]);
}

/** Disposes the tensors: a pending read has its own hold on the storage. */
async function read(loss: Tensor, hits: Tensor<'int32'>, count: number): Promise<StepResult> {
  const reads = Promise.all([loss.data(), hits.data()]);
  loss.dispose();
  hits.dispose();
  const [[lossValue], hitValues] = await reads;
  return { loss: lossValue, ...countHits(hitValues), count };
}

/**
 * Results that are waited for some steps later, so that the device always has work: while it computes one step, the next one is
 * enqueued and its batch prepared.
 */
export class LaggingReads<T> {
  private readonly pending: Promise<T>[] = [];

  /**
   * @param lag How many results may be under way when `push` returns.
   * @param use Called with each result, in order.
   */
  constructor(
    private readonly lag: number,
    private readonly use: (result: T) => void,
  ) {}

  /** @throws What an earlier step failed with, by rejection. */
  async push(result: Promise<T>): Promise<void> {
    // Should an earlier step fail, nobody would be waiting for this one any more.
    result.catch(() => {});
    this.pending.push(result);
    while (this.pending.length > this.lag) await this.next();
  }

  /** Waits for all. */
  async drain(): Promise<void> {
    while (this.pending.length > 0) await this.next();
  }

  private async next(): Promise<void> {
    this.use(await (this.pending.shift() as Promise<T>));
  }
}

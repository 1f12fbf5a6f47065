// Who trains a model: one process, or several that each have a part of every batch. The training loop is the same for both.
import type { Batch, DataLoader } from '../data/dataLoader';
import type { Module } from '../nn/module';
import type { Optimizer } from '../optim/optimizer';
import type { StepResult } from './meter';
import { trainStep } from './step';

/** What a process would like to be done after the step that is under way. */
export interface Wishes {
  /** Stop the run. Everybody's counts. */
  readonly stop: boolean;
  /** Save the state. Only that of the process that leads counts. */
  readonly save: boolean;
}

/** A step that is enqueued. */
export interface TeamStep {
  /** Of the whole batch. */
  readonly result: Promise<StepResult>;
  /** What is to be done after the step, the same for everybody. */
  readonly agreed: () => Wishes;
}

/**
 * The processes that train a model together, as one of them sees it. All of them make the same calls in the same order; what a
 * call gives is the same for all of them.
 */
export interface Team {
  /** This one's number, from 0. */
  readonly index: number;
  /** How many there are. */
  readonly count: number;
  /** Whether this is the one that prints and writes files. */
  readonly leads: boolean;
  /**
   * Takes a model for training, before the first step; it gets the parameters and buffers of the process that leads.
   *
   * @param run What must be the same for everybody, as text.
   * @throws ArgumentError, by rejection and for everybody, where runs or models differ.
   */
  join(model: Module, run: string): Promise<void>;
  /**
   * Forward, backward and update for one batch.
   *
   * @param batch This one's part; null where it has none of the samples.
   * @param wishes May be asked before the step or after it.
   */
  step(model: Module, optimizer: Optimizer, batch: Batch | null, wishes: () => Wishes): Promise<TeamStep>;
  /** The sum over all processes of each number. */
  sum(values: readonly number[]): Promise<readonly number[]>;
  /** The model becomes that of the process that leads, running statistics included, of which each process has its own. */
  level(model: Module): Promise<void>;
  /** Settles when everybody has called it; nothing may follow. */
  leave(): Promise<void>;
}

/** The team of a process that trains by itself. */
export const alone: Team = {
  index: 0,
  count: 1,
  leads: true,
  async join() {},
  async step(model, optimizer, batch, wishes) {
    // Null is for those who share their batches.
    return { result: trainStep(model, optimizer, batch as Batch), agreed: wishes };
  },
  async sum(values) {
    return values;
  },
  async level() {},
  async leave() {},
};

/** What is left of an epoch from the batch `startBatch` on; null where this process has no sample of a batch. */
export async function* wholeEpoch(
  loader: DataLoader,
  epoch: number,
  startBatch: number,
): AsyncGenerator<Batch | null, void, undefined> {
  yield* loader.epoch(epoch, { startBatch: Math.min(startBatch, loader.length) });
  for (let batch = Math.max(startBatch, loader.length); batch < loader.wholeLength; batch++) yield null;
}

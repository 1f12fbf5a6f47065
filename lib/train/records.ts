// What a training run writes down, all of it plain data that JSON holds exactly.
import type { MeterState } from './meter';

/** Figures of a pass over images without training. */
export type Evaluation = {
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Part of the images whose best answer is right. */
  readonly accuracy: number;
  /** Part of the images with the right answer among the best five. */
  readonly accuracy5: number;
};

/** A finished epoch. */
export type EpochRecord = {
  /** Counted from 1. */
  readonly epoch: number;
  /** Means over the epoch, each step with the weights it had. */
  readonly train: Evaluation;
  /** After the epoch. */
  readonly validation: Evaluation;
  /** Of the epoch's last step. */
  readonly learningRate: number;
  /** Of training, without the validation. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Mean training loss of equal parts of the epoch, in order. */
  readonly curve: readonly number[];
};

/** Where a run is: all that its loop needs to continue, besides model, optimiser and schedule. */
export type RunState = {
  /** Finished epochs. */
  readonly epoch: number;
  /** Steps taken in the one that is under way. */
  readonly batch: number;
  /** Of the epoch that is under way; null before its first step. */
  readonly meter: MeterState | null;
  readonly history: readonly EpochRecord[];
  /** The finished epoch with the lowest validation loss. */
  readonly best: EpochRecord | null;
};

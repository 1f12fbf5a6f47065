import type { EpochRecord, Evaluation } from '../records';

/** What the report shows, as plain data: it is sent to the thread that draws. */
export interface ReportData {
  readonly title: string;
  readonly summary: string;
  /** Whether the run goes on: browsers load the page again then. */
  readonly running: boolean;
  /** What the run is doing, or how it ended. */
  readonly status: string;
  readonly epochs: number;
  readonly history: readonly EpochRecord[];
  /** The epoch under way, if it has begun. */
  readonly current: CurrentEpoch | null;
  readonly best: EpochRecord | null;
  /** Of the data's own test images, once they were used. */
  readonly test: Evaluation | null;
  /** What validation is done with. */
  readonly validation: string;
  readonly settings: readonly (readonly [name: string, value: string])[];
}

export interface CurrentEpoch {
  readonly images: number;
  readonly totalImages: number;
  readonly imagesPerSecond: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly curve: readonly number[];
  readonly parts: number;
}

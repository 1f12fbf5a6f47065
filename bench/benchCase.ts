// A case owns its inputs from prepare() on: the harness calls check() once, run() many times, and then release().

/** What the harness needs of a tensor, whatever its dtype. */
export interface AnyTensor {
  data(): Promise<ArrayLike<number>>;
  dispose(): void;
}

export interface Prepared {
  /** Enqueues the work once and returns its outputs, which the harness disposes. */
  run(): readonly AnyTensor[];
  /** Elements of the first output by an independent computation, at the flat index. */
  expected(index: number): number;
  /** Largest accepted difference, relative to 1 + |expected|. */
  readonly tolerance: number;
  readonly inputs: readonly AnyTensor[];
}

export interface BenchCase {
  /** Unique in its family. */
  readonly name: string;
  /** What the rate counts: floating-point operations, or bytes read and written once each. */
  readonly unit: 'GFLOP/s' | 'GB/s';
  /** Operations or bytes of one run. */
  readonly amount: number;
  prepare(): Prepared;
}

/** A family's cases; `random` draws the seeded extra shapes of families that have them. */
export type Family = (random: RandomIntegers, extraShapes: number) => BenchCase[];

export interface RandomIntegers {
  /** Uniform, both ends included. */
  between(low: number, high: number): number;
}

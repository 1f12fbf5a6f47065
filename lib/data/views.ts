// Data sets made of others.
import { ArgumentError } from '../errors';
import { describe } from '../text';
import { type Dataset, type DatasetSpec, expectDataset, expectIndex } from './dataset';
import type { Sample } from './sample';

/** Some samples of a data set. */
export interface SubsetSpec {
  readonly kind: 'subset';
  readonly of: DatasetSpec;
  readonly indices: Uint32Array;
}

/** Data sets one after another. */
export interface ConcatSpec {
  readonly kind: 'concat';
  readonly of: readonly DatasetSpec[];
}

/** @internal */
export class SubsetDataset<S extends Sample> implements Dataset<S> {
  constructor(
    private readonly of: Dataset<S>,
    private readonly indices: Uint32Array,
  ) {}

  get length(): number {
    return this.indices.length;
  }

  get(index: number): S | Promise<S> {
    expectIndex(index, this.length);
    return this.of.get(this.indices[index]);
  }

  get spec(): SubsetSpec | undefined {
    const spec = this.of.spec;
    return spec && { kind: 'subset', of: spec, indices: this.indices };
  }
}

/** @internal */
export class ConcatDataset<S extends Sample> implements Dataset<S> {
  readonly length: number;
  /** Number of the first sample behind each part. */
  private readonly ends: number[] = [];

  constructor(private readonly parts: readonly Dataset<S>[]) {
    let end = 0;
    for (const part of parts) {
      end += part.length;
      this.ends.push(end);
    }
    this.length = end;
  }

  get(index: number): S | Promise<S> {
    expectIndex(index, this.length);
    const part = this.ends.findIndex((end) => index < end);
    return this.parts[part].get(part === 0 ? index : index - this.ends[part - 1]);
  }

  get spec(): ConcatSpec | undefined {
    const of = this.parts.map((part) => part.spec);
    return of.every((spec) => spec !== undefined) ? { kind: 'concat', of } : undefined;
  }
}

/**
 * Some samples of a data set, in the order named; one may be named several times.
 *
 * @param indices Integers from 0 to dataset.length - 1, copied.
 * @throws ArgumentError.
 */
export function subset<S extends Sample>(dataset: Dataset<S>, indices: ArrayLike<number>): Dataset<S> {
  expectDataset('subset', 'dataset', dataset);
  if (typeof indices?.length !== 'number') {
    throw new ArgumentError(`subset: indices must be an array of integers, given ${describe(indices)}`);
  }
  const chosen = Uint32Array.from(indices);
  for (let i = 0; i < chosen.length; i++) {
    if (chosen[i] !== indices[i] || chosen[i] >= dataset.length) {
      throw new ArgumentError(
        `subset: indices[${i}] must be an integer from 0 to ${dataset.length - 1}, given ${describe(indices[i])}`,
      );
    }
  }
  return new SubsetDataset(dataset, chosen);
}

/**
 * Data sets one after another.
 *
 * @throws ArgumentError.
 */
export function concatDatasets<S extends Sample>(datasets: readonly Dataset<S>[]): Dataset<S> {
  if (!Array.isArray(datasets)) {
    throw new ArgumentError(`concatDatasets: datasets must be an array, given ${describe(datasets)}`);
  }
  datasets.forEach((dataset, i) => {
    expectDataset('concatDatasets', `datasets[${i}]`, dataset);
  });
  return new ConcatDataset([...datasets]);
}

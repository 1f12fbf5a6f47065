// What a data set is, and how one is described to a worker.
import { ArgumentError } from '../errors';
import { describe } from '../text';
import type { FolderSpec } from './folderDataset';
import type { MemorySpec } from './memoryDataset';
import type { Sample } from './sample';
import type { ConcatSpec, SubsetSpec } from './views';

/**
 * Samples by number. To write your own, `length` and `get()` are all that is needed; a `DataLoader` with workers needs `spec`
 * too, which `moduleDataset()` provides.
 */
export interface Dataset<S extends Sample = Sample> {
  readonly length: number;
  /** Sample `index`, from 0 to length - 1: the same one at every call. */
  get(index: number): S | Promise<S>;
  /** Plain data from which another thread makes the same data set; `undefined` where that is not possible. */
  readonly spec?: DatasetSpec;
}

/** A module that makes a data set. */
export interface ModuleDatasetSpec {
  readonly kind: 'module';
  readonly url: string;
  readonly options: unknown;
}

/** How a worker makes a data set of this package again. */
export type DatasetSpec = MemorySpec | FolderSpec | SubsetSpec | ConcatSpec | ModuleDatasetSpec;

/** @internal */
export function expectDataset(op: string, name: string, value: unknown): asserts value is Dataset {
  const { length, get } = (value ?? {}) as Partial<Dataset>;
  if (typeof get !== 'function' || !Number.isSafeInteger(length) || (length as number) < 0) {
    throw new ArgumentError(`${op}: ${name} must be a data set with length and get(index), given ${describe(value)}`);
  }
}

/** @internal */
export function expectIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    const allowed = length === 0 ? 'the data set is empty' : `it must be an integer from 0 to ${length - 1}`;
    throw new ArgumentError(`get: index ${describe(index)} is out of range, ${allowed}`);
  }
}

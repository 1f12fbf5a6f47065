import { expectBoolean } from '../check';
import { ArgumentError } from '../errors';
import { describe } from '../text';

/** Options of the functions that write files. */
export interface SaveOptions {
  /**
   * Whether copies of the tensors are made at the call, on their devices, each released when it is written: so they may be
   * changed at once. True by default. With false no memory is taken, and a tensor that is written to before the promise
   * settles makes the call fail.
   */
  snapshot?: boolean;
}

/** Options of the functions that read tensors from files. */
export interface LoadOptions {
  /** `cpu`, `cuda:1` …; the default device of the time of the call if left out. */
  device?: string;
}

/** Options of the functions that read several tensors from a file. */
export interface LoadNamedOptions extends LoadOptions {
  /** Only these; all if left out. */
  names?: readonly string[];
}

/** @internal */
export function snapshotOption(op: string, value: boolean | undefined): boolean {
  return value === undefined ? true : expectBoolean(op, 'snapshot', value);
}

/** @internal */
export function namesOption(op: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string')) {
    throw new ArgumentError(`${op}: names must be an array of strings, given ${describe(value)}`);
  }
  return [...new Set(value as string[])];
}

import { expectFloat, expectInteger, expectTensor, expectTensors } from '../check';
import { expectWritable } from '../dispatch';
import { ArgumentError } from '../errors';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';

/**
 * Several ranks that hold tensors of the same shapes and work on them together: processes (`mpiCommunicator()`), or replicas
 * of a model within one process (`localCommunicators()`).
 *
 * Every rank must make the same calls in the same order, with tensors of the same shapes and types. A call starts at
 * once and its promise settles when the tensors have their new values; until then they must not be used, and an operation on
 * one that MPI has is an ArgumentError. Several calls may be under way; they are done one after another.
 */
export interface Communicator {
  /** This one's number, from 0. */
  readonly rank: number;
  /** How many ranks there are. */
  readonly size: number;

  /**
   * Replaces each tensor by the sum of all ranks' tensors in that place, the same bits on every rank.
   *
   * @param tensors float32 or float64, of one dtype and device; those that require grad only within `noGrad()`.
   * @returns It rejects with CommunicationError when that failed, or with the failure of an operation that should have made
   *   the values; the other ranks' sums are NaN then.
   * @throws ArgumentError, DTypeError, DeviceError, GraphError, DisposedError at the call, and nothing has happened.
   */
  allReduceSum_(tensors: readonly AnyTensor[]): Promise<void>;

  /**
   * Replaces each tensor by that of the rank `root`.
   *
   * @param tensors Of any dtypes; those that require grad only within `noGrad()`.
   * @param root From 0 to size - 1; 0 if left out.
   * @returns As `allReduceSum_`.
   * @throws As `allReduceSum_`.
   */
  broadcast_(tensors: readonly AnyTensor[], root?: number): Promise<void>;

  /** Settles when all ranks have called it. @throws DisposedError. */
  barrier(): Promise<void>;

  /**
   * Leaves, once all ranks do. To be called, and awaited, before the process ends: a process that ends without it is taken for
   * one that crashed. May be called again.
   *
   * @returns It rejects with CommunicationError when the others do not leave.
   */
  dispose(): Promise<void>;
}

/** What `allReduceSum_` takes. @internal */
export function expectSummable(op: string, tensors: unknown): asserts tensors is readonly AnyTensor[] {
  expectTensors(op, 'tensors', tensors);
  expectFloat(op, 'tensors[0]', tensors[0]);
  for (const tensor of tensors) expectWritable(op, tensor);
}

/** What `broadcast_` takes. @internal */
export function expectBroadcast(
  op: string,
  tensors: unknown,
  root: unknown,
  size: number,
): asserts tensors is readonly AnyTensor[] {
  if (!Array.isArray(tensors)) {
    throw new ArgumentError(`${op}: tensors must be an array of tensors, given ${describe(tensors)}`);
  }
  for (const [i, tensor] of tensors.entries()) {
    expectTensor(op, `tensors[${i}]`, tensor);
    expectWritable(op, tensor);
  }
  expectInteger(op, 'root', root, 0, size - 1);
}

/** @internal */
export function expectCommunicator(op: string, value: unknown): asserts value is Communicator {
  const { rank, size, allReduceSum_, broadcast_ } = (value ?? {}) as Partial<Communicator>;
  const fits =
    Number.isInteger(rank) &&
    Number.isInteger(size) &&
    typeof allReduceSum_ === 'function' &&
    typeof broadcast_ === 'function';
  if (!fits) throw new ArgumentError(`${op}: communicator must be a Communicator, given ${describe(value)}`);
}

// The random state of this environment. A generator is counter-based (Philox-4x32-10: Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011): element i of a tensor is a function of the seed and of `offset + i` alone.
import { expectInteger, expectOptions } from './check';
import { ArgumentError, ShapeError } from './errors';
import { refusePromise } from './scope';
import { type Shape, shapeText } from './shape';
import { describe } from './text';

/** The state of the generator, plain data that can be stored as JSON. */
export interface RngState {
  /** Low and high 32 bits of the seed. */
  readonly seed: readonly [number, number];
  /** Number of elements drawn since the seed was set. */
  readonly offset: number;
}

let state: RngState | undefined;

function currentState(): RngState {
  if (state === undefined) {
    // The global is made on first use; importing node:crypto takes milliseconds.
    const [low, high] = crypto.getRandomValues(new Uint32Array(2));
    state = { seed: [low, high], offset: 0 };
  }
  return state;
}

const endOfStream = (op: string): ArgumentError =>
  new ArgumentError(`${op}: the random stream is used up at 2^53 - 1 elements; manualSeed() starts another`);

/**
 * Reserves the next `count` elements of the stream.
 *
 * @returns The state before them: what the random ops take as attributes.
 * @throws ArgumentError at the end of the stream.
 * @internal
 */
export function drawRandom(op: string, count: number): RngState {
  const before = currentState();
  if (before.offset + count > Number.MAX_SAFE_INTEGER) throw endOfStream(op);
  state = { seed: before.seed, offset: before.offset + count };
  return before;
}

/**
 * Sets the seed of all random numbers of this thread and starts its stream anew. The same seed and calls give the same
 * numbers on every device and with any number of threads. Without a call the seed is random.
 *
 * @param seed An integer from 0 to 2^53 - 1.
 * @throws ArgumentError for any other value.
 */
export function manualSeed(seed: number): void {
  const value = expectInteger('manualSeed', 'seed', seed, 0);
  state = { seed: [value % 2 ** 32, Math.floor(value / 2 ** 32)], offset: 0 };
}

/** The random state of this thread, for `setRngState()`. */
export function getRngState(): RngState {
  const { seed, offset } = currentState();
  return { seed: [seed[0], seed[1]], offset };
}

/**
 * A copy of a state that `getRngState()` returned.
 *
 * @throws ArgumentError when it is none.
 * @internal
 */
export function expectRngState(op: string, name: string, given: unknown): RngState {
  if (given === undefined) throw new ArgumentError(`${op}: ${name} must be an object, given undefined`);
  const { seed, offset } = expectOptions(op, given as RngState, ['seed', 'offset']);
  if (!Array.isArray(seed) || seed.length !== 2) {
    throw new ArgumentError(`${op}: seed must be a list of two integers, given ${describe(seed)}`);
  }
  const low = expectInteger(op, 'seed[0]', seed[0], 0, 2 ** 32 - 1);
  const high = expectInteger(op, 'seed[1]', seed[1], 0, 2 ** 32 - 1);
  return { seed: [low, high], offset: expectInteger(op, 'offset', offset, 0) };
}

/**
 * Continues from a state that `getRngState()` returned.
 *
 * @throws ArgumentError when it is not such a state.
 */
export function setRngState(given: RngState): void {
  state = expectRngState('setRngState', 'state', given);
}

/** The samples of this process within a batch that several share. */
export interface SampleRange {
  /** Position of this process' first sample in the whole batch. */
  readonly first: number;
  /** Number of samples in the whole batch. */
  readonly total: number;
}

let range: SampleRange | undefined;

/** What `shape` is within the range in force: elements before its first sample, and those of the whole batch. */
function withinBatch(op: string, shape: Shape, size: number): { before: number; all: number } {
  if (range === undefined) return { before: 0, all: size };
  const { first, total } = range;
  if (shape.length === 0) throw new ShapeError(`${op}: withSampleRange needs an input with samples, given a scalar`);
  const [samples] = shape;
  if (first + samples > total) {
    throw new ShapeError(
      `${op}: input ${shapeText(shape)} has ${samples} samples, but from first = ${first} on withSampleRange's ` +
        `total = ${total} leaves ${total - first}`,
    );
  }
  let elements = 1;
  for (let axis = 1; axis < shape.length; axis++) elements *= shape[axis];
  return { before: first * elements, all: total * elements };
}

/**
 * `drawRandom` for a tensor whose first axis are the samples of the range in force.
 *
 * @throws ShapeError when they do not fit it; ArgumentError at the end of the stream.
 * @internal
 */
export function drawForSamples(op: string, shape: Shape, size: number): RngState {
  const { before, all } = withinBatch(op, shape, size);
  const { seed, offset } = drawRandom(op, all);
  return { seed, offset: offset + before };
}

/** Where such a tensor's elements are that were drawn from `given`. @internal */
export function stateForSamples(op: string, given: RngState, shape: Shape, size: number): RngState {
  const { before, all } = withinBatch(op, shape, size);
  if (given.offset + all > Number.MAX_SAFE_INTEGER) throw endOfStream(op);
  return { seed: given.seed, offset: given.offset + before };
}

/**
 * For training on several processes, each with a part of every batch: during `fn`, `dropout()` on an input whose first
 * axis has n samples draws as if it had all `total` of them, and uses the numbers of the samples first … first + n - 1.
 * With the same seed everywhere the parts' masks are those of the whole batch on one process, and all processes' random
 * streams stay at the same element. Scopes nest, the innermost one counts. Other random functions are not affected.
 *
 * @param samples `first` and `total`, integers with 0 <= first <= total.
 * @param fn A synchronous function.
 * @returns What `fn` returned.
 * @throws ArgumentError when the range makes no sense, or `fn` is no function or returns a promise.
 * @example withSampleRange({ first: rank * 32, total: ranks * 32 }, () => dropout(x));
 */
export function withSampleRange<T>(samples: SampleRange, fn: () => T): T {
  const op = 'withSampleRange';
  if (samples === undefined) throw new ArgumentError(`${op}: samples must be an object, given undefined`);
  const given = expectOptions(op, samples, ['first', 'total']);
  const total = expectInteger(op, 'total', given.total, 0);
  const first = expectInteger(op, 'first', given.first, 0, total);
  if (typeof fn !== 'function') throw new ArgumentError(`${op}: fn must be a function, given ${describe(fn)}`);
  const outer = range;
  range = { first, total };
  try {
    const result = fn();
    refusePromise(op, result);
    return result;
  } finally {
    range = outer;
  }
}

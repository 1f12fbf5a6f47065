// The random state of this environment. A generator is counter-based (Philox-4x32-10: Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011): element i of a tensor is a function of the seed and of `offset + i` alone.
import { expectInteger, expectOptions } from './check';
import { ArgumentError } from './errors';
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

/**
 * Reserves the next `count` elements of the stream.
 *
 * @returns The state before them: what the random ops take as attributes.
 * @throws ArgumentError at the end of the stream.
 * @internal
 */
export function drawRandom(op: string, count: number): RngState {
  const before = currentState();
  if (before.offset + count > Number.MAX_SAFE_INTEGER) {
    throw new ArgumentError(`${op}: the random stream is used up at 2^53 - 1 elements; manualSeed() starts another`);
  }
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
 * Continues from a state that `getRngState()` returned.
 *
 * @throws ArgumentError when it is not such a state.
 */
export function setRngState(given: RngState): void {
  if (given === undefined) throw new ArgumentError('setRngState: state must be an object, given undefined');
  const { seed, offset } = expectOptions('setRngState', given, ['seed', 'offset']);
  if (!Array.isArray(seed) || seed.length !== 2) {
    throw new ArgumentError(`setRngState: seed must be a list of two integers, given ${describe(seed)}`);
  }
  const low = expectInteger('setRngState', 'seed[0]', seed[0], 0, 2 ** 32 - 1);
  const high = expectInteger('setRngState', 'seed[1]', seed[1], 0, 2 ** 32 - 1);
  state = { seed: [low, high], offset: expectInteger('setRngState', 'offset', offset, 0) };
}

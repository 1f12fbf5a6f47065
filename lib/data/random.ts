// Random numbers that are a function of what they are for, (seed, epoch, sample, step), and of nothing else: not of the order
// in which samples are prepared, nor of the thread.

import { TimeSlices } from './timeSlices';

// Philox-4x32-10 of Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3.
const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
/** Weyl increments of the key: the golden ratio and sqrt(3) - 1, in 32 bits. */
const increments = [0x9e3779b9, 0xbb67ae85] as const;
const rounds = 10;

/** High word of a 32x32-bit product, of 16-bit halves: no sum below exceeds 32 bits. */
function highWord(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const first = aHigh * bLow + ((aLow * bLow) >>> 16);
  const second = aLow * bHigh + (first & 0xffff);
  return (aHigh * bHigh + (first >>> 16) + (second >>> 16)) >>> 0;
}

/**
 * One block of four uint32 of Philox-4x32-10, written to `output`. Counter and key are lists of uint32, the least significant
 * word first.
 *
 * @internal
 */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>, output: Uint32Array): void {
  let c0 = counter[0];
  let c1 = counter[1];
  let c2 = counter[2];
  let c3 = counter[3];
  let k0 = key[0];
  let k1 = key[1];
  for (let round = 0; round < rounds; round++) {
    const high0 = highWord(multipliers[0], c0);
    const high1 = highWord(multipliers[1], c2);
    const low0 = Math.imul(multipliers[0], c0);
    const low1 = Math.imul(multipliers[1], c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + increments[0]) >>> 0;
    k1 = (k1 + increments[1]) >>> 0;
  }
  output[0] = c0;
  output[1] = c1;
  output[2] = c2;
  output[3] = c3;
}

/**
 * The random numbers of one sample in one step of a transform. The n-th number is a function of (seed, epoch, sample, step, n)
 * by Philox-4x32-10: key = seed as two words, counter = (n / 4, step, sample, epoch).
 */
export class SampleRandom {
  private readonly key: readonly [number, number];
  private readonly counter = [0, 0, 0, 0];
  private readonly block = new Uint32Array(4);
  private used = 4;

  /** @param seed An integer from 0 to 2^53 - 1. @internal */
  constructor(seed: number) {
    this.key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  }

  /** Starts at the first number of a sample's step; all integers from 0 to 2^32 - 1. @internal */
  start(step: number, sample: number, epoch: number): this {
    this.counter[0] = 0;
    this.counter[1] = step;
    this.counter[2] = sample;
    this.counter[3] = epoch;
    this.used = 4;
    return this;
  }

  /** An integer, uniform on 0 to 2^32 - 1. */
  uint32(): number {
    if (this.used === 4) {
      philox4x32(this.counter, this.key, this.block);
      this.counter[0]++;
      this.used = 0;
    }
    return this.block[this.used++];
  }

  /** Uniform on [low, high), in steps of (high - low) / 2^32. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.uint32() / 2 ** 32);
  }

  /** An integer, uniform on `low` to `high`, both included; they differ by less than 2^32. */
  integer(low: number, high: number): number {
    const count = high - low + 1;
    // Draws past the last whole multiple of `count` are rejected, or small values would be favoured.
    const limit = 2 ** 32 - (2 ** 32 % count);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return low + (value % count);
    }
  }

  /** Normal, by the method of Box and Muller: mean + std * sqrt(-2 ln(1 - u)) * cos(2 pi v). */
  normal(mean = 0, std = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return mean + std * radius * Math.cos(2 * Math.PI * this.uniform());
  }
}

/** The step whose numbers order an epoch; no transform has as many steps. */
const orderStep = 0xffffffff;

/** Numbers drawn between two looks at the clock. */
const drawsPerLook = 1024;

/**
 * The order in which an epoch visits 0 to length - 1: as they are, or a uniform permutation (Fisher and Yates) that is a
 * function of length, seed and epoch. Made on the main thread, a little at a time.
 *
 * @internal
 */
export async function epochOrder(length: number, shuffle: boolean, seed: number, epoch: number): Promise<Uint32Array> {
  const order = new Uint32Array(length);
  for (let index = 0; index < length; index++) order[index] = index;
  if (!shuffle) return order;
  const random = new SampleRandom(seed).start(orderStep, 0, epoch);
  const slices = new TimeSlices();
  for (let last = length - 1; last > 0; last--) {
    if (last % drawsPerLook === 0 && slices.due()) await slices.rest();
    const other = random.integer(0, last);
    const value = order[last];
    order[last] = order[other];
    order[other] = value;
  }
  return order;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shuffledOrder, uint32Generator } from '../../examples/lib/random.mjs';

describe('shuffledOrder', () => {
  it('is a permutation', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(2 ** 32 - 1), fc.nat(1000), (count, seed, epoch) => {
        const sorted = shuffledOrder(count, seed, epoch).sort();
        expect([...sorted]).toEqual([...new Array(count).keys()]);
      }),
    );
  });

  it('depends on seed and epoch, and on nothing else', () => {
    const order = shuffledOrder(100, 1, 0);
    expect(shuffledOrder(100, 1, 0)).toEqual(order);
    expect(shuffledOrder(100, 2, 0)).not.toEqual(order);
    expect(shuffledOrder(100, 1, 1)).not.toEqual(order);
    expect(shuffledOrder(100, 2 ** 32 - 1, 0)).not.toEqual(order);
  });

  it('puts every element at every place equally often', () => {
    const size = 5;
    const trials = 20_000;
    const counts = new Float64Array(size * size);
    for (let trial = 0; trial < trials; trial++) {
      for (const [place, element] of shuffledOrder(size, 7, trial).entries()) counts[place * size + element]++;
    }
    // Binomial with p = 1/5: standard deviation sqrt(20000 * 0.2 * 0.8) = 57; five of them in 25 cells.
    for (const count of counts) expect(Math.abs(count - trials / size)).toBeLessThan(5 * 57);
  });
});

describe('uint32Generator', () => {
  it('gives 32-bit integers whose bits are each set half of the time', () => {
    const next = uint32Generator(123, 456);
    const draws = 10_000;
    const ones = new Float64Array(32);
    for (let draw = 0; draw < draws; draw++) {
      const value = next();
      expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
      for (let bit = 0; bit < 32; bit++) ones[bit] += (value >>> bit) & 1;
    }
    // Standard deviation sqrt(10000 / 4) = 50.
    for (const count of ones) expect(Math.abs(count - draws / 2)).toBeLessThan(5 * 50);
  });
});

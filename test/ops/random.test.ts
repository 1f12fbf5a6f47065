import {
  getNumThreads,
  getRngState,
  manualSeed,
  type RngState,
  rand,
  randint,
  randn,
  setNumThreads,
  setRngState,
} from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ndarray } from '../reference/ndarray';
import { expectSame } from '../support/compare';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { type AnyTensor, evaluate } from '../support/tensors';

const makers: Record<string, (shape: number[]) => AnyTensor> = {
  rand: (shape) => rand(shape) as AnyTensor,
  'rand, float64': (shape) => rand(shape, { dtype: 'float64' }) as AnyTensor,
  randn: (shape) => randn(shape) as AnyTensor,
  'randn, float64': (shape) => randn(shape, { dtype: 'float64' }) as AnyTensor,
  randint: (shape) => randint(-1000, 1000, shape) as AnyTensor,
  'randint, uint8': (shape) => randint(0, 256, shape, { dtype: 'uint8' }) as AnyTensor,
};

const COUNT = 200_000;

/** Mean, variance, skewness and excess kurtosis. */
function moments(values: Float64Array): [mean: number, variance: number, skewness: number, kurtosis: number] {
  const average = (f: (v: number) => number): number => values.reduce((sum, v) => sum + f(v), 0) / values.length;
  const mean = average((v) => v);
  const variance = average((v) => (v - mean) ** 2);
  const skewness = average((v) => ((v - mean) / Math.sqrt(variance)) ** 3);
  return [mean, variance, skewness, average((v) => ((v - mean) / Math.sqrt(variance)) ** 4) - 3];
}

/** Pearson's statistic of equally likely cells, as standard deviations from its expectation. */
function chiSquareDeviation(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const degrees = counts.length - 1;
  return (statistic - degrees) / Math.sqrt(2 * degrees);
}

function histogram(values: Float64Array, cells: number, cellOf: (v: number) => number): number[] {
  const counts = new Array<number>(cells).fill(0);
  for (const value of values) counts[cellOf(value)]++;
  return counts;
}

describeOnDevices('random', () => {
  let state: RngState;
  let threads: number;
  beforeEach(() => {
    state = getRngState();
    threads = getNumThreads();
  });
  afterEach(() => {
    setRngState(state);
    setNumThreads(threads);
  });

  describe.each(Object.entries(makers))('%s', (_, make) => {
    const seeded = (seed: number, ...shapes: number[][]) =>
      evaluate(() => {
        manualSeed(seed);
        return shapes.map(make);
      });

    it('repeats with its seed and differs for another', () => {
      const [a] = seeded(7, [3, 50]);
      const [again] = seeded(7, [3, 50]);
      const [other] = seeded(8, [3, 50]);
      const [high] = seeded(7 + 2 ** 32, [3, 50]);
      expectSame(again, a);
      expect([...other.data]).not.toEqual([...a.data]);
      expect([...high.data]).not.toEqual([...a.data]);
    });

    it('is one stream: how it is cut into calls does not matter', () => {
      const [whole] = seeded(11, [1009]);
      const parts = seeded(11, [1], [2, 3], [], [497], [504]);
      const joined = parts.flatMap(({ data }) => [...data]);
      expectSame(ndarray([1009], joined), whole);
      // From an odd position, long enough to be split among threads.
      const [long] = seeded(5, [70_001]);
      const [, rest] = seeded(5, [3], [69_998]);
      expectSame(rest, ndarray([69_998], long.data.subarray(3)));
    });

    it('does not depend on the number of threads', () => {
      setNumThreads(1);
      const [one] = seeded(3, [100_003]);
      for (const count of [2, 3]) {
        setNumThreads(count);
        const [many] = seeded(3, [100_003]);
        expectSame(many, one);
      }
    });

    it('continues from a saved state', () => {
      manualSeed(42);
      evaluate(() => make([17]));
      const saved = getRngState();
      const first = evaluate(() => make([40]));
      setRngState(JSON.parse(JSON.stringify(saved)) as RngState);
      expectSame(
        evaluate(() => make([40])),
        first,
      );
    });

    it('draws nothing for an empty tensor', () => {
      manualSeed(1);
      const before = getRngState();
      expect(evaluate(() => make([0, 3])).shape).toEqual([0, 3]);
      expect(getRngState()).toEqual(before);
    });
  });

  describe.each(floatDTypes)('distribution, %s', (dtype) => {
    it('rand is uniform on [0, 1)', () => {
      manualSeed(2024);
      const { data } = evaluate(() => rand([COUNT], { dtype }));
      expect(Math.min(...data.subarray(0, 100_000))).toBeGreaterThanOrEqual(0);
      expect(data.every((v) => v >= 0 && v < 1)).toBe(true);
      const deviation = chiSquareDeviation(histogram(data, 100, (v) => Math.floor(v * 100)));
      expect(Math.abs(deviation)).toBeLessThan(5);
      // Neighbours are independent: pairs fill the unit square.
      const pairs = new Array<number>(100).fill(0);
      for (let i = 0; i < data.length; i += 2) pairs[Math.floor(data[i] * 10) * 10 + Math.floor(data[i + 1] * 10)]++;
      expect(Math.abs(chiSquareDeviation(pairs))).toBeLessThan(5);
    });

    it('rand never reaches its upper bound, however narrow the range', () => {
      manualSeed(9);
      const { data } = evaluate(() => rand([COUNT], { dtype, low: 1, high: 1 + 2 ** -22 }));
      expect(data.every((v) => v >= 1 && v < 1 + 2 ** -22)).toBe(true);
    });

    it('randn has the moments of the normal distribution', () => {
      manualSeed(2025);
      const { data } = evaluate(() => randn([COUNT], { dtype, mean: 3, std: 2 }));
      const [mean, variance, skewness, kurtosis] = moments(data);
      const n = Math.sqrt(COUNT);
      // Five standard errors of each.
      expect(Math.abs(mean - 3)).toBeLessThan((5 * 2) / n);
      expect(Math.abs(variance - 4)).toBeLessThan((5 * 4 * Math.SQRT2) / n);
      expect(Math.abs(skewness)).toBeLessThan((5 * Math.sqrt(6)) / n);
      expect(Math.abs(kurtosis)).toBeLessThan((5 * Math.sqrt(24)) / n);
      expect(data.every(Number.isFinite)).toBe(true);
      expect(data.some((v) => Math.abs(v - 3) > 3.5 * 2)).toBe(true);
    });
  });

  it('randint is uniform on its range, the upper bound excluded', () => {
    manualSeed(77);
    const { data, dtype } = evaluate(() => randint(-3, 4, [COUNT]));
    expect(dtype).toBe('int32');
    const counts = histogram(data, 7, (v) => v + 3);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(COUNT);
    expect(Math.abs(chiSquareDeviation(counts))).toBeLessThan(5);
    const wide = evaluate(() => randint(-(2 ** 31), 2 ** 31, [COUNT]));
    const cells = histogram(wide.data, 64, (v) => Math.floor((v + 2 ** 31) / 2 ** 26));
    expect(Math.abs(chiSquareDeviation(cells))).toBeLessThan(5);
    expectSame(
      evaluate(() => randint(5, 6, [3])),
      ndarray([3], [5, 5, 5]),
    );
  });

  it('starts with a random seed', () => {
    expect(getRngState().seed).toHaveLength(2);
  });

  it('refuses arguments that make no sense', () => {
    const cases: [RegExp, () => unknown][] = [
      [/manualSeed/, () => manualSeed(-1)],
      [/manualSeed/, () => manualSeed(1.5)],
      [/manualSeed/, () => manualSeed(2 ** 53)],
      [/manualSeed/, () => manualSeed('1' as unknown as number)],
      [/setRngState/, () => setRngState(undefined as unknown as RngState)],
      [/setRngState/, () => setRngState({ seed: [1], offset: 0 } as unknown as RngState)],
      [/setRngState/, () => setRngState({ seed: [1, 2 ** 32], offset: 0 })],
      [/setRngState/, () => setRngState({ seed: [1, 2], offset: -1 })],
      [/rand\b/, () => rand([-1])],
      [/rand\b/, () => rand([2], { low: 1, high: 0 })],
      [/rand\b/, () => rand([2], { high: Infinity })],
      [/rand\b/, () => rand([2], { dtype: 'int32' as 'float32' })],
      [/randn/, () => randn([2], { std: -1 })],
      [/randn/, () => randn([2], { mean: Number.NaN })],
      [/randint/, () => randint(3, 3, [2])],
      [/randint/, () => randint(0.5, 3, [2])],
      [/randint/, () => randint(0, 2 ** 32, [2])],
      [/randint/, () => randint(0, 257, [2], { dtype: 'uint8' })],
      [/randint/, () => randint(0, 2, [2], { dtype: 'float32' as 'int32' })],
    ];
    for (const [message, call] of cases) expectThrows(() => evaluate(call), 'ReceptiveError', message);
  });
});

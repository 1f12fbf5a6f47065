import fc from 'fast-check';
import { type DType, getNumThreads, grad, setNumThreads, topk } from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gatherElementsGradient } from '../reference/gather';
import { type NdArray, ndarray, permute } from '../reference/ndarray';
import * as reference from '../reference/topk';
import { expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectError, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';

const numberTypes: readonly DType[] = [...floatDTypes, 'int32', 'uint8'];

const problems = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    axis: fc.nat(),
    k: fc.nat(),
    negative: fc.boolean(),
    largest: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ shape, axis: drawn, k, negative, largest, seed }) => {
    const axis = drawn % shape.length;
    const given = negative ? axis - shape.length : axis;
    return { shape, axis, given, k: k % (shape[axis] + 1), largest, seed };
  });

function check(x: NdArray, dtype: DType, k: number, largest: boolean, axis = x.shape.length - 1, given = axis): void {
  const actual = evaluate(() => topk(toTensor(x, dtype), k, given, { largest }));
  expect([actual.values.dtype, actual.indices.dtype]).toEqual([dtype, 'int32']);
  const expected = reference.topk(x, k, axis, largest);
  expectSame(actual.indices, expected.indices, 'indices');
  expectSame(actual.values, expected.values, 'values');
}

describeOnDevices('topk', () => {
  describe.each(numberTypes)('%s', (dtype) => {
    it('agrees with the reference on random problems, most of them with ties', () => {
      fc.assert(
        fc.property(problems, ({ shape, axis, given, k, largest, seed }) => {
          const x = new Random(seed).integers(shape, dtype === 'uint8' ? 0 : -4, 4);
          check(x, dtype, k, largest, axis, given);
        }),
      );
    });

    it.each([
      [[3, 1000], 1],
      [[3, 1000], 5],
      [[2, 5003], 64],
      [[2, 777], 400],
      [[2, 777], 777],
      [[1, 20000], 20000],
      [[110, 600], 3],
    ])('takes %o, k %i', (shape, k) => {
      const random = new Random(`${shape} ${k}`);
      const limits = { uint8: [0, 255], int32: [-(2 ** 31), 2 ** 31 - 1] } as Record<DType, [number, number]>;
      const float = dtype === 'float32' || dtype === 'float64';
      const x = float ? random.array(shape, dtype) : random.integers(shape, ...limits[dtype]);
      for (const largest of [true, false]) {
        check(x, dtype, k, largest);
        // Every element is better than all before it, or worse.
        const sorted = (sign: number): NdArray =>
          ndarray(
            shape,
            x.data.toSorted((a, b) => sign * (a - b)),
          );
        for (const sign of [1, -1]) check(sorted(sign), dtype, k, largest);
        check(permute(x, [1, 0]), dtype, k, largest, 0);
      }
    });
  });

  describe.each(floatDTypes)('%s', (dtype) => {
    it('counts NaN as the largest, and takes the first of equal elements, of which zeros are', () => {
      const x = ndarray([9], [1, Number.NaN, -0, Infinity, 0, -Infinity, Number.NaN, -0, 1]);
      for (const largest of [true, false]) {
        for (let k = 0; k <= 9; k++) check(x, dtype, k, largest);
      }
      const { indices } = evaluate(() => topk(toTensor(x, dtype), 9));
      expectEqual(indices, ndarray([9], [1, 6, 3, 0, 8, 2, 4, 7, 5]));
    });

    it('finds a NaN anywhere, among others or alone', () => {
      for (const n of [70, 300]) {
        for (const largest of [true, false]) {
          const x = new Random(`NaN ${n}`).array([2, n], dtype);
          for (const i of [0, 3, n / 2, n - 1]) {
            x.data[i] = Number.NaN;
            x.data[n + i] = largest ? Infinity : -Infinity;
            check(x, dtype, 6, largest);
          }
          check(ndarray([n], new Array(n).fill(Number.NaN)), dtype, 5, largest);
        }
      }
    });

    it('has a gradient that puts g where the elements were', () => {
      fc.assert(
        fc.property(problems, ({ shape, axis, given, k, largest, seed }) => {
          const random = new Random(seed);
          const x = random.array(shape, dtype);
          const { indices } = reference.topk(x, k, axis, largest);
          const g = random.array(indices.shape, dtype);
          const actual = evaluate(() => {
            const chosen = topk(toTensor(x, dtype), k, given, { largest });
            return grad.topk(toTensor(g, dtype), chosen.indices, shape, given);
          });
          expect(actual.dtype).toBe(dtype);
          expectEqual(actual, gatherElementsGradient(g, indices, shape, axis));
        }),
      );
    });
  });

  it('has a gradient that agrees with finite differences', () => {
    const random = new Random('topk differences');
    const x = random.distinct([3, 7, 2]);
    const g = random.array([3, 4, 2], 'float64');
    const f = (probe: NdArray): number =>
      weightedSum(
        evaluate(() => topk(toTensor(probe, 'float64'), 4, 1).values),
        g,
      );
    const actual = evaluate(() => {
      const { indices } = topk(toTensor(x, 'float64'), 4, 1);
      return grad.topk(toTensor(g, 'float64'), indices, x.shape, 1);
    });
    expectGradient(f, x, actual);
  });

  it('gives the largest of the last axis unless told otherwise', () => {
    const x = new Random('defaults').distinct([3, 8]);
    const actual = evaluate(() => ({
      ...topk(toTensor(x), 2),
      gradient: grad.topk(toTensor(ndarray([1, 2], [1, 2])), toTensor(ndarray([1, 2], [2, 0]), 'int32'), [1, 3]),
    }));
    const expected = reference.topk(x, 2, 1, true);
    expectSame(actual.values, expected.values);
    expectSame(actual.indices, expected.indices);
    expectSame(actual.gradient, ndarray([1, 3], [2, 0, 1]));
  });

  it('finds nothing in nothing', () => {
    const cases: [shape: number[], k: number, axis: number][] = [
      [[0, 4], 2, 1],
      [[3, 0], 0, 1],
      [[3, 4, 0], 2, 1],
      [[3, 4], 0, 0],
    ];
    for (const [shape, k, axis] of cases) {
      const empty = ndarray(shape.with(axis, k));
      const actual = evaluate(() => {
        const { values, indices } = topk(toTensor(ndarray(shape)), k, axis);
        return { values, indices, gradient: grad.topk(values, indices, shape, axis) };
      });
      expectEqual(actual.values, empty);
      expectEqual(actual.indices, empty);
      expectEqual(actual.gradient, ndarray(shape));
    }
  });

  describe('threads', () => {
    let threads: number;
    beforeEach(() => {
      threads = getNumThreads();
    });
    afterEach(() => setNumThreads(threads));

    it.each([1, 2, 3])('gives the same on %i', (count) => {
      setNumThreads(count);
      const x = new Random('topk threads').integers([90, 11, 130], -9, 9);
      check(x, 'float32', 7, true);
      check(x, 'int32', 4, false, 1);
      check(x, 'float64', 50, true, 0);
    });
  });

  it('refuses a k that the axis does not have, and arguments that make no sense', () => {
    const x = () => toTensor(ndarray([3, 4]));
    expectThrows(() => evaluate(() => topk(x(), 5)), 'ShapeError', /topk: k 5.*4 elements.*\[3, 4\].*axis 1/);
    expectThrows(() => evaluate(() => topk(x(), 4, 0)), 'ShapeError', /topk: k 4.*3 elements/);
    for (const k of [-1, 1.5, Number.NaN, '1', undefined, 2 ** 53]) {
      expectThrows(() => evaluate(() => topk(x(), k as number)), 'ReceptiveError', /topk.*\bk\b/);
    }
    for (const axis of [2, -3]) expectThrows(() => evaluate(() => topk(x(), 1, axis)), 'ShapeError', /topk: axis/);
    expectThrows(() => evaluate(() => topk(toTensor(ndarray([])), 1)), 'ShapeError', /topk: axis.*scalar/);
    for (const options of [{ largest: 1 }, { smallest: true }, true, null]) {
      const call = (): unknown => evaluate(() => topk(x(), 1, 1, options as object));
      expectThrows(call, 'ReceptiveError', /topk/, /largest|smallest|options/);
    }
  });

  it('has a gradient that refuses what does not fit, and rejects the read for an index out of range', async () => {
    const indices = () => toTensor(ndarray([3, 2], [0, 1, 2, 3, 0, 4]), 'int32');
    const g = (shape = [3, 2]) => toTensor(ndarray(shape));
    for (const call of [
      () => grad.topk(g([3, 1]), indices(), [3, 4]),
      () => grad.topk(g(), indices(), [2, 4]),
      () => grad.topk(g(), indices(), [3, 4], 2),
    ]) {
      expectThrows(() => evaluate(call), 'ShapeError', /grad\.topk/);
    }
    const [gradOutput, chosen] = [g(), indices()];
    const result = grad.topk(gradOutput, chosen, [3, 4]);
    const error: unknown = await result.data().catch((reason: unknown) => reason);
    expectError(error, 'IndexError', /gatherElementsGrad/, /4/);
    for (const t of [gradOutput, chosen, result]) t.dispose();
  });

  describeContract('topk', { input: { shape: [3], dtypes: numberTypes } }, (t) => topk(t.input, 2));
  describeContract('grad.topk', { gradOutput: { shape: [2] }, indices: { shape: [2], dtypes: ['int32'] } }, (t) =>
    grad.topk(t.gradOutput, t.indices, [3]),
  );
});

import fc from 'fast-check';
import * as receptive from 'receptive';
import {
  argmax,
  argmin,
  getNumThreads,
  grad,
  max,
  mean,
  min,
  setNumThreads,
  sum,
  sumSquares,
  variance,
} from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NdArray, ndarray, scalar, total } from '../reference/ndarray';
import * as reference from '../reference/reduce';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { type FloatDType, Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

type Options = { axis?: number | number[]; keepDims?: boolean };

const problems = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 5 }),
    chosen: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    form: fc.constantFrom('all', 'list', 'one'),
    negative: fc.boolean(),
    keepDims: fc.constantFrom(undefined, true, false),
    seed: fc.nat(),
  })
  .map(({ shape, chosen, form, negative, keepDims, seed }) => {
    const shift = negative ? shape.length : 0;
    const axes = shape.map((_, axis) => axis - shift).filter((_, axis) => chosen[axis]);
    const options: Options = { keepDims };
    if (form === 'list') options.axis = axes;
    if (form === 'one' && axes.length > 0) options.axis = axes[0];
    return { shape, options, seed };
  });

const groupSize = (shape: readonly number[], options: Options): number =>
  reference.reducedAxes(shape.length, options.axis).reduce((size, axis) => size * shape[axis], 1);

function check(x: NdArray, options: Options, dtype: FloatDType): void {
  const actual = evaluate(() => {
    const input = toTensor(x, dtype);
    return {
      sum: sum(input, options),
      mean: mean(input, options),
      max: max(input, options),
      min: min(input, options),
      variance: variance(input, { ...options, correction: 0 }),
    };
  });
  const terms = groupSize(x.shape, options);
  expectClose(actual.sum, reference.sum(x, options), { dtype, terms, scale: 1, what: 'sum' });
  expectClose(actual.mean, reference.mean(x, options), { dtype, terms, scale: 1, what: 'mean' });
  expectEqual(actual.max, reference.max(x, options), 'max');
  expectEqual(actual.min, reference.min(x, options), 'min');
  const expected = reference.variance(x, { ...options, correction: 0 });
  expectClose(actual.variance, expected, { dtype, terms, scale: 1, what: 'variance' });
}

describeOnDevices('reduce', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it('agrees with the reference over any axes', () => {
      fc.assert(
        fc.property(problems, ({ shape, options, seed }) =>
          check(new Random(seed).array(shape, dtype), options, dtype),
        ),
      );
    });

    it.each([
      [[100_003], {}],
      [[3, 4099], { axis: 1 }],
      [[4099, 3], { axis: 0 }],
      [[5, 33, 65], { axis: [0, 2] }],
      [[2, 7, 9, 11], { axis: [1, 3], keepDims: true }],
    ])('agrees with the reference on %j over %j', (shape, options) => {
      check(new Random('long').array(shape, dtype), options, dtype);
    });

    it.each([[[]], [[1]], [[3, 5]], [[0, 3]], [[2, 3, 4099]], [[300_007]]])('adds up squares, %j', (shape) => {
      const random = new Random('squares');
      const [x, exact] = [random.array(shape, dtype, -2, 2), random.integers(shape)];
      const actual = evaluate(() => [sumSquares(toTensor(x, dtype)), sumSquares(toTensor(exact, dtype))]);
      const squares = (a: NdArray): NdArray => scalar(total(a.data.map((v) => v * v)));
      expectClose(actual[0], squares(x), { dtype, terms: 64 });
      expectSame(actual[1], squares(exact));
      expect(actual[0].dtype).toBe(dtype);
    });

    it('adds up squares of NaN, infinities and zeros', () => {
      for (const [values, expected] of [
        [[1, Number.NaN, Infinity], Number.NaN],
        [[1, -Infinity, 2], Infinity],
        [[-0, 0], 0],
      ] as [number[], number][]) {
        expectSame(
          evaluate(() => sumSquares(toTensor(ndarray([values.length], values), dtype))),
          scalar(expected),
        );
      }
    });

    it('differentiates the sum of squares', () => {
      const x = new Random('squares').array([3, 5], dtype);
      const actual = evaluate(() => grad.sumSquares(toTensor(scalar(-3), dtype), toTensor(x, dtype)));
      expectSame(actual, ndarray([3, 5], x.data.map((v) => -6 * v).map(dtype === 'float32' ? Math.fround : Number)));
    });

    it('finds the first of equal extremes, and the first NaN before all others', () => {
      fc.assert(
        fc.property(problems, ({ shape, options: { axis, keepDims }, seed }) => {
          const random = new Random(seed);
          const values = random.choice([[0, 1, 2], [Number.NaN, 1, -1, Infinity, -Infinity], [-Infinity]]);
          const x = { shape, data: ndarray(shape).data.map(() => random.choice(values)) };
          const options = { axis: Array.isArray(axis) ? axis[0] : axis, keepDims };
          const actual = evaluate(() => {
            const input = toTensor(x, dtype);
            return {
              argmax: argmax(input, options),
              argmin: argmin(input, options),
              max: max(input, options),
              min: min(input, options),
            };
          });
          expect([actual.argmax.dtype, actual.argmin.dtype]).toEqual(['int32', 'int32']);
          for (const name of ['argmax', 'argmin', 'max', 'min'] as const) {
            expectEqual(actual[name], reference[name](x, options), name);
          }
        }),
      );
    });

    it('propagates NaN and infinities through sums', () => {
      const x = ndarray([4, 2], [1, Number.NaN, Infinity, 1, Infinity, -Infinity, -Infinity, 2]);
      const actual = evaluate(() => ({
        sum: sum(toTensor(x, dtype), { axis: 1 }),
        mean: mean(toTensor(x, dtype), { axis: 1 }),
      }));
      expectEqual(actual.sum, ndarray([4], [Number.NaN, Infinity, Number.NaN, -Infinity]));
      expectEqual(actual.mean, ndarray([4], [Number.NaN, Infinity, Number.NaN, -Infinity]));
    });

    it('computes a variance without cancelling', () => {
      const offset = 4096;
      const x = ndarray(
        [4],
        [1, 2, 3, 4].map((v) => v + offset),
      );
      expectClose(
        evaluate(() => variance(toTensor(x, dtype))),
        scalar(5 / 3),
        { dtype, terms: 8 },
      );
    });

    it('gives 0 as the sum and NaN as the mean of nothing', () => {
      const actual = evaluate(() => {
        const empty = toTensor(ndarray([0, 3]), dtype);
        return {
          sum: sum(empty, { axis: 0 }),
          all: sum(empty),
          mean: mean(empty, { axis: 0 }),
          kept: sum(empty, { axis: 1 }),
        };
      });
      expectEqual(actual.sum, ndarray([3]));
      expectEqual(actual.all, scalar(0));
      expectEqual(actual.mean, ndarray([3], [Number.NaN, Number.NaN, Number.NaN]));
      expect(actual.kept.shape).toEqual([0]);
    });

    it('differentiates over any axes', () => {
      fc.assert(
        fc.property(problems, ({ shape, options, seed }) => {
          const random = new Random(seed);
          // Few distinct values, so that maxima tie.
          const x = random.integers(shape, -2, 2);
          const output = { max: reference.max(x, options), min: reference.min(x, options) };
          const g = random.array(output.max.shape, dtype);
          const actual = evaluate(() => {
            const [gradOutput, input] = [toTensor(g, dtype), toTensor(x, dtype)];
            return {
              sum: grad.sum(gradOutput, shape, options),
              mean: grad.mean(gradOutput, shape, options),
              max: grad.max(gradOutput, input, toTensor(output.max, dtype), options),
              min: grad.min(gradOutput, input, toTensor(output.min, dtype), options),
              variance: grad.variance(gradOutput, input, { ...options, correction: 0 }),
            };
          });
          const closeness = { dtype, terms: 16, scale: 1 } as const;
          expectEqual(actual.sum, reference.sumGradient(g, shape, options), 'sum');
          expectClose(actual.mean, reference.meanGradient(g, shape, options), { ...closeness, what: 'mean' });
          for (const name of ['max', 'min'] as const) {
            expectClose(actual[name], reference.extremumGradient(g, x, output[name], options), {
              ...closeness,
              what: name,
            });
          }
          const variance0 = reference.varianceGradient(g, x, { ...options, correction: 0 });
          expectClose(actual.variance, variance0, { ...closeness, what: 'variance', terms: 200 });
        }),
      );
    });
  });

  it('has gradients that agree with finite differences', () => {
    const random = new Random('reduce differences');
    const x = random.distinct([2, 3, 4]);
    const options = { axis: [0, 2] };
    const g = random.array([3], 'float64');
    const to = (a: NdArray): AnyTensor => toTensor(a, 'float64');
    const gradients = evaluate(() => ({
      sum: grad.sum(to(g), [2, 3, 4], options),
      mean: grad.mean(to(g), [2, 3, 4], options),
      max: grad.max(to(g), to(x), max(to(x), options), options),
      min: grad.min(to(g), to(x), min(to(x), options), options),
      variance: grad.variance(to(g), to(x), options),
    }));
    for (const [name, gradient] of Object.entries(gradients)) {
      const op = (receptive as unknown as Record<string, (t: AnyTensor, o: Options) => AnyTensor>)[name];
      const f = (probe: NdArray): number =>
        weightedSum(
          evaluate(() => op(to(probe), options)),
          g,
        );
      expectGradient(f, x, gradient, { what: name });
    }
  });

  it('has a gradient of the sum of squares that agrees with finite differences', () => {
    const x = new Random('squares differences').array([2, 3, 4], 'float64');
    const gradient = evaluate(() => grad.sumSquares(toTensor(scalar(2.5), 'float64'), toTensor(x, 'float64')));
    const f = (probe: NdArray): number => 2.5 * evaluate(() => sumSquares(toTensor(probe, 'float64'))).data[0];
    expectGradient(f, x, gradient, { what: 'sumSquares' });
  });

  it('sums integers and booleans to int32, which wraps; their mean is float32', () => {
    const actual = evaluate(() => ({
      int32: sum(toTensor(ndarray([3], [2147483647, 2147483647, 3]), 'int32')),
      uint8: sum(toTensor(ndarray([3], [255, 255, 255]), 'uint8')),
      bool: sum(toTensor(ndarray([4], [1, 0, 1, 1]), 'bool')),
      mean: mean(toTensor(ndarray([2], [2147483647, 2147483647]), 'int32')),
      max: max(toTensor(ndarray([3], [-5, 7, 2]), 'int32')),
      argmin: argmin(toTensor(ndarray([3], [9, 3, 3]), 'uint8')),
    }));
    expect(Object.values(actual).map(({ dtype }) => dtype)).toEqual([
      'int32',
      'int32',
      'int32',
      'float32',
      'int32',
      'int32',
    ]);
    expect(Object.values(actual).map(({ data }) => data[0])).toEqual([1, 765, 3, 2147483648, 7, 1]);
  });

  describe('exactness', () => {
    let threads: number;
    beforeEach(() => {
      threads = getNumThreads();
    });
    afterEach(() => setNumThreads(threads));

    it('gives the same bits for any number of threads', () => {
      const x = new Random('threads').array([37, 10_007], 'float32');
      const run = (count: number) => {
        setNumThreads(count);
        return evaluate(() => {
          const input = toTensor(x);
          return {
            all: sum(input),
            squares: sumSquares(input),
            rows: sum(input, { axis: 1 }),
            columns: mean(input, { axis: 0 }),
            v: variance(input),
          };
        });
      };
      const one = run(1);
      for (const count of [2, 3]) {
        const many = run(count);
        for (const name of ['all', 'squares', 'rows', 'columns', 'v'] as const) expectSame(many[name], one[name], name);
      }
    });
  });

  it('throws for axes that do not exist, repeat or are no integers, and for a maximum of nothing', () => {
    const x = (): AnyTensor => toTensor(ndarray([2, 3]));
    for (const [name, op] of Object.entries({ sum, mean, max, min, argmax, argmin, variance })) {
      const word = new RegExp(`\\b${name}\\b`);
      const call = (axis: unknown) => () =>
        evaluate(() => (op as (t: AnyTensor, o: object) => AnyTensor)(x(), { axis }));
      for (const axis of [2, -3]) expectThrows(call(axis), 'ShapeError', word, /axis/);
      for (const axis of [0.5, Number.NaN, '0', null, {}]) expectThrows(call(axis), 'ReceptiveError', word, /axis/);
      if (!name.startsWith('arg')) expectThrows(call([0, -2]), 'ShapeError', word, /axis/);
      const unknownOption = (): unknown =>
        evaluate(() => (op as (t: AnyTensor, o: object) => AnyTensor)(x(), { axes: 0 }));
      expectThrows(unknownOption, 'ReceptiveError', word, /axes/);
    }
    for (const [name, op] of Object.entries({ max, min, argmax, argmin })) {
      expectThrows(
        () => evaluate(() => op(toTensor(ndarray([0, 3])), { axis: 0 })),
        'ShapeError',
        new RegExp(`\\b${name}\\b`),
      );
    }
  });

  const numeric = ['float32', 'float64', 'int32', 'uint8', 'bool'] as const;
  for (const [name, op] of Object.entries({ sum, mean, max, min, argmax, argmin })) {
    describeContract(name, { input: { shape: [2, 3], dtypes: numeric } }, (t) =>
      (op as (x: AnyTensor) => AnyTensor)(t.input),
    );
  }
  describeContract('variance', { input: { shape: [2, 3] } }, (t) => variance(t.input));
  describeContract('sumSquares', { input: { shape: [2, 3] } }, (t) => sumSquares(t.input));
  describeContract('grad.sumSquares', { gradOutput: { shape: [] }, input: { shape: [2, 3] } }, (t) =>
    grad.sumSquares(t.gradOutput, t.input),
  );
  describeContract('grad.sum', { gradOutput: { shape: [2] } }, (t) => grad.sum(t.gradOutput, [2, 3], { axis: 1 }));
  describeContract('grad.mean', { gradOutput: { shape: [2] } }, (t) => grad.mean(t.gradOutput, [2, 3], { axis: 1 }));
});

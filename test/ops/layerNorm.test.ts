import fc from 'fast-check';
import {
  getNumThreads,
  grad,
  type LayerNormOptions,
  layerNorm,
  layerNormWithStatistics,
  setNumThreads,
} from 'receptive';
import { afterEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/layerNorm';
import { map, type NdArray, ndarray, sizeOf } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { type ErrorName, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const options = (o: Record<string, unknown>): LayerNormOptions<'float32' | 'float64'> =>
  o as LayerNormOptions<'float32' | 'float64'>;

const problems = fc
  .record({
    lead: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
    row: fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 37)), { minLength: 1, maxLength: 3 }),
    weighted: fc.boolean(),
    biased: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ lead, row, ...rest }) => ({ shape: [...lead, ...row], row, ...rest }));

describeOnDevices('layerNorm', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    const given = (x: NdArray) => toTensor(x, dtype) as AnyTensor;
    const rounded = dtype === 'float32' ? Math.fround : Number;

    it('agrees with the reference, its gradients too', () => {
      fc.assert(
        fc.property(problems, ({ shape, row, weighted, biased, seed }) => {
          const random = new Random(seed);
          const [x, g] = [random.array(shape, dtype, -2, 2), random.array(shape, dtype)];
          const weight = weighted ? random.array(row, dtype, -2, 2) : undefined;
          const bias = biased ? random.array(row, dtype) : undefined;
          const expected = reference.layerNorm(x, row.length, { weight, bias, epsilon: 0.01 });
          const [mean, exact] = [expected.mean, expected.inverseStd].map((array) => map(array, rounded));
          const normalizedShape = row.length === 1 && seed % 2 === 0 ? row[0] : row;
          const actual = evaluate(() => {
            const maybe = (array: NdArray | undefined) => (array === undefined ? null : given(array));
            const o = options({ normalizedShape, weight: maybe(weight), bias: maybe(bias), epsilon: 0.01 });
            return {
              plain: layerNorm(given(x), o),
              full: layerNormWithStatistics(given(x), o),
              gradients: grad.layerNorm(given(g), given(x), given(mean), given(exact), {
                ...{ normalizedShape, weight: maybe(weight) },
              }),
            };
          });
          const n = sizeOf(row);
          expectSame(actual.plain, actual.full.output);
          expectClose(actual.full.mean, expected.mean, { dtype, terms: 8, scale: 2 });
          expectClose(actual.full.inverseStd, expected.inverseStd, { dtype, terms: 8, scale: 100 });
          expectClose(actual.plain, expected.output, { dtype, terms: 16, scale: 20 });
          const gradients = reference.layerNormGradient(g, x, mean, exact, row.length, weight);
          expectClose(actual.gradients.input as NdArray, gradients.input, { dtype, terms: n, scale: 100 });
          const sums = { dtype, terms: sizeOf(shape) / n, scale: 10 };
          if (weighted) expectClose(actual.gradients.weight as unknown as NdArray, gradients.weight, sums);
          else expect(actual.gradients.weight).toBeNull();
          expectClose(actual.gradients.bias as NdArray, gradients.bias, sums);
        }),
      );
    });

    it.each([
      [3000, 64],
      [700, 197],
      [90_001, 1],
      [40_000, 3],
      [9, 20_000],
    ])('has the same bits with any number of threads: [%i, %i]', (rows, n) => {
      const random = new Random(`threads ${rows}`);
      const [x, g] = [random.array([rows, n], dtype), random.array([rows, n], dtype)];
      const run = () =>
        evaluate(() => {
          const { output, mean, inverseStd } = layerNormWithStatistics(given(x));
          return { output, ...grad.layerNorm(given(g), given(x), mean, inverseStd, {}) };
        });
      setNumThreads(1);
      const one = run();
      setNumThreads(3);
      const three = run();
      expectSame(three.output, one.output);
      expectSame(three.input as NdArray, one.input as NdArray);
      expectSame(three.bias as NdArray, one.bias as NdArray);
      const expected = reference.layerNorm(x, 1);
      // Rows of few values, some of which are nearly equal, depend on the rounding of their mean.
      expectClose(one.output, expected.output, { dtype, terms: 8, scale: n < 10 ? 100 : 4 });
      const { bias, input } = reference.layerNormGradient(g, x, expected.mean, expected.inverseStd, 1);
      expectClose(one.bias as NdArray, bias, { dtype, terms: 40, scale: Math.sqrt(rows) });
      if (n > 1) expectClose(one.input as NdArray, input, { dtype, terms: 40, scale: n < 10 ? 400 : 4 });
    });
    const threads = getNumThreads();
    afterEach(() => setNumThreads(threads));

    it('loses nothing to a large mean', () => {
      const x = map(new Random('large mean').array([5, 3000], 'float32', -1.7, 1.7), (v) => Math.fround(1000 + v));
      const { output, mean, inverseStd } = evaluate(() => layerNormWithStatistics(given(x)));
      const expected = reference.layerNorm(x, 1);
      expectClose(inverseStd, expected.inverseStd, { dtype, terms: 1 });
      // The mean itself has the spacing of floats near 1000.
      const spacing = dtype === 'float32' ? 2 ** -14 : 2 ** -43;
      for (const [r, m] of expected.mean.data.entries()) expect(Math.abs(mean.data[r] - m)).toBeLessThan(spacing);
      expectClose(output, expected.output, { dtype, terms: 600 });
    });

    it('gives exactly the bias in a constant row', () => {
      const x = ndarray([2, 5], [7.25, 7.25, 7.25, 7.25, 7.25, -0.5, -0.5, -0.5, -0.5, -0.5]);
      const bias = ndarray([5], [1, 2, 3, 4, 5]);
      const actual = evaluate(() => layerNorm(given(x), options({ bias: given(bias) })));
      expectEqual(actual, ndarray([2, 5], [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]));
    });

    it('keeps a NaN or an infinity within its row', () => {
      const x = new Random('layerNorm NaN').array([4, 19], dtype);
      x.data[25] = Number.NaN;
      x.data[38] = Number.NEGATIVE_INFINITY; // the first of its row
      const { output, mean } = evaluate(() => layerNormWithStatistics(given(x)));
      const rows = [0, 1, 2, 3].map((r) => [...output.data.subarray(19 * r, 19 * r + 19)].map(Number.isNaN));
      expect(rows.map((r) => [r.some(Boolean), r.every(Boolean)])).toEqual([
        [false, false],
        [true, true],
        [true, true],
        [false, false],
      ]);
      expect(mean.data[2]).toBe(Number.NEGATIVE_INFINITY);
    });

    it('takes empty tensors', () => {
      const { none, nothing } = evaluate(() => {
        const [x, y] = [given(ndarray([0, 4])), given(ndarray([2, 0]))];
        const of = (t: AnyTensor) => {
          const forward = layerNormWithStatistics(t);
          return { ...forward, gradients: grad.layerNorm(t, t, forward.mean, forward.inverseStd) };
        };
        return { none: of(x), nothing: of(y) };
      });
      expect(none.output.shape).toEqual([0, 4]);
      expect(none.mean.shape).toEqual([0]);
      expectEqual(none.gradients.bias as NdArray, ndarray([4]));
      expect(nothing.output.shape).toEqual([2, 0]);
      expect([...nothing.mean.data]).toEqual([Number.NaN, Number.NaN]);
      expect(nothing.gradients.bias?.shape).toEqual([0]);
    });
  });

  it.each([
    [[3, 4, 5], 1],
    [[3, 4, 5], 2],
    [[7, 3], 1],
    [[2, 3, 2], 3],
  ])('has gradients that agree with finite differences: %j, the last %i axes', (shape, axes) => {
    const random = new Random(`layerNorm ${shape}`);
    const row = shape.slice(-axes);
    const [x, g] = [random.array(shape, 'float64', -2, 2), random.array(shape, 'float64')];
    const [weight, bias] = [random.array(row, 'float64', 0.5, 2), random.array(row, 'float64')];
    const t = (array: NdArray): AnyTensor => toTensor(array, 'float64') as AnyTensor;
    const value = (o: { x?: NdArray; weight?: NdArray; bias?: NdArray }): number =>
      weightedSum(
        evaluate(() =>
          layerNorm(
            t(o.x ?? x),
            options({ normalizedShape: row, weight: t(o.weight ?? weight), bias: t(o.bias ?? bias) }),
          ),
        ),
        g,
      );
    const actual = evaluate(() => {
      const { mean, inverseStd } = layerNormWithStatistics(t(x), options({ normalizedShape: row }));
      return grad.layerNorm(t(g), t(x), mean, inverseStd, { normalizedShape: row, weight: t(weight) });
    });
    expectGradient((probe) => value({ x: probe }), x, actual.input as NdArray);
    expectGradient((probe) => value({ weight: probe }), weight, actual.weight as unknown as NdArray);
    expectGradient((probe) => value({ bias: probe }), bias, actual.bias as NdArray);
  });

  it('gives the gradients asked for', () => {
    const t = (shape: number[]) => toTensor(ndarray(shape, new Array(sizeOf(shape)).fill(1)));
    for (const chosen of ['inputGrad', 'weightGrad', 'biasGrad']) {
      const flags = { inputGrad: false, weightGrad: false, biasGrad: false, [chosen]: true };
      const result = evaluate(() => grad.layerNorm(t([2, 3]), t([2, 3]), t([2]), t([2]), { weight: t([3]), ...flags }));
      const names = Object.entries(result).filter(([, value]) => value !== null);
      expect(names.map(([name]) => `${name}Grad`)).toEqual([chosen]);
    }
  });

  it('refuses what does not fit', () => {
    const t = (shape: number[], dtype: 'float32' | 'float64' = 'float32') =>
      toTensor(ndarray(shape), dtype) as AnyTensor;
    const x = () => t([2, 3, 4]);
    const cases: [ErrorName, RegExp, () => unknown][] = [
      ['ShapeError', /scalar/, () => layerNorm(t([]))],
      ['ShapeError', /normalizedShape \[3\].*\[2, 3, 4\]/, () => layerNorm(x(), options({ normalizedShape: 3 }))],
      ['ShapeError', /normalizedShape/, () => layerNorm(x(), options({ normalizedShape: [] }))],
      ['ShapeError', /normalizedShape/, () => layerNorm(x(), options({ normalizedShape: [1, 2, 3, 4] }))],
      ['ArgumentError', /normalizedShape/, () => layerNorm(x(), options({ normalizedShape: 1.5 }))],
      ['ShapeError', /weight/, () => layerNorm(x(), options({ weight: t([3]) }))],
      ['ShapeError', /bias/, () => layerNorm(x(), options({ normalizedShape: [3, 4], bias: t([4]) }))],
      ['DTypeError', /bias/, () => layerNorm(x(), options({ bias: t([4], 'float64') }))],
      ['ArgumentError', /epsilon/, () => layerNorm(x(), options({ epsilon: Number.NaN }))],
      ['ShapeError', /mean/, () => grad.layerNorm(x(), x(), t([2]), t([2, 3]))],
      ['ShapeError', /gradOutput/, () => grad.layerNorm(t([2, 3]), x(), t([2, 3]), t([2, 3]))],
    ];
    for (const [type, message, call] of cases) expectThrows(() => evaluate(call), type, /layerNorm/, message);
  });

  const perElement = { shape: [3], optional: true };
  describeContract(
    'layerNorm',
    { input: { shape: [2, 3] }, weight: perElement, bias: perElement },
    ({ input, ...rest }) => layerNorm(input, rest),
  );
  describeContract('layerNormWithStatistics', { input: { shape: [2, 3] } }, ({ input }) =>
    layerNormWithStatistics(input),
  );
  describeContract(
    'grad.layerNorm',
    {
      ...{ gradOutput: { shape: [2, 3] }, input: { shape: [2, 3] }, mean: { shape: [2] } },
      ...{ inverseStd: { shape: [2] }, weight: perElement },
    },
    (a) => grad.layerNorm(a.gradOutput, a.input, a.mean, a.inverseStd, { weight: a.weight }),
  );
});

import fc from 'fast-check';
import { getNumThreads, grad, type LocalResponseNormOptions, localResponseNorm, setNumThreads } from 'receptive';
import { afterEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/localResponseNorm';
import { type NdArray, ndarray, permute } from '../reference/ndarray';
import { expectClose, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { type ErrorName, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const problems = fc
  .record({
    lead: fc.integer({ min: 1, max: 4 }),
    channels: fc.integer({ min: 1, max: 40 }),
    rest: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 3 }),
    last: fc.boolean(),
    size: fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom(30, 1000, 2 ** 40)),
    alpha: fc.constantFrom(undefined, 0.5, 3),
    beta: fc.constantFrom(undefined, 0.75, 0.5, 1, 0.3, 2),
    k: fc.constantFrom(undefined, 2, 0.5),
    seed: fc.nat(),
  })
  .map(({ lead, channels, rest, last, ...settings }) => ({
    shape: last ? [lead, ...rest, channels] : [lead, channels, ...rest],
    last,
    ...settings,
  }));

describeOnDevices('localResponseNorm', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    const given = (x: NdArray) => toTensor(x, dtype) as AnyTensor;
    const both = (x: NdArray, g: NdArray, o: LocalResponseNormOptions) =>
      evaluate(() => {
        const output = localResponseNorm(given(x), o);
        return { output, gradient: grad.localResponseNorm(given(g), given(x), output, o) };
      });

    it('agrees with the reference, its gradient too', () => {
      fc.assert(
        fc.property(problems, ({ shape, last, seed, size, alpha, beta, k }) => {
          const random = new Random(seed);
          const [x, g] = [random.array(shape, dtype, -2, 2), random.array(shape, dtype)];
          const settings = { size, alpha, beta, k };
          const actual = both(x, g, { ...settings, layout: last ? 'NHWC' : 'NCHW' });
          const bounded = { ...settings, size: Math.min(size, 1000), last };
          // Windows beyond all channels are alike, but for the divisor of alpha.
          const expected = { ...bounded, alpha: ((alpha ?? 1e-4) * bounded.size) / size };
          const terms = 12 + Math.min(size, 40);
          expectClose(actual.output, reference.localResponseNorm(x, expected), { dtype, terms, scale: 8 });
          expectClose(actual.gradient, reference.localResponseNormGradient(g, x, expected), {
            dtype,
            terms,
            scale: 60,
          });
        }),
      );
    });

    it.each([
      ['NCHW', [3, 96, 27, 31], 5],
      ['NCHW', [40, 17, 13, 9], 4],
      ['NHWC', [2, 25, 21, 96], 5],
      ['NHWC', [70_001, 3], 2],
    ] as ['NCHW' | 'NHWC', number[], number][])(
      'has the same bits with any number of threads: %s %j, size %i',
      (layout, shape, size) => {
        const random = new Random(`threads ${shape}`);
        const [x, g] = [random.array(shape, dtype, -9, 9), random.array(shape, dtype)];
        const o = { size, alpha: 0.1, k: 2, layout };
        setNumThreads(1);
        const one = both(x, g, o);
        setNumThreads(3);
        const three = both(x, g, o);
        expectSame(three.output, one.output);
        expectSame(three.gradient, one.gradient);
        const last = layout === 'NHWC';
        expectClose(one.output, reference.localResponseNorm(x, { ...o, last }), { dtype, terms: 16, scale: 8 });
        const expected = reference.localResponseNormGradient(g, x, { ...o, last });
        expectClose(one.gradient, expected, { dtype, terms: 16, scale: 8 });
      },
    );
    const threads = getNumThreads();
    afterEach(() => setNumThreads(threads));

    it('has the window of PyTorch: floor(size / 2) channels before, ceil(size / 2) - 1 after', () => {
      const x = ndarray([1, 6], [1, 0, 0, 2, 0, 4]);
      const o = { size: 4, alpha: 4, beta: 1, k: 1 };
      const actual = evaluate(() => localResponseNorm(given(x), o));
      // Windows: c - 2 … c + 1.
      const expected = [1 / (1 + 1), 0, 0, 2 / (1 + 4), 0, 4 / (1 + 4 + 16)];
      expectClose(actual, ndarray([1, 6], expected), { dtype });
      // The transposed problem, with channels second and pixels behind them.
      const wide = permute(ndarray([3, 1, 6], [...x.data, ...x.data, ...x.data]), [1, 2, 0]);
      const columns = evaluate(() => localResponseNorm(given(wide), o));
      expectClose(
        columns,
        ndarray(
          [1, 6, 3],
          expected.flatMap((v) => [v, v, v]),
        ),
        { dtype },
      );
    });

    it('gives NaN to every window with a NaN in it, and to no other', () => {
      const x = new Random('lrn NaN').array([1, 9, 3], dtype);
      x.data[4 * 3 + 1] = Number.NaN;
      const actual = evaluate(() => localResponseNorm(given(x), { size: 3 }));
      const nan = [...actual.data].flatMap((v, i) => (Number.isNaN(v) ? [i] : []));
      expect(nan).toEqual([3 * 3 + 1, 4 * 3 + 1, 5 * 3 + 1]);
    });

    it('takes zeros, signed ones too, and infinities', () => {
      const x = ndarray([1, 5], [0, -0, Infinity, 1, -0]);
      const { data } = evaluate(() => localResponseNorm(given(x), { size: 1 }));
      expect(Object.is(data[0], 0) && Object.is(data[1], -0) && Object.is(data[4], -0)).toBe(true);
      expect(data[2]).toBeNaN(); // an infinity times a power that is 0
      const k0 = evaluate(() => localResponseNorm(given(ndarray([1, 1])), { size: 1, k: 0 }));
      expect(k0.data[0]).toBeNaN(); // 0 / 0
    });

    it('takes empty tensors', () => {
      for (const shape of [
        [0, 3, 2],
        [2, 0],
        [2, 3, 0, 4],
      ]) {
        const { output, gradient } = both(ndarray(shape), ndarray(shape), { size: 3 });
        expect([output.shape, gradient.shape]).toEqual([shape, shape]);
      }
    });
  });

  it.each([
    ['NCHW', [2, 7, 3, 2], { size: 3, alpha: 2, k: 1.5 }],
    ['NCHW', [1, 7, 5], { size: 4, alpha: 3, beta: 0.6 }],
    ['NHWC', [2, 3, 6], { size: 5, alpha: 2, beta: 0.5 }],
    ['NHWC', [2, 3, 6], { size: 2, alpha: 2, beta: 1 }],
  ] as const)('has a gradient that agrees with finite differences: %s %j %j', (layout, shape, settings) => {
    const random = new Random(`lrn ${shape}`);
    const [x, g] = [random.array(shape, 'float64', -2, 2), random.array(shape, 'float64')];
    const o = { ...settings, layout };
    const t = (array: NdArray) => toTensor(array, 'float64');
    const gradient = evaluate(() => grad.localResponseNorm(t(g), t(x), localResponseNorm(t(x), o), o));
    const value = (probe: NdArray): number =>
      weightedSum(
        evaluate(() => localResponseNorm(t(probe), o)),
        g,
      );
    expectGradient(value, x, gradient);
  });

  it('refuses what does not fit', () => {
    const t = (shape: number[]) => toTensor(ndarray(shape)) as AnyTensor;
    const call = (o: unknown, shape = [2, 3]) => localResponseNorm(t(shape), o as LocalResponseNormOptions);
    const cases: [ErrorName, RegExp, () => unknown][] = [
      ['ArgumentError', /size/, () => call(undefined)],
      ['ArgumentError', /size/, () => call({ size: 0 })],
      ['ArgumentError', /size/, () => call({ size: 1.5 })],
      ['ArgumentError', /alpha/, () => call({ size: 1, alpha: Infinity })],
      ['ArgumentError', /beta/, () => call({ size: 1, beta: '1' })],
      ['ArgumentError', /\bk\b/, () => call({ size: 1, k: Number.NaN })],
      ['ArgumentError', /layout/, () => call({ size: 1, layout: 'CHW' })],
      ['ShapeError', /input/, () => call({ size: 1 }, [3])],
      ['ShapeError', /output/, () => grad.localResponseNorm(t([2, 3]), t([2, 3]), t([3, 2]), { size: 1 })],
    ];
    for (const [type, message, f] of cases) expectThrows(() => evaluate(f), type, /localResponseNorm/, message);
  });

  describeContract('localResponseNorm', { input: { shape: [2, 3] } }, (a) => localResponseNorm(a.input, { size: 3 }));
  describeContract(
    'grad.localResponseNorm',
    { gradOutput: { shape: [2, 3] }, input: { shape: [2, 3] }, output: { shape: [2, 3] } },
    (a) => grad.localResponseNorm(a.gradOutput, a.input, a.output, { size: 3 }),
  );
});

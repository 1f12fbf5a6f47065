import fc from 'fast-check';
import {
  type BatchNormOptions,
  batchNorm,
  batchNormWithStatistics,
  getNumThreads,
  grad,
  setNumThreads,
} from 'receptive';
import { afterEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/batchNorm';
import { fill, map, type NdArray, ndarray, permute, sizeOf } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { type ErrorName, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { type FloatDType, Random } from '../support/random';
import { type AnyTensor, evaluate, read, toTensor } from '../support/tensors';

type Options = BatchNormOptions<'float32' | 'float64'>;
const options = (o: Record<string, unknown>): Options => o as Options;

/** Shapes with the channels second; NHWC is made by moving them. */
const shapes = fc
  .record({
    lead: fc.integer({ min: 1, max: 6 }),
    channels: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(33, 70)),
    rest: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
    last: fc.boolean(),
    seed: fc.nat(),
  })
  .filter(({ lead, rest }) => lead * sizeOf(rest) > 1)
  .map(({ lead, channels, rest, last, seed }) => ({
    shape: last ? [lead, ...rest, channels] : [lead, channels, ...rest],
    channels,
    last,
    seed,
  }));

const layoutOf = (last: boolean): 'NHWC' | 'NCHW' => (last ? 'NHWC' : 'NCHW');

/** mean + x: what distinguishes a good variance from a bad one. */
const shifted = (x: NdArray, mean: number): NdArray => map(x, (v) => Math.fround(v + mean));

describeOnDevices('batchNorm', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    const given = (x: NdArray) => toTensor(x, dtype) as AnyTensor;

    it('agrees with the reference in inference', () => {
      fc.assert(
        fc.property(shapes, fc.boolean(), fc.boolean(), ({ shape, channels, last, seed }, weighted, biased) => {
          const random = new Random(seed);
          const x = random.array(shape, dtype);
          const perChannel = (low: number, high: number) => random.array([channels], dtype, low, high);
          const [mean, variance] = [perChannel(-1, 1), perChannel(0.5, 2)];
          const weight = weighted ? perChannel(-2, 2) : undefined;
          const bias = biased ? perChannel(-1, 1) : undefined;
          const actual = evaluate(() =>
            batchNorm(
              given(x),
              options({
                runningMean: given(mean),
                runningVar: given(variance),
                layout: layoutOf(last),
                ...(weight === undefined ? {} : { weight: given(weight) }),
                bias: bias === undefined ? null : given(bias),
              }),
            ),
          );
          expectClose(actual, reference.batchNorm(x, { mean, variance }, { weight, bias, last }), { dtype, terms: 8 });
        }),
      );
    });

    it('agrees with the reference in training, with its statistics and their update', () => {
      fc.assert(
        fc.property(shapes, ({ shape, channels, last, seed }) => {
          const random = new Random(seed);
          const x = random.array(shape, dtype, -2, 3);
          const perChannel = () => random.array([channels], dtype, 0.5, 2);
          const [weight, bias] = [perChannel(), perChannel()];
          const running = { mean: perChannel(), variance: perChannel() };
          const actual = evaluate(() => {
            const [runningMean, runningVar] = [given(running.mean), given(running.variance)];
            const result = batchNormWithStatistics(
              given(x),
              options({
                ...{ runningMean, runningVar, weight: given(weight), bias: given(bias) },
                ...{ training: true, momentum: 0.3, epsilon: 1e-3, layout: layoutOf(last) },
              }),
            );
            return { ...result, runningMean, runningVar };
          });
          const batch = reference.statistics(x, last);
          const n = x.data.length / channels;
          const close = { dtype, terms: 16, scale: 4 };
          const expected = reference.batchNorm(x, batch, { weight, bias, epsilon: 1e-3, last });
          expectClose(actual.mean, batch.mean, close);
          expectClose(
            actual.inverseStd,
            map(batch.variance, (v) => 1 / Math.sqrt(v + 1e-3)),
            // One half of the variance's relative error, which grows where the values are nearly equal.
            { dtype, terms: 16, scale: Math.max(4, ...batch.variance.data.map((v) => (v + 1e-3) ** -1.5)) },
          );
          const scale = Math.max(4, ...batch.variance.data.map((v) => 4 / (v + 1e-3)));
          expectClose(actual.output, expected, { dtype, terms: 24, scale });
          const next = reference.updated(running, batch, 0.3, n);
          expectClose(actual.runningMean, next.mean, close);
          expectClose(actual.runningVar, next.variance, { dtype, terms: 16, scale: 8 });
        }),
      );
    });

    it('has gradients that agree with the reference', () => {
      fc.assert(
        fc.property(shapes, fc.boolean(), fc.boolean(), ({ shape, channels, last, seed }, training, weighted) => {
          const random = new Random(seed);
          const x = random.array(shape, dtype, -2, 2);
          const g = random.array(shape, dtype);
          const [mean, inverseStd] = [random.array([channels], dtype), random.array([channels], dtype, 0.5, 2)];
          const weight = weighted ? random.array([channels], dtype, -2, 2) : undefined;
          const actual = evaluate(() =>
            grad.batchNorm(given(g), given(x), given(mean), given(inverseStd), {
              ...{ training, layout: layoutOf(last), weight: weight === undefined ? null : given(weight) },
            }),
          );
          const expected = reference.batchNormGradient(g, x, mean, inverseStd, { weight, training, last });
          const n = x.data.length / channels;
          expectClose(actual.input as NdArray, expected.input, { dtype, terms: 60, scale: 40 });
          if (weighted)
            expectClose(actual.weight as unknown as NdArray, expected.weight, { dtype, terms: n, scale: 6 });
          else expect(actual.weight).toBeNull();
          expectClose(actual.bias as NdArray, expected.bias, { dtype, terms: n, scale: 2 });
        }),
      );
    });

    // Planes that are cut, several images, channels few and many, sizes around a pack and a line.
    it.each([
      [[2, 3, 210, 171], 'NCHW'],
      [[70, 5, 31, 33], 'NCHW'],
      [[130, 40, 7, 7], 'NCHW'],
      [[3, 64, 64], 'NCHW'],
      [[5000, 3], 'NCHW'],
      [[301, 1030], 'NCHW'],
      [[2, 65, 61, 3], 'NHWC'],
      [[4, 31, 33, 40], 'NHWC'],
      [[90_000, 1], 'NHWC'],
      [[257, 300, 2], 'NHWC'],
    ] as [number[], 'NCHW' | 'NHWC'][])('has the same bits with any number of threads: %j %s', (shape, layout) => {
      const random = new Random(`threads ${shape}`);
      const x = shifted(random.array(shape, 'float32'), 3);
      const g = random.array(shape, dtype);
      const last = layout === 'NHWC';
      const run = () =>
        evaluate(() => {
          const [input, gradOutput] = [given(x), given(g)];
          const forward = batchNormWithStatistics(input, options({ training: true, layout }));
          const { mean, inverseStd } = forward;
          return {
            forward,
            gradients: grad.batchNorm(gradOutput, input, mean, inverseStd, { training: true, layout }),
          };
        });
      setNumThreads(1);
      const one = run();
      setNumThreads(3);
      const three = run();
      expectSame(three.forward.output, one.forward.output);
      expectSame(three.gradients.input as NdArray, one.gradients.input as NdArray);
      expectSame(three.gradients.bias as NdArray, one.gradients.bias as NdArray);
      const batch = reference.statistics(x, last);
      expectClose(one.forward.output, reference.batchNorm(x, batch, { last }), { dtype, terms: 40, scale: 4 });
      const inverse = map(batch.variance, (v) => 1 / Math.sqrt(v + 1e-5));
      const expected = reference.batchNormGradient(g, x, batch.mean, inverse, { training: true, last });
      expectClose(one.gradients.input as NdArray, expected.input, { dtype, terms: 40, scale: 8 });
      const { bias } = expected;
      expectClose(one.gradients.bias as NdArray, bias, { dtype, terms: 40, scale: Math.sqrt(x.data.length) });
    });
    const threads = getNumThreads();
    afterEach(() => setNumThreads(threads));

    it.each([false, true])('loses nothing to a large mean (channels last: %s)', (last) => {
      const random = new Random('large mean');
      const x = shifted(random.array([8, 4, 40, 50], 'float32', -1.7, 1.7), 1000);
      const input = last ? permute(x, [0, 2, 3, 1]) : x;
      const { mean, variance } = reference.statistics(input, last);
      const actual = evaluate(() => {
        const [runningMean, runningVar] = [given(ndarray([4])), given(ndarray([4]))];
        const o = { runningMean, runningVar, training: true, momentum: 1, layout: layoutOf(last) };
        return { output: batchNorm(given(input), options(o)), runningMean, runningVar };
      });
      // Of the mean there is no better float than the nearest one.
      for (const [c, m] of mean.data.entries())
        expect(actual.runningMean.data[c]).toBeCloseTo(m, dtype === 'float32' ? 4 : 10);
      const n = 8 * 40 * 50;
      expectClose(
        actual.runningVar,
        map(variance, (v) => (v * n) / (n - 1)),
        { dtype, terms: 4 },
      );
      const rounded = dtype === 'float32' ? map(mean, Math.fround) : mean;
      expectClose(actual.output, reference.batchNorm(input, { mean: rounded, variance }, { last }), {
        dtype,
        terms: 8,
      });
    });

    it.each([false, true])('is accurate where a first image or a sample misleads (channels last: %s)', (last) => {
      const random = new Random('misleading');
      const x = random.array([6, 3, 31, 37], 'float32', -1, 1);
      // The first image is 0, the others are near 500; and one far off.
      x.data.forEach((v, i) => {
        x.data[i] = i < 3 * 31 * 37 ? 0 : Math.fround(500 + v);
      });
      x.data[0] = 1e6;
      const input = last ? permute(x, [0, 2, 3, 1]) : x;
      const expected = reference.statistics(input, last);
      const actual = evaluate(() => {
        const [runningMean, runningVar] = [given(ndarray([3])), given(ndarray([3]))];
        batchNorm(
          given(input),
          options({ runningMean, runningVar, training: true, momentum: 1, layout: layoutOf(last) }),
        );
        return { runningMean, runningVar };
      });
      const n = 6 * 31 * 37;
      const relative = (a: NdArray, b: NdArray): NdArray => fill([3], ([c]) => a.data[c] / b.data[c]);
      const scale = Math.sqrt(Math.max(...expected.variance.data));
      expectClose(actual.runningMean, expected.mean, { dtype, terms: 8, scale });
      const unbiased = map(expected.variance, (v) => (v * n) / (n - 1));
      expectClose(relative(actual.runningVar, unbiased), ndarray([3], [1, 1, 1]), { dtype, terms: 100 });
    });

    it('gives exactly the bias where a channel is constant', () => {
      const x = fill([3, 2, 5, 7], ([, c]) => (c === 0 ? 1000.5 : -0.1));
      const exact = dtype === 'float32' ? map(x, Math.fround) : x;
      const actual = evaluate(() =>
        batchNorm(given(exact), options({ training: true, bias: given(ndarray([2], [0.5, 2])) })),
      );
      expectEqual(
        actual,
        fill([3, 2, 5, 7], ([, c]) => (c === 0 ? 0.5 : 2)),
      );
    });

    it('keeps a NaN or an infinity within its channel', () => {
      const x = new Random('batchNorm NaN').array([3, 4, 2, 5], dtype);
      x.data[7] = Number.NaN; // channel 0
      x.data[23] = Number.POSITIVE_INFINITY; // channel 2
      const { output, mean } = evaluate(() => batchNormWithStatistics(given(x), options({ training: true })));
      const nansOf = (c: number): boolean[] =>
        [0, 1, 2].flatMap((n) => [...output.data.subarray((n * 4 + c) * 10, (n * 4 + c + 1) * 10)].map(Number.isNaN));
      expect([0, 1, 2, 3].map((c) => [nansOf(c).some(Boolean), nansOf(c).every(Boolean)])).toEqual([
        [true, true],
        [false, false],
        [true, true],
        [false, false],
      ]);
      expect(mean.data[2]).toBe(Number.POSITIVE_INFINITY);
      const inference = evaluate(() =>
        batchNorm(
          given(x),
          options({ runningMean: given(ndarray([4])), runningVar: given(ndarray([4], [1, 1, 1, 1])) }),
        ),
      );
      expect([...inference.data].filter(Number.isNaN)).toHaveLength(1);
      expect(inference.data[23]).toBe(Number.POSITIVE_INFINITY);
    });

    it('takes empty batches: statistics of nothing are NaN and change no running ones', () => {
      const actual = evaluate(() => {
        const [runningMean, runningVar] = [given(ndarray([3], [1, 2, 3])), given(ndarray([3], [4, 5, 6]))];
        const x = given(ndarray([0, 3, 4, 5]));
        const training = batchNormWithStatistics(x, options({ runningMean, runningVar, training: true }));
        const gradients = grad.batchNorm(x, x, training.mean, training.inverseStd, {
          training: true,
          weight: runningVar,
        });
        return { training, gradients, runningMean, inference: batchNorm(x, options({ runningMean, runningVar })) };
      });
      expect(actual.inference.shape).toEqual([0, 3, 4, 5]);
      expect(actual.training.output.shape).toEqual([0, 3, 4, 5]);
      expect([...actual.training.mean.data]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
      expectEqual(actual.runningMean, ndarray([3], [1, 2, 3]));
      expect(actual.gradients.input?.shape).toEqual([0, 3, 4, 5]);
      expectEqual(actual.gradients.weight as unknown as NdArray, ndarray([3]));
      expectEqual(actual.gradients.bias as unknown as NdArray, ndarray([3]));
      expect(evaluate(() => batchNorm(given(ndarray([2, 0])), options({ training: true }))).shape).toEqual([2, 0]);
      expect(evaluate(() => batchNorm(given(ndarray([2, 3, 0])), options({ training: true }))).shape).toEqual([
        2, 3, 0,
      ]);
    });
  });

  it.each([
    ['NCHW', [3, 4, 2, 3], true],
    ['NHWC', [3, 2, 3, 4], true],
    ['NCHW', [5, 3], true],
    ['NCHW', [3, 4, 2, 3], false],
  ] as ['NCHW' | 'NHWC', number[], boolean][])(
    'has gradients that agree with finite differences: %s %j, training %s',
    (layout, shape, training) => {
      const random = new Random(`batchNorm ${shape}`);
      const channels = layout === 'NHWC' ? shape[shape.length - 1] : shape[1];
      const perChannel = (low: number, high: number): NdArray => random.array([channels], 'float64', low, high);
      const [x, g] = [random.array(shape, 'float64', -2, 2), random.array(shape, 'float64')];
      const [weight, bias, runningMean, runningVar] = [
        ...[perChannel(0.5, 2), perChannel(-1, 1), perChannel(-1, 1), perChannel(0.5, 2)],
      ];
      const t = (array: NdArray): AnyTensor => toTensor(array, 'float64') as AnyTensor;
      const forward = (given: { x?: NdArray; weight?: NdArray; bias?: NdArray }) =>
        batchNormWithStatistics(
          t(given.x ?? x),
          options({
            ...{ weight: t(given.weight ?? weight), bias: t(given.bias ?? bias), layout, training },
            ...(training ? {} : { runningMean: t(runningMean), runningVar: t(runningVar) }),
          }),
        );
      const { input, ...rest } = evaluate(() => {
        const { mean, inverseStd } = forward({});
        return grad.batchNorm(t(g), t(x), mean, inverseStd, { weight: t(weight), layout, training });
      });
      const value = (given: { x?: NdArray; weight?: NdArray; bias?: NdArray }): number =>
        weightedSum(
          evaluate(() => forward(given).output),
          g,
        );
      expectGradient((probe) => value({ x: probe }), x, input as NdArray);
      expectGradient((probe) => value({ weight: probe }), weight, rest.weight as unknown as NdArray);
      expectGradient((probe) => value({ bias: probe }), bias, rest.bias as unknown as NdArray);
    },
  );

  it('gives the gradients asked for', () => {
    const t = (shape: number[]) => toTensor(ndarray(shape, new Array(sizeOf(shape)).fill(1)));
    const of = (o: object) =>
      evaluate(() => grad.batchNorm(t([2, 3]), t([2, 3]), t([3]), t([3]), { training: true, weight: t([3]), ...o }));
    for (const chosen of ['inputGrad', 'weightGrad', 'biasGrad']) {
      const flags = { inputGrad: false, weightGrad: false, biasGrad: false, [chosen]: true };
      const result = of(flags);
      const names = Object.entries(result).filter(([, value]) => value !== null);
      expect(names.map(([name]) => `${name}Grad`)).toEqual([chosen]);
    }
  });

  it('returns copies of the running statistics in inference', () => {
    const { before, after } = evaluate(() => {
      const [runningMean, runningVar] = [toTensor(ndarray([2], [1, 2])), toTensor(ndarray([2], [3, 8]))];
      const { mean, inverseStd } = batchNormWithStatistics(
        toTensor(ndarray([1, 2])),
        options({ runningMean, runningVar, epsilon: 1 }),
      );
      const first = read(mean);
      runningMean.copy_(runningVar);
      return { before: first, after: { mean, inverseStd } };
    });
    expectSame(after.mean, before as unknown as typeof after.mean);
    expectClose(after.inverseStd, ndarray([2], [0.5, 1 / 3]), { dtype: 'float32' });
  });

  it('refuses what does not fit', () => {
    const t = (shape: number[], dtype: FloatDType = 'float32') => toTensor(ndarray(shape), dtype) as AnyTensor;
    const running = () => ({ runningMean: t([3]), runningVar: t([3]) });
    const cases: [ErrorName, RegExp, () => unknown][] = [
      ['ShapeError', /input/, () => batchNorm(t([3]), options({ training: true }))],
      ['ShapeError', /input/, () => batchNorm(t([1, 3, 1, 1, 1, 1]), options({ training: true }))],
      ['ShapeError', /one value per channel/, () => batchNorm(t([1, 3, 1, 1]), options({ training: true }))],
      ['ShapeError', /one value per channel/, () => batchNorm(t([1, 3]), options({ training: true, layout: 'NHWC' }))],
      ['ShapeError', /weight/, () => batchNorm(t([2, 3]), options({ training: true, weight: t([2]) }))],
      ['ShapeError', /bias/, () => batchNorm(t([2, 3]), options({ training: true, bias: t([3, 1]) }))],
      ['ShapeError', /runningVar/, () => batchNorm(t([2, 3]), options({ runningMean: t([3]), runningVar: t([]) }))],
      ['DTypeError', /weight/, () => batchNorm(t([2, 3]), options({ training: true, weight: t([3], 'float64') }))],
      ['ArgumentError', /runningMean and runningVar/, () => batchNorm(t([2, 3]))],
      ['ArgumentError', /runningVar/, () => batchNorm(t([2, 3]), options({ runningMean: t([3]) }))],
      ['ArgumentError', /momentum/, () => batchNorm(t([2, 3]), options({ ...running(), momentum: 2 }))],
      ['ArgumentError', /epsilon/, () => batchNorm(t([2, 3]), options({ ...running(), epsilon: -1 }))],
      ['ArgumentError', /training/, () => batchNorm(t([2, 3]), options({ ...running(), training: 1 }))],
      ['ArgumentError', /layout/, () => batchNorm(t([2, 3]), options({ ...running(), layout: 'NCWH' }))],
      [
        'ArgumentError',
        /runningMean and runningVar share memory/,
        () => {
          const shared = t([3]);
          batchNorm(t([2, 3]), options({ runningMean: shared, runningVar: shared, training: true }));
        },
      ],
      ['ShapeError', /grad\.batchNorm: mean/, () => grad.batchNorm(t([2, 3]), t([2, 3]), t([2]), t([3]))],
      ['ShapeError', /grad\.batchNorm/, () => grad.batchNorm(t([2, 3]), t([3, 2]), t([3]), t([3]))],
    ];
    for (const [type, message, call] of cases) expectThrows(() => evaluate(call), type, /batchNorm/, message);
  });

  const channel = { shape: [3], optional: true };
  describeContract(
    'batchNorm',
    {
      input: { shape: [2, 3] },
      runningMean: { shape: [3] },
      runningVar: { shape: [3] },
      weight: channel,
      bias: channel,
    },
    ({ input, ...rest }) => batchNorm(input, rest),
  );
  describeContract('batchNormWithStatistics', { input: { shape: [2, 3] } }, ({ input }) =>
    batchNormWithStatistics(input, { training: true }),
  );
  describeContract(
    'grad.batchNorm',
    {
      ...{ gradOutput: { shape: [2, 3] }, input: { shape: [2, 3] }, mean: { shape: [3] } },
      ...{ inverseStd: { shape: [3] }, weight: channel },
    },
    (a) => grad.batchNorm(a.gradOutput, a.input, a.mean, a.inverseStd, { weight: a.weight }),
  );
});

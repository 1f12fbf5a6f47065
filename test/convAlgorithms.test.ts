import fc from 'fast-check';
import {
  type ConvAlgorithmName,
  conv2d,
  convAlgorithms,
  getNumThreads,
  grad,
  profile,
  setNumThreads,
  tidy,
  type WinogradVariant,
  withDevice,
} from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as reference from './reference/conv2d';
import { at, fill, ndarray } from './reference/ndarray';
import { expectClose, expectEqual, expectSame } from './support/compare';
import { describeOnDevices, floatDTypes } from './support/devices';
import { expectThrows } from './support/errors';
import { type FloatDType, Random } from './support/random';
import { evaluate, toTensor } from './support/tensors';

// The algorithms that compute some convolutions only: winograd (3x3, stride 1) and direct (few channels per group).

interface Problem {
  readonly inputShape: number[];
  readonly weightShape: number[];
  readonly options: { groups: number; stride?: [number, number]; dilation?: [number, number] } & {
    padding: { top: number; bottom: number; left: number; right: number };
  };
  readonly seed: number;
}

const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const sides = fc.record({ top: small(0, 3), bottom: small(0, 3), left: small(0, 3), right: small(0, 3) });

const winogradProblems: fc.Arbitrary<Problem> = fc
  .record({
    batch: small(1, 3),
    groups: small(1, 3),
    channels: small(1, 9),
    filters: small(1, 12),
    height: small(3, 14),
    width: small(3, 40),
    padding: sides,
    seed: fc.nat(),
  })
  .map(({ batch, groups, channels, filters, height, width, padding, seed }) => ({
    inputShape: [batch, groups * channels, height, width === height ? width + 1 : width],
    weightShape: [groups * filters, channels, 3, 3],
    options: { groups, padding },
    seed,
  }));

const directProblems: fc.Arbitrary<Problem> = fc
  .record({
    batch: small(1, 3),
    groups: small(1, 6),
    channels: fc.oneof(fc.constant(1), small(2, 8)),
    filters: fc.oneof(small(1, 2), small(3, 18)),
    kernel: fc.oneof(fc.constant([3, 3]), fc.tuple(small(1, 4), small(1, 5))),
    stride: fc.tuple(small(1, 3), small(1, 3)),
    dilation: fc.tuple(small(1, 2), small(1, 3)),
    extra: fc.tuple(small(0, 9), small(0, 40)),
    padding: sides,
    seed: fc.nat(),
  })
  .map(({ batch, groups, channels, filters, kernel, stride, dilation, extra, padding, seed }) => ({
    inputShape: [batch, groups * channels, ...[0, 1].map((i) => (kernel[i] - 1) * dilation[i] + 1 + extra[i])],
    weightShape: [groups * filters, channels, ...kernel],
    options: { groups, stride, dilation, padding },
    seed,
  }));

type Named = ConvAlgorithmName | WinogradVariant;

function inputs({ inputShape, weightShape, options, seed }: Problem, dtype: FloatDType) {
  const random = new Random(`algorithms ${seed}`);
  return {
    x: random.array(inputShape, dtype),
    w: random.array(weightShape, dtype),
    bias: random.array([weightShape[0]], dtype),
    g: random.array(reference.conv2dOutputShape(inputShape, weightShape, options), dtype),
  };
}

/**
 * `growth`: how many times the error of the plain sum an algorithm may have. F(4x4, 3x3) multiplies by coefficients up to 8 * 5
 * on the way, each twice.
 */
function check(problem: Problem, dtype: FloatDType, algorithm: Named, growth: number): void {
  const { inputShape, weightShape, options } = problem;
  const { x, w, bias, g } = inputs(problem, dtype);
  const { y, gx, gw } = evaluate(() => {
    const [input, weight, gradOutput] = [x, w, g].map((array) => toTensor(array, dtype));
    return {
      y: conv2d(input, weight, { ...options, algorithm, bias: toTensor(bias, dtype) }),
      gx: grad.conv2dInput(inputShape, weight, gradOutput, { ...options, algorithm }),
      gw: grad.conv2dWeight(input, weightShape, gradOutput, { ...options, algorithm }),
    };
  });
  const terms = growth * (8 + weightShape[1] * weightShape[2] * weightShape[3]);
  const backTerms = growth * (8 + (weightShape[0] / options.groups) * weightShape[2] * weightShape[3]);
  expectClose(y, reference.conv2d(x, w, options, bias), { dtype, terms, scale: 1, what: `${algorithm}` });
  const expected = reference.conv2dInput(inputShape, w, g, options);
  expectClose(gx, expected, { dtype, terms: backTerms, scale: 1, what: `${algorithm}, gradient by input` });
  const weightTerms = growth * (8 + g.data.length / weightShape[0]);
  const expectedWeight = reference.conv2dWeight(x, weightShape, g, options);
  expectClose(gw, expectedWeight, { dtype, terms: weightTerms, scale: 1, what: `${algorithm}, gradient by weight` });
}

describeOnDevices('winograd', () => {
  const variants = ['winogradF2', 'winogradF4', 'winograd'] as const;

  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(variants)('%s agrees with the reference on random problems', (variant) => {
      fc.assert(
        fc.property(winogradProblems, (problem) => check(problem, dtype, variant, variant === 'winogradF2' ? 3 : 30)),
        { numRuns: 25 },
      );
    });

    // Too large for the plain loops of the reference: against another algorithm.
    it.each(variants)('%s fills blocks of tiles, strips of filters and sums of channels', (algorithm) => {
      const [inputShape, weightShape] = [
        [2, 400, 22, 62],
        [75, 400, 3, 3],
      ];
      const options = { groups: 1, padding: { top: 1, bottom: 0, left: 2, right: 1 } };
      const { x, w, g } = inputs({ inputShape, weightShape, options, seed: 1 }, dtype);
      const run = (named: Named) =>
        evaluate(() => ({
          y: conv2d(toTensor(x, dtype), toTensor(w, dtype), { ...options, algorithm: named }),
          gx: grad.conv2dInput(inputShape, toTensor(w, dtype), toTensor(g, dtype), { ...options, algorithm: named }),
          gw: grad.conv2dWeight(toTensor(x, dtype), weightShape, toTensor(g, dtype), { ...options, algorithm: named }),
        }));
      const [actual, expected] = [run(algorithm), run('implicit')];
      const terms = 30 * 400 * 9;
      expectClose(actual.y, expected.y, { dtype, terms, scale: 1 });
      expectClose(actual.gx, expected.gx, { dtype, terms, scale: 1 });
      expectClose(actual.gw, expected.gw, { dtype, terms, scale: 1 });
    });
  });

  // More than a GPU transforms at a time: many tiles, and sums of many filters and channels.
  const dense = { groups: 1, padding: { top: 1, bottom: 1, left: 1, right: 1 } };
  it.each([
    ['winogradF2', { inputShape: [1, 64, 132, 130], weightShape: [64, 64, 3, 3], options: dense, seed: 4 }],
    ['winogradF4', { inputShape: [2, 64, 132, 130], weightShape: [64, 64, 3, 3], options: dense, seed: 5 }],
    ['winogradF4', { inputShape: [1, 400, 5, 6], weightShape: [600, 400, 3, 3], options: dense, seed: 6 }],
  ] as [Named, Problem][])('%s computes what takes several blocks, %j', (algorithm, problem) => {
    const { inputShape, weightShape, options } = problem;
    const { x, w, g } = inputs(problem, 'float64');
    const run = (named: Named) =>
      evaluate(() => {
        const settings = { ...options, algorithm: named };
        const [input, weight, gradOutput] = [x, w, g].map((array) => toTensor(array, 'float64'));
        return {
          y: conv2d(input, weight, settings),
          gx: grad.conv2dInput(inputShape, weight, gradOutput, settings),
          gw: grad.conv2dWeight(input, weightShape, gradOutput, settings),
        };
      });
    const [actual, expected] = [run(algorithm), withDevice('cpu', () => run('implicit'))];
    const terms = 30 * Math.max(g.data.length / weightShape[0], 9 * 600);
    for (const name of ['y', 'gx', 'gw'] as const) {
      expectClose(actual[name], expected[name], { dtype: 'float64', terms, scale: 1, what: name });
    }
  });

  it.each([
    ['winogradF2', 4],
    ['winogradF4', 576],
  ] as const)('%s is exact for small integers and filters of multiples of %i', (algorithm, multiple) => {
    fc.assert(
      fc.property(winogradProblems, ({ inputShape, weightShape, options, seed }) => {
        const random = new Random(`exact ${seed}`);
        const x = random.integers(inputShape, -1, 1);
        const w = random.integers(weightShape, -1, 1);
        const scaled = { shape: w.shape, data: w.data.map((v) => v * multiple) };
        const y = evaluate(() => conv2d(toTensor(x), toTensor(scaled), { ...options, algorithm }));
        expectEqual(y, reference.conv2d(x, scaled, options), algorithm);
      }),
      { numRuns: 30 },
    );
  });

  // The rule by which 'auto' may choose a variant, see native/README.md.
  it.each([
    ['winogradF2', 3e-6],
    ['winogradF4', 5e-5],
  ] as const)('%s errs by at most %f of the largest output', (algorithm, bound) => {
    const [inputShape, weightShape] = [
      [1, 128, 12, 13],
      [16, 128, 3, 3],
    ];
    const options = { groups: 1, padding: { top: 1, bottom: 1, left: 1, right: 1 } };
    const { x, w, g } = inputs({ inputShape, weightShape, options, seed: 3 }, 'float32');
    const { y, gw } = evaluate(() => ({
      y: conv2d(toTensor(x), toTensor(w), { ...options, algorithm }),
      gw: grad.conv2dWeight(toTensor(x), weightShape, toTensor(g), { ...options, algorithm }),
    }));
    for (const [actual, expected] of [
      [y, reference.conv2d(x, w, options)],
      [gw, reference.conv2dWeight(x, weightShape, g, options)],
    ] as const) {
      const scale = expected.data.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);
      const error = actual.data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - expected.data[i])), 0);
      expect(error / scale).toBeLessThan(bound);
      expect(error).toBeGreaterThan(0);
    }
  });

  it.each(variants)('%s: an output whose window holds a NaN is NaN', (algorithm) => {
    const random = new Random('winograd NaN');
    const [x, w] = [random.array([1, 3, 9, 11], 'float32'), random.array([4, 3, 3, 3], 'float32')];
    x.data[9 * 11 + 47] = Number.NaN;
    const options = { padding: 1 };
    const y = evaluate(() => conv2d(toTensor(x), toTensor(w), { ...options, algorithm }));
    const expected = reference.conv2d(x, w, options);
    const missed = y.data.filter((v, i) => Number.isNaN(expected.data[i]) && !Number.isNaN(v));
    expect(expected.data.filter(Number.isNaN)).toHaveLength(36);
    expect(missed).toHaveLength(0);
  });

  it('says why it cannot compute a problem', () => {
    const x = () => toTensor(ndarray([1, 2, 8, 9]));
    const cases: [RegExp, () => unknown][] = [
      [/3x3 kernel, given 5x3/, () => conv2d(x(), toTensor(ndarray([2, 2, 5, 3])), { algorithm: 'winograd' })],
      [
        /stride 1, given 1x2/,
        () => conv2d(x(), toTensor(ndarray([2, 2, 3, 3])), { algorithm: 'winogradF4', stride: [1, 2] }),
      ],
      [
        /dilation 1, given 2x1/,
        () => conv2d(x(), toTensor(ndarray([2, 2, 3, 3])), { algorithm: 'winogradF2', dilation: [2, 1] }),
      ],
      [
        /NCHW/,
        () => conv2d(x(), toTensor(ndarray([2, 9, 3, 3])), { algorithm: 'winograd', layout: 'NHWC', padding: 1 }),
      ],
    ];
    for (const [message, call] of cases) {
      expectThrows(() => evaluate(call), 'UnsupportedError', /winograd/, message);
    }
  });
});

describeOnDevices('direct', () => {
  it.each(floatDTypes)('agrees with the reference on random problems, %s', (dtype) => {
    fc.assert(fc.property(directProblems, (problem) => check(problem, dtype, 'direct', 1)));
  });

  it('gives the same bits for integers as implicit', () => {
    fc.assert(
      fc.property(directProblems, ({ inputShape, weightShape, options, seed }) => {
        const random = new Random(`direct integers ${seed}`);
        const [x, w] = [random.integers(inputShape), random.integers(weightShape)];
        const g = random.integers(reference.conv2dOutputShape(inputShape, weightShape, options));
        const run = (algorithm: Named) =>
          evaluate(() => {
            const settings = { ...options, algorithm };
            const [input, weight, gradOutput] = [toTensor(x), toTensor(w), toTensor(g)];
            return {
              y: conv2d(input, weight, settings),
              gx: grad.conv2dInput(inputShape, weight, gradOutput, settings),
              gw: grad.conv2dWeight(input, weightShape, gradOutput, settings),
            };
          });
        const [direct, implicit] = [run('direct'), run('implicit')];
        for (const name of ['y', 'gx', 'gw'] as const) expectEqual(direct[name], implicit[name], name);
      }),
    );
  });

  it('treats infinities exactly, padding is 0 * w', () => {
    const random = new Random('direct infinities');
    const x = random.array([1, 2, 5, 6], 'float32', 0.5, 1);
    const w = random.array([2, 1, 3, 2], 'float32', 0.5, 1);
    x.data[20] = Infinity;
    w.data[7] = -Infinity;
    const options = { groups: 2, padding: { top: 1, bottom: 1, left: 1, right: 0 } };
    const y = evaluate(() => conv2d(toTensor(x), toTensor(w), { ...options, algorithm: 'direct' }));
    expectClose(y, reference.conv2d(x, w, options), { dtype: 'float32', terms: 20 });
  });

  it('declines what it is not made for, and says why', () => {
    const convolution = (inputShape: number[], weightShape: number[], options: object) =>
      conv2d(toTensor(ndarray(inputShape)), toTensor(ndarray(weightShape)), { algorithm: 'direct', ...options });
    const cases: [RegExp, number[], number[], object][] = [
      [/8 channels per group, given 9/, [1, 9, 8, 8], [2, 9, 3, 3], {}],
      [/128x128, given 130x3/, [1, 1, 140, 8], [2, 1, 130, 3], {}],
      [/128x128, given 3x131/, [1, 1, 8, 140], [2, 1, 3, 3], { dilation: [1, 65] }],
      [/strides of at most 128, given 129x1/, [1, 1, 140, 8], [2, 1, 3, 3], { stride: [129, 1] }],
      [/NCHW/, [1, 8, 8, 4], [2, 4, 3, 3], { layout: 'NHWC' }],
    ];
    for (const [message, inputShape, weightShape, options] of cases) {
      const call = () => evaluate(() => convolution(inputShape, weightShape, options));
      expectThrows(call, 'UnsupportedError', /direct/, message);
    }
  });
});

describeOnDevices('every algorithm', (device) => {
  let threads = 1;
  beforeEach(() => {
    threads = getNumThreads();
  });
  afterEach(() => setNumThreads(threads));

  const problem: Problem = {
    inputShape: [5, 24, 23, 29],
    weightShape: [40, 24, 3, 3],
    options: { groups: 1, padding: { top: 1, bottom: 1, left: 1, right: 1 } },
    seed: 9,
  };
  const depthwise: Problem = { ...problem, weightShape: [24, 1, 3, 3], options: { ...problem.options, groups: 24 } };
  const narrow: Problem = { ...problem, inputShape: [5, 3, 70, 29], weightShape: [40, 3, 3, 3] };
  const cases: [Named, Problem][] = [
    ['winogradF2', problem],
    ['winogradF4', problem],
    ['implicit', problem],
    ['direct', depthwise],
    ['direct', narrow],
  ];

  it.each(cases)('%s gives the same bits for any number of threads, alone and within a batch', (algorithm, p) => {
    const { x, w, g } = inputs(p, 'float32');
    const settings = { ...p.options, algorithm };
    const run = (count: number) => {
      setNumThreads(count);
      return evaluate(() => ({
        y: conv2d(toTensor(x), toTensor(w), settings),
        gx: grad.conv2dInput(p.inputShape, toTensor(w), toTensor(g), settings),
        gw: grad.conv2dWeight(toTensor(x), p.weightShape, toTensor(g), settings),
      }));
    };
    const one = run(1);
    for (const count of [2, 3]) {
      const many = run(count);
      expectSame(many.y, one.y, `${count} threads`);
      expectSame(many.gx, one.gx, `${count} threads, gradient by input`);
      expectSame(many.gw, one.gw, `${count} threads, gradient by weight`);
    }
    const alone = evaluate(() => {
      const [input, weight] = [toTensor(x), toTensor(w)];
      return [0, 1, 2, 3, 4].map((n) => conv2d(input.slice(n, n + 1), weight, settings));
    });
    alone.forEach((image, n) => {
      expectSame(
        image,
        fill(image.shape, ([, ...rest]) => at(one.y, n, ...rest)),
        `image ${n}`,
      );
    });
  });

  it('is listed with what it needs, and reported by the profiler', async () => {
    const { inputShape, weightShape, options } = problem;
    const list = convAlgorithms(inputShape, weightShape, options);
    const names = list.map(({ name, variant }) => variant ?? name);
    expect([...names].sort()).toEqual(['cudnn', 'direct', 'im2col', 'implicit', 'winogradF2', 'winogradF4']);
    for (const { name, variant, declined, workspaceBytes, packedBytes } of list) {
      if (declined !== null) continue;
      const [x, w] = [toTensor(ndarray(inputShape)), toTensor(ndarray(weightShape))];
      const algorithm = variant ?? name;
      const { events } = await profile(() => tidy(() => void conv2d(x, w, { ...options, algorithm })));
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ op: 'conv2d', algorithm: name, variant });
      // On a GPU these two may read all they need where it lies.
      const inPlace = device !== 'cpu' && (name === 'implicit' || name === 'direct');
      if (!inPlace) expect(workspaceBytes).toBeGreaterThan(0);
      if (name !== 'im2col') expect(packedBytes).toBeGreaterThanOrEqual(4 * 40 * 24 * 9);
      x.dispose();
      w.dispose();
    }
  });
});

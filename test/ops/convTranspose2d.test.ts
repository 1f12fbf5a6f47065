import fc from 'fast-check';
import { conv2d, convTranspose2d, getNumThreads, grad, setNumThreads, type Tensor } from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/convTranspose2d';
import { type NdArray, ndarray } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { type FloatDType, Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';

interface Problem {
  readonly inputShape: number[];
  readonly weightShape: number[];
  readonly options: reference.ConvTranspose2dOptions;
  readonly seed: number;
}

const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const axis = fc
  .record({
    ...{ kernel: small(1, 4), stride: small(1, 3), dilation: small(1, 3), input: small(1, 6) },
    cut: fc.nat(),
    more: fc.nat(),
  })
  .map(({ kernel, stride, dilation, input, cut, more }) => {
    const outputPadding = more % Math.max(stride, dilation);
    // Something is left of the output.
    const full = (input - 1) * stride + (kernel - 1) * dilation + 1 + outputPadding;
    const before = Math.min(cut % 4, full - 1);
    return {
      kernel,
      stride,
      dilation,
      input,
      outputPadding,
      before,
      after: Math.min((cut >> 2) % 4, full - 1 - before),
    };
  });

const problems: fc.Arbitrary<Problem> = fc
  .record({
    ...{ h: axis, w: axis, batch: small(1, 3), groups: small(1, 3), channels: small(1, 3), filters: small(1, 4) },
    same: fc.integer({ min: 0, max: 4 }),
    layout: fc.constantFrom('NCHW' as const, 'NHWC' as const),
    seed: fc.nat(),
  })
  .map(({ h, w: drawn, batch, groups, channels, filters, same, layout, seed }) => {
    const w = drawn.input === h.input ? { ...drawn, input: drawn.input + 1 } : drawn;
    const c = groups * filters;
    return {
      inputShape: layout === 'NHWC' ? [batch, h.input, w.input, c] : [batch, c, h.input, w.input],
      weightShape: [c, channels, h.kernel, w.kernel],
      options: {
        ...{ stride: [h.stride, w.stride] as const, dilation: [h.dilation, w.dilation] as const, groups, layout },
        ...(same === 0
          ? { padding: 'same' as const }
          : {
              padding: { top: h.before, bottom: h.after, left: w.before, right: w.after },
              outputPadding: [h.outputPadding, w.outputPadding] as const,
            }),
      },
      seed,
    };
  });

const table: readonly [string, Omit<Problem, 'seed'>][] = [
  [
    'twice the size',
    { inputShape: [2, 20, 7, 9], weightShape: [20, 12, 3, 3], options: { stride: 2, padding: 1, outputPadding: 1 } },
  ],
  ['windows side by side', { inputShape: [1, 9, 5, 6], weightShape: [9, 17, 2, 2], options: { stride: 2 } }],
  ['stride 1, 3x3', { inputShape: [2, 18, 9, 14], weightShape: [18, 20, 3, 3], options: { padding: 1 } }],
  ['gaps', { inputShape: [1, 3, 4, 5], weightShape: [3, 2, 1, 2], options: { stride: [3, 4], outputPadding: [2, 1] } }],
  [
    'an outputPadding beyond the stride and the filter',
    { inputShape: [1, 2, 3, 4], weightShape: [2, 3, 1, 2], options: { dilation: [3, 4], outputPadding: [2, 3] } },
  ],
  [
    'depthwise',
    { inputShape: [2, 6, 5, 8], weightShape: [6, 1, 4, 3], options: { groups: 6, stride: [2, 1], padding: [1, 0] } },
  ],
  [
    'four sides',
    {
      inputShape: [1, 4, 6, 7],
      weightShape: [4, 3, 3, 4],
      options: { stride: [2, 3], padding: { top: 0, bottom: 2, left: 1, right: 3 }, groups: 2 },
    },
  ],
  ["'same'", { inputShape: [1, 2, 5, 4], weightShape: [2, 3, 4, 3], options: { padding: 'same', stride: [3, 2] } }],
  [
    "'same', taps apart",
    { inputShape: [1, 2, 5, 4], weightShape: [2, 3, 1, 2], options: { padding: 'same', stride: 3 } },
  ],
  [
    'NHWC',
    {
      inputShape: [2, 5, 7, 16],
      weightShape: [16, 24, 3, 2],
      options: { layout: 'NHWC', stride: 2, outputPadding: [1, 0] },
    },
  ],
];

const algorithms = ['auto', 'im2col', 'implicit'] as const;

function operands(
  { inputShape, weightShape, options, seed }: Problem,
  make: (random: Random, s: readonly number[]) => NdArray,
) {
  const random = new Random(`convTranspose2d ${seed}`);
  return {
    x: make(random, inputShape),
    w: make(random, weightShape),
    bias: make(random, [weightShape[1] * (options.groups ?? 1)]),
    g: make(random, reference.convTranspose2dShape(inputShape, weightShape, options)),
  };
}

function check(problem: Problem, dtype: FloatDType): void {
  const { inputShape, weightShape, options } = problem;
  const { x, w, bias, g } = operands(problem, (random, shape) => random.array(shape, dtype));
  const expected = {
    y: reference.convTranspose2d(x, w, options, bias),
    input: reference.convTranspose2dInput(inputShape, w, g, options),
    weight: reference.convTranspose2dWeight(x, weightShape, g, options),
  };
  const taps = weightShape[2] * weightShape[3];
  // 30: the error of winograd, which 'auto' may take (test/convAlgorithms.test.ts has its bounds).
  const terms = { y: 30 + taps * weightShape[0], input: 30 + taps * weightShape[1], weight: x.data.length };
  for (const algorithm of algorithms) {
    const settings = { ...options, algorithm };
    const actual = evaluate(() => {
      const [input, weight, gradOutput] = [toTensor(x, dtype), toTensor(w, dtype), toTensor(g, dtype)];
      return {
        y: convTranspose2d(input, weight, { ...settings, bias: toTensor(bias, dtype) }),
        input: grad.convTranspose2dInput(inputShape, weight, gradOutput, settings),
        weight: grad.convTranspose2dWeight(input, weightShape, gradOutput, settings),
      };
    });
    for (const name of ['y', 'input', 'weight'] as const) {
      expect(actual[name].dtype).toBe(dtype);
      expectClose(actual[name], expected[name], { dtype, terms: terms[name], scale: 2, what: `${algorithm}: ${name}` });
    }
  }
}

describeOnDevices('convTranspose2d', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(table)('agrees with the reference: %s', (_, problem) => check({ ...problem, seed: 0 }, dtype));

    it('agrees with the reference on random problems', () => {
      fc.assert(fc.property(problems, (problem) => check(problem, dtype)));
    });

    it('accepts an empty batch', () => {
      const result = evaluate(() => {
        const [x, w] = [toTensor(ndarray([0, 3, 5, 6]), dtype), toTensor(ndarray([3, 4, 3, 2]), dtype)];
        const y = convTranspose2d(x, w, { stride: 2, bias: toTensor(ndarray([4]), dtype) });
        return { y, ...grad.convTranspose2d(y, x, w, { stride: 2 }) } as Record<
          'y' | 'input' | 'weight' | 'bias',
          Tensor
        >;
      });
      expect(result.y.shape).toEqual([0, 4, 11, 12]);
      expect(result.input.shape).toEqual([0, 3, 5, 6]);
      expectEqual(result.weight, ndarray([3, 4, 3, 2]));
      expectEqual(result.bias, ndarray([4]));
    });
  });

  it('is the adjoint of the convolution with the same options', () => {
    // <conv2d(x), y> = <x, convTranspose2d(y)>, which holds exactly for small integers.
    const options = { stride: [2, 3], padding: { top: 1, bottom: 2, left: 0, right: 1 }, groups: 2 } as const;
    const random = new Random('adjoint');
    const [x, w] = [random.integers([2, 4, 9, 12]), random.integers([6, 2, 4, 3])];
    const { y, back, forward } = evaluate(() => {
      const [input, weight] = [toTensor(x), toTensor(w)];
      const output = conv2d(input, weight, options);
      const g = toTensor(random.integers(output.shape));
      // (9 + 3 - 4) % 2 rows and (12 + 1 - 3) % 3 columns are not read by any window.
      return { forward: output, y: g, back: convTranspose2d(g, weight, { ...options, outputPadding: [0, 1] }) };
    });
    expect(back.shape).toEqual(x.shape);
    expect(weightedSum(back, x)).toBe(weightedSum(forward, y));
  });

  it('has gradients that agree with finite differences, any subset of them at once', () => {
    const options = {
      stride: [2, 1],
      padding: { top: 1, bottom: 0, left: 2, right: 1 },
      outputPadding: [1, 0],
      dilation: [1, 2],
      groups: 2,
    } as const;
    const problem = { inputShape: [2, 4, 3, 5], weightShape: [4, 3, 3, 2], options, seed: 3 };
    const { x, w, bias, g } = operands(problem, (random, shape) => random.array(shape, 'float64'));
    const loss = (input = x, weight = w, b = bias): number =>
      weightedSum(
        evaluate(() =>
          convTranspose2d(toTensor(input, 'float64'), toTensor(weight, 'float64'), {
            ...options,
            bias: toTensor(b, 'float64'),
          }),
        ),
        g,
      );
    const gradients = (chosen = {}) =>
      evaluate(() => {
        const [gradOutput, input, weight] = [toTensor(g, 'float64'), toTensor(x, 'float64'), toTensor(w, 'float64')];
        return {
          ...grad.convTranspose2d(gradOutput, input, weight, { ...options, ...chosen }),
          alone: grad.convTranspose2dBias(gradOutput, options),
        };
      }) as unknown as Record<'input' | 'weight' | 'bias' | 'alone', NdArray | null>;
    const all = gradients() as Record<'input' | 'weight' | 'bias' | 'alone', NdArray>;
    expectGradient((probe) => loss(probe), x, all.input, { what: 'input' });
    expectGradient((probe) => loss(x, probe), w, all.weight, { what: 'weight' });
    expectGradient((probe) => loss(x, w, probe), bias, all.bias, { what: 'bias' });
    expectSame(all.alone, all.bias);
    for (let subset = 0; subset < 8; subset++) {
      const wanted = { input: (subset & 1) > 0, weight: (subset & 2) > 0, bias: (subset & 4) > 0 };
      const some = gradients({ inputGrad: wanted.input, weightGrad: wanted.weight, biasGrad: wanted.bias });
      for (const name of ['input', 'weight', 'bias'] as const) {
        if (wanted[name]) expectSame(some[name] as NdArray, all[name], name);
        else expect(some[name]).toBeNull();
      }
    }
  });

  describe('exactness', () => {
    let threads: number;
    beforeEach(() => {
      threads = getNumThreads();
    });
    afterEach(() => setNumThreads(threads));

    it('gives the same bits for integers with every algorithm and number of threads', () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.constantFrom(...table).map(([, p]) => ({ ...p, seed: 2 })),
            problems,
          ),
          (problem) => {
            const { inputShape, weightShape, options } = problem;
            const { x, w, bias, g } = operands(problem, (random, shape) => random.integers(shape));
            const expected = {
              y: reference.convTranspose2d(x, w, options, bias),
              input: reference.convTranspose2dInput(inputShape, w, g, options),
              weight: reference.convTranspose2dWeight(x, weightShape, g, options),
            };
            for (const count of [1, 2]) {
              setNumThreads(count);
              for (const algorithm of ['implicit', 'im2col'] as const) {
                const settings = { ...options, algorithm };
                const actual = evaluate(() => ({
                  y: convTranspose2d(toTensor(x), toTensor(w), { ...settings, bias: toTensor(bias) }),
                  input: grad.convTranspose2dInput(inputShape, toTensor(w), toTensor(g), settings),
                  weight: grad.convTranspose2dWeight(toTensor(x), weightShape, toTensor(g), settings),
                }));
                for (const name of ['y', 'input', 'weight'] as const) {
                  expectEqual(actual[name], expected[name], `${algorithm}, ${count} threads: ${name}`);
                }
              }
            }
          },
        ),
        { numRuns: 20 },
      );
    });

    it('direct, where it can compute it, gives them too', () => {
      const options = { stride: [1, 2], padding: 1, outputPadding: [0, 1], groups: 2 } as const;
      const problem = { inputShape: [2, 6, 5, 7], weightShape: [6, 4, 3, 3], options, seed: 4 };
      const { x, w } = operands(problem, (random, shape) => random.integers(shape));
      const actual = evaluate(() => convTranspose2d(toTensor(x), toTensor(w), { ...options, algorithm: 'direct' }));
      expectEqual(actual, reference.convTranspose2d(x, w, options));
    });
  });

  it('spreads NaN and infinities over what they are added to and no further', () => {
    const options = { stride: 2, padding: 1 };
    const random = new Random('transposed non-finite');
    const x = random.array([1, 2, 4, 5], 'float32', 0.5, 1);
    const w = random.array([2, 3, 3, 2], 'float32', 0.5, 1);
    x.data[7] = Number.NaN;
    x.data[31] = Infinity;
    for (const algorithm of ['implicit', 'im2col'] as const) {
      const actual = evaluate(() => convTranspose2d(toTensor(x), toTensor(w), { ...options, algorithm }));
      expectClose(actual, reference.convTranspose2d(x, w, options), { dtype: 'float32', terms: 12 });
    }
  });

  it('searches, and keeps to a workspaceLimit', () => {
    const { x, w } = operands({ ...table[0][1], seed: 5 }, (random, shape) => random.integers(shape));
    const { options } = table[0][1];
    const expected = reference.convTranspose2d(x, w, options);
    const call = (more: object) => evaluate(() => convTranspose2d(toTensor(x), toTensor(w), { ...options, ...more }));
    expectEqual(call({ algorithm: 'search' }), expected);
    expectEqual(call({ workspaceLimit: 2 ** 26 }), expected);
    expectThrows(() => call({ algorithm: 'im2col', workspaceLimit: 0 }), 'UnsupportedError', /^convTranspose2d: /);
  });

  describe('wrong input', () => {
    const x = (shape = [1, 4, 5, 6]) => toTensor(ndarray(shape));
    const w = (shape = [4, 3, 3, 2]) => toTensor(ndarray(shape));

    const misfits: readonly [string, number[], number[], reference.ConvTranspose2dOptions, RegExp][] = [
      ['rank of the input', [4, 5, 6], [4, 3, 3, 2], {}, /input must have rank 4/],
      ['rank of the weight', [1, 4, 5, 6], [4, 3, 3], {}, /weight must have rank 4 \[C, K\/groups, R, S\]/],
      [
        'channels',
        [1, 3, 5, 6],
        [4, 3, 3, 2],
        {},
        /input \[1, 3, 5, 6\] has 3 channels, weight \[4, 3, 3, 2\] is for 4/,
      ],
      ['groups', [1, 4, 5, 6], [4, 3, 3, 2], { groups: 3 }, /groups 3 must divide the 4 channels/],
      [
        'nothing left',
        [1, 4, 2, 6],
        [4, 3, 3, 2],
        { stride: 2, padding: [3, 0] },
        /output height \(2-1\)\*2 - 3 - 3 \+ 1\*\(3-1\) \+ 0 \+ 1 = -1 is not positive \(input \[1, 4, 2, 6\]/,
      ],
      ['too much', [1, 4, 5, 6], [4, 3, 3, 2], { stride: 2 ** 30 }, /output height .* exceeds 2\^31 - 1/],
    ];
    it.each(misfits)('%s', (_, input, weight, options, message) => {
      const call = (): unknown => evaluate(() => convTranspose2d(x(input), w(weight), options));
      expectThrows(call, 'ShapeError', /^convTranspose2d: /, message);
    });

    it('more channels of the output than can be counted', () => {
      const weight = [4, 2 ** 29, 1, 1];
      const call = (): unknown => evaluate(() => grad.convTranspose2dWeight(x(), weight, x(), { groups: 4 }));
      expectThrows(call, 'ShapeError', /^grad\.convTranspose2dWeight: output .* extent 2147483648 on axis 1/);
    });

    it.each([
      ['outputPadding', 1, /outputPadding 1 of the height must be smaller than its stride 1 or its dilation 1/],
      ['outputPadding', -1, /outputPadding/],
      ['outputPadding', [0, 0.5], /outputPadding/],
      ['outputPadding', 'same', /outputPadding/],
      ['stride', 0, /stride/],
      ['padding', -1, /padding/],
      ['dilation', [1], /dilation/],
      ['layout', 'NCW', /layout/],
      ['algorithm', 'magic', /algorithm/],
      ['activation', 'relu', /unknown option 'activation'/],
    ])('%s %o', (name, value, message) => {
      const call = (): unknown => evaluate(() => convTranspose2d(x(), w(), { [name]: value }));
      expectThrows(call, 'ArgumentError', /^convTranspose2d: /, message);
    });

    it("an outputPadding beside 'same', and a bias of another length", () => {
      const same = { padding: 'same', stride: 2, outputPadding: 1 } as const;
      expectThrows(() => evaluate(() => convTranspose2d(x(), w(), same)), 'ArgumentError', /outputPadding 1.*'same'/);
      const bias = () => toTensor(ndarray([4]));
      const call = (): unknown => evaluate(() => convTranspose2d(x(), w(), { bias: bias() }));
      expectThrows(call, 'ShapeError', /^convTranspose2d: bias must have shape \[3\]/);
    });

    it('gradients of shapes that do not fit', () => {
      const g = (shape = [1, 3, 7, 7]) => toTensor(ndarray(shape));
      const calls: [string, () => unknown][] = [
        ['convTranspose2dInput', () => grad.convTranspose2dInput([1, 4, 5, 6], w(), g([1, 3, 7, 8]))],
        ['convTranspose2dInput', () => grad.convTranspose2dInput([1, 4, 5], w(), g())],
        ['convTranspose2dWeight', () => grad.convTranspose2dWeight(x(), [4, 3, 3, 2], g([1, 3, 6, 7]))],
        ['convTranspose2dWeight', () => grad.convTranspose2dWeight(x(), [3, 3, 3, 2], g())],
        ['convTranspose2dBias', () => grad.convTranspose2dBias(g([1, 3, 7]))],
        ['convTranspose2d', () => grad.convTranspose2d(g([1, 4, 7, 7]), x(), w())],
      ];
      for (const [op, call] of calls) expectThrows(() => evaluate(call), 'ShapeError', new RegExp(`^grad\\.${op}: `));
    });
  });

  describeContract(
    'convTranspose2d',
    { input: { shape: [1, 2, 4, 5] }, weight: { shape: [2, 3, 2, 3] }, bias: { shape: [3], optional: true } },
    (t) => convTranspose2d(t.input, t.weight, { bias: t.bias }),
  );
  const [filters, g] = [{ shape: [2, 3, 2, 3] }, { shape: [1, 3, 5, 7] }];
  describeContract('grad.convTranspose2dInput', { weight: filters, gradOutput: g }, (t) =>
    grad.convTranspose2dInput([1, 2, 4, 5], t.weight, t.gradOutput),
  );
  describeContract('grad.convTranspose2dWeight', { input: { shape: [1, 2, 4, 5] }, gradOutput: g }, (t) =>
    grad.convTranspose2dWeight(t.input, [2, 3, 2, 3], t.gradOutput),
  );
  describeContract('grad.convTranspose2dBias', { gradOutput: g }, (t) => grad.convTranspose2dBias(t.gradOutput));
});

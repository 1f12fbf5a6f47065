import fc from 'fast-check';
import { conv2d, convAlgorithms, getNumThreads, grad, setNumThreads, type Tensor } from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/conv2d';
import { at, fill, ndarray } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';
import { type ConvProblem, convProblems } from '../support/windows';

const algorithms = ['im2col', 'implicit', 'auto'] as const;

/** Shapes in which convolution kernels have been wrong before: taken from the published problem sets, scaled down. */
const table: readonly [string, Omit<ConvProblem, 'outputShape' | 'seed'>][] = [
  ['1x1', { inputShape: [2, 5, 4, 7], weightShape: [6, 5, 1, 1], options: {} }],
  [
    '1x1 stride 2: rows and columns that no window reaches',
    { inputShape: [1, 3, 6, 8], weightShape: [4, 3, 1, 1], options: { stride: 2 } },
  ],
  ['1x1 with padding 3', { inputShape: [1, 4, 5, 6], weightShape: [3, 4, 1, 1], options: { padding: 3, stride: 2 } }],
  ['long filter', { inputShape: [1, 1, 26, 12], weightShape: [4, 1, 20, 5], options: { stride: [2, 8], padding: 8 } }],
  ['window as large as the input', { inputShape: [2, 3, 4, 5], weightShape: [2, 3, 4, 5], options: {} }],
  [
    'depthwise',
    { inputShape: [2, 6, 7, 9], weightShape: [6, 1, 3, 2], options: { groups: 6, padding: [1, 0], stride: [1, 2] } },
  ],
  [
    'depthwise with two filters a channel',
    { inputShape: [1, 3, 5, 9], weightShape: [6, 1, 2, 3], options: { groups: 3, dilation: [2, 1] } },
  ],
  ["'same'", { inputShape: [1, 2, 7, 10], weightShape: [3, 2, 4, 3], options: { padding: 'same', stride: [2, 3] } }],
  ["'valid'", { inputShape: [1, 2, 7, 10], weightShape: [3, 2, 4, 3], options: { padding: 'valid' } }],
  [
    'more than one block of every loop',
    { inputShape: [2, 67, 9, 13], weightShape: [37, 67, 3, 3], options: { padding: 1 } },
  ],
  [
    'NHWC, more than one block of every loop',
    { inputShape: [2, 9, 13, 67], weightShape: [37, 67, 3, 3], options: { layout: 'NHWC', padding: 1 } },
  ],
  ...[1, 3, 5, 17, 49].map((channels): [string, Omit<ConvProblem, 'outputShape' | 'seed'>] => [
    `NHWC, ${channels} channels`,
    {
      inputShape: [2, 6, 11, channels],
      weightShape: [50 - channels, channels, 3, 2],
      options: { layout: 'NHWC', padding: { top: 4, bottom: 0, left: 1, right: 3 }, stride: [1, 2], dilation: [2, 1] },
    },
  ]),
  [
    'NHWC, 1x1 to fewer filters',
    { inputShape: [2, 5, 7, 33], weightShape: [20, 33, 1, 1], options: { layout: 'NHWC' } },
  ],
  [
    'NHWC, groups of few channels',
    { inputShape: [2, 9, 13, 24], weightShape: [40, 3, 3, 3], options: { layout: 'NHWC', padding: 1, groups: 8 } },
  ],
  [
    'NHWC, depthwise with strides',
    {
      inputShape: [2, 9, 14, 37],
      weightShape: [37, 1, 3, 3],
      options: { layout: 'NHWC', padding: 1, groups: 37, stride: [2, 1] },
    },
  ],
];

const integerProblem: ConvProblem = {
  inputShape: [3, 8, 13, 17],
  weightShape: [12, 4, 3, 5],
  outputShape: [3, 12, 7, 17],
  options: { padding: { top: 1, bottom: 2, left: 4, right: 0 }, stride: [2, 1], groups: 2 },
  seed: 1,
};

function values(
  { inputShape, weightShape, seed, options }: Omit<ConvProblem, 'outputShape'>,
  dtype: 'float32' | 'float64',
) {
  const random = new Random(`conv2d ${seed}`);
  return {
    x: random.array(inputShape, dtype),
    w: random.array(weightShape, dtype),
    bias: random.array([weightShape[0]], dtype),
    g: random.array(reference.conv2dOutputShape(inputShape, weightShape, options), dtype),
  };
}

const termsOf = (weightShape: readonly number[]): number => weightShape[1] * weightShape[2] * weightShape[3] + 1;

/** Terms count so many times over where 'auto' takes winograd, whose error is that of test/convAlgorithms.test.ts. */
function growthOf(
  { inputShape, weightShape, options }: Omit<ConvProblem, 'outputShape'>,
  dtype: 'float32' | 'float64',
  direction: 'forward' | 'input' | 'weight',
  algorithm: (typeof algorithms)[number],
): number {
  if (algorithm !== 'auto') return 1;
  const [first] = convAlgorithms(inputShape, weightShape, { ...options, dtype, direction });
  return first.name === 'winograd' ? 30 : 1;
}

function checkForward(problem: Omit<ConvProblem, 'outputShape'>, dtype: 'float32' | 'float64'): void {
  const { x, w, bias } = values(problem, dtype);
  const expected = reference.conv2d(x, w, problem.options, bias);
  for (const algorithm of algorithms) {
    const actual = evaluate(() =>
      conv2d(toTensor(x, dtype), toTensor(w, dtype), {
        ...problem.options,
        bias: toTensor(bias, dtype),
        algorithm,
      }),
    );
    expect(actual.dtype).toBe(dtype);
    const terms = growthOf(problem, dtype, 'forward', algorithm) * termsOf(problem.weightShape);
    expectClose(actual, expected, { dtype, terms, scale: 1, what: algorithm });
  }
}

function checkGradients(problem: Omit<ConvProblem, 'outputShape'>, dtype: 'float32' | 'float64'): void {
  const { inputShape, weightShape, options } = problem;
  const { x, w, g } = values(problem, dtype);
  const pixels = g.data.length / weightShape[0];
  const expected = {
    input: reference.conv2dInput(inputShape, w, g, options),
    weight: reference.conv2dWeight(x, weightShape, g, options),
    bias: reference.conv2dBias(g, options),
  };
  const terms = { input: (termsOf(weightShape) * weightShape[0]) / weightShape[1], weight: pixels, bias: pixels };
  for (const algorithm of algorithms) {
    const settings = { ...options, algorithm };
    const actual = evaluate(() => {
      const [input, weight, gradOutput] = [toTensor(x, dtype), toTensor(w, dtype), toTensor(g, dtype)];
      return {
        input: grad.conv2dInput(inputShape, weight, gradOutput, settings),
        weight: grad.conv2dWeight(input, weightShape, gradOutput, settings),
        bias: grad.conv2dBias(gradOutput, options),
      };
    });
    for (const name of ['input', 'weight', 'bias'] as const) {
      const what = `${algorithm}: ${name} gradient`;
      const growth = name === 'bias' ? 1 : growthOf(problem, dtype, name, algorithm);
      expectClose(actual[name], expected[name], { dtype, terms: growth * terms[name], scale: 1, what });
    }
  }
}

describeOnDevices('conv2d', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(table)('agrees with the reference: %s', (_, problem) => {
      checkForward({ ...problem, seed: 0 }, dtype);
      checkGradients({ ...problem, seed: 0 }, dtype);
    });

    it('agrees with the reference on random problems', () => {
      fc.assert(fc.property(convProblems, (problem) => checkForward(problem, dtype)));
    });

    it('has gradients that agree with the reference on random problems', () => {
      fc.assert(fc.property(convProblems, (problem) => checkGradients(problem, dtype)));
    });

    it('accepts an empty batch', () => {
      const result = evaluate(() => {
        const [x, w] = [toTensor(ndarray([0, 3, 5, 6]), dtype), toTensor(ndarray([4, 3, 3, 2]), dtype)];
        const y = conv2d(x, w);
        return {
          y,
          input: grad.conv2dInput([0, 3, 5, 6], w, y),
          weight: grad.conv2dWeight(x, [4, 3, 3, 2], y),
          bias: grad.conv2dBias(y),
        };
      });
      expect(result.y.shape).toEqual([0, 4, 3, 5]);
      expect(result.input.shape).toEqual([0, 3, 5, 6]);
      expectEqual(result.weight, ndarray([4, 3, 3, 2]));
      expectEqual(result.bias, ndarray([4]));
    });
  });

  it('has gradients that agree with finite differences', () => {
    const options = {
      stride: [2, 1],
      padding: { top: 1, bottom: 2, left: 0, right: 3 },
      dilation: [1, 2],
      groups: 2,
    } as const;
    const problem = { inputShape: [2, 4, 5, 6], weightShape: [6, 2, 3, 2], options, seed: 3 };
    const { x, w, bias, g } = values(problem, 'float64');
    const loss = (input = x, weight = w, b = bias): number =>
      weightedSum(
        evaluate(() =>
          conv2d(toTensor(input, 'float64'), toTensor(weight, 'float64'), {
            ...options,
            bias: toTensor(b, 'float64'),
          }),
        ),
        g,
      );
    const gradients = evaluate(() => {
      const gradOutput = toTensor(g, 'float64');
      return grad.conv2d(gradOutput, toTensor(x, 'float64'), toTensor(w, 'float64'), {
        ...options,
        inputGrad: true,
        weightGrad: true,
        biasGrad: true,
      }) as { input: Tensor<'float64'>; weight: Tensor<'float64'>; bias: Tensor<'float64'> };
    });
    expectGradient((probe) => loss(probe), x, gradients.input, { what: 'input' });
    expectGradient((probe) => loss(x, probe), w, gradients.weight, { what: 'weight' });
    expectGradient((probe) => loss(x, w, probe), bias, gradients.bias, { what: 'bias' });
  });

  it('computes any subset of the gradients', () => {
    const { inputShape, weightShape, options } = integerProblem;
    const random = new Random('conv2d subset');
    const [x, w] = [random.integers(inputShape), random.integers(weightShape)];
    const g = random.integers(reference.conv2dOutputShape(inputShape, weightShape, options));
    const expected = {
      input: reference.conv2dInput(inputShape, w, g, options),
      weight: reference.conv2dWeight(x, weightShape, g, options),
      bias: reference.conv2dBias(g, options),
    };
    for (let subset = 1; subset < 8; subset++) {
      const wanted = { input: (subset & 1) > 0, weight: (subset & 2) > 0, bias: (subset & 4) > 0 };
      const actual: Partial<typeof expected> = evaluate(() =>
        grad.conv2d(toTensor(g), toTensor(x), toTensor(w), {
          ...options,
          inputGrad: wanted.input,
          weightGrad: wanted.weight,
          biasGrad: wanted.bias,
        }),
      ) as typeof expected;
      for (const name of ['input', 'weight', 'bias'] as const) {
        const result = actual[name];
        if (wanted[name] && result) expectEqual(result, expected[name], `${name} of subset ${subset}`);
        expect(result != null, `${name} of subset ${subset}`).toBe(wanted[name]);
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
          fc.oneof(fc.constant(integerProblem), convProblems),
          ({ inputShape, weightShape, options, seed }) => {
            const random = new Random(`conv2d integers ${seed}`);
            const [x, w] = [random.integers(inputShape), random.integers(weightShape)];
            const g = random.integers(reference.conv2dOutputShape(inputShape, weightShape, options));
            const expected = {
              y: reference.conv2d(x, w, options),
              input: reference.conv2dInput(inputShape, w, g, options),
              weight: reference.conv2dWeight(x, weightShape, g, options),
            };
            for (const count of [1, 2, 3]) {
              setNumThreads(count);
              for (const algorithm of algorithms) {
                const settings = { ...options, algorithm };
                const actual = evaluate(() => {
                  const [input, weight, gradOutput] = [toTensor(x), toTensor(w), toTensor(g)];
                  return {
                    y: conv2d(input, weight, settings),
                    input: grad.conv2dInput(inputShape, weight, gradOutput, settings),
                    weight: grad.conv2dWeight(input, weightShape, gradOutput, settings),
                  };
                });
                for (const name of ['y', 'input', 'weight'] as const) {
                  expectEqual(actual[name], expected[name], `${algorithm}, ${count} threads: ${name}`);
                }
              }
            }
          },
        ),
        { numRuns: 12 },
      );
    });

    const layouts: [(typeof algorithms)[number], Pick<ConvProblem, 'inputShape' | 'weightShape' | 'options'>][] =
      algorithms.flatMap((algorithm) => [
        [algorithm, { inputShape: [2, 19, 23, 29], weightShape: [33, 19, 3, 2], options: { padding: 1 } }],
        ...[1, 3, 24].map((groups): (typeof layouts)[number] => [
          algorithm,
          {
            inputShape: [2, 23, 29, 24],
            weightShape: [48 / (groups === 24 ? 2 : 1), 24 / groups, 3, 2],
            options: { padding: 1, stride: [1, 2], groups, layout: 'NHWC' },
          },
        ]),
      ]);

    it.each(layouts)('%s gives the same bits for any values and number of threads: %o', (algorithm, sizes) => {
      const problem = { ...sizes, seed: 5 };
      const { x, w, g } = values(problem, 'float32');
      const run = (count: number) => {
        setNumThreads(count);
        const settings = { ...problem.options, algorithm };
        return evaluate(() => ({
          y: conv2d(toTensor(x), toTensor(w), settings),
          input: grad.conv2dInput(problem.inputShape, toTensor(w), toTensor(g), settings),
          weight: grad.conv2dWeight(toTensor(x), problem.weightShape, toTensor(g), settings),
        }));
      };
      const one = run(1);
      for (const count of [2, 3]) {
        const many = run(count);
        for (const name of ['y', 'input', 'weight'] as const) expectSame(many[name], one[name], `${count}: ${name}`);
      }
    });

    it.each(layouts)('%s gives an image the same bits alone and within a batch: %o', (algorithm, sizes) => {
      const [, ...inputShape] = sizes.inputShape;
      const { x, w, g } = values({ ...sizes, inputShape: [5, ...inputShape], seed: 6 }, 'float32');
      const settings = { ...sizes.options, algorithm };
      const images = [0, 1, 2, 3, 4];
      const { batch, alone } = evaluate(() => {
        const [input, weight, gradOutput] = [toTensor(x), toTensor(w), toTensor(g)];
        const back = (of: typeof gradOutput, count: number) =>
          grad.conv2dInput([count, ...inputShape], weight, of, settings);
        return {
          batch: { y: conv2d(input, weight, settings), input: back(gradOutput, 5) },
          alone: {
            y: images.map((n) => conv2d(input.slice(n, n + 1), weight, settings)),
            input: images.map((n) => back(gradOutput.slice(n, n + 1), 1)),
          },
        };
      });
      for (const name of ['y', 'input'] as const) {
        for (const [n, image] of alone[name].entries()) {
          const expected = fill(image.shape, ([, ...rest]) => at(batch[name], n, ...rest));
          expectSame(image, expected, `${name} of image ${n}`);
        }
      }
    });
  });

  describe('non-finite values', () => {
    const options = { padding: { top: 1, bottom: 1, left: 1, right: 0 } } as const;
    const random = new Random('conv2d non-finite');

    it.each(algorithms)('%s: NaN reaches every window that holds it, and no other', (algorithm) => {
      const x = random.array([2, 3, 6, 7], 'float32');
      const w = random.array([4, 3, 3, 2], 'float32');
      x.data[50] = Number.NaN;
      const actual = evaluate(() => conv2d(toTensor(x), toTensor(w), { ...options, algorithm }));
      const expected = reference.conv2d(x, w, options);
      expect(expected.data.some(Number.isNaN)).toBe(true);
      expectClose(actual, expected, { dtype: 'float32', terms: 20, scale: 1 });
    });

    it.each(['im2col', 'implicit'] as const)('%s: infinities behave exactly, padding is 0 * w', (algorithm) => {
      const x = random.array([1, 2, 5, 6], 'float32', 0.5, 1);
      const w = random.array([3, 2, 3, 2], 'float32', 0.5, 1);
      x.data[20] = Infinity;
      w.data[7] = -Infinity; // its taps in the padding give 0 * -Infinity = NaN
      const actual = evaluate(() => conv2d(toTensor(x), toTensor(w), { ...options, algorithm }));
      const expected = reference.conv2d(x, w, options);
      expectClose(actual, expected, { dtype: 'float32', terms: 20 });
    });

    it.each([
      ['im2col', 1],
      ['implicit', 1],
      ['implicit', 4],
    ] as const)('%s: the same in NHWC, %i groups', (algorithm, groups) => {
      const settings = { ...options, layout: 'NHWC', groups } as const;
      const x = random.array([1, 5, 6, 4], 'float32', 0.5, 1);
      const w = random.array([4, 4 / groups, 3, 2], 'float32', 0.5, 1);
      x.data[40] = Infinity;
      w.data[7] = -Infinity;
      const actual = evaluate(() => conv2d(toTensor(x), toTensor(w), { ...settings, algorithm }));
      expectClose(actual, reference.conv2d(x, w, settings), { dtype: 'float32', terms: 30 });
    });

    it('a window wholly in the padding yields the bias', () => {
      const actual = evaluate(() =>
        conv2d(toTensor(ndarray([1, 1, 1, 2], [5, 7])), toTensor(ndarray([2, 1, 1, 1], [1, 1])), {
          padding: { top: 1, bottom: 0, left: 0, right: 0 },
          bias: toTensor(ndarray([2], [0.5, -2])),
        }),
      );
      expectEqual(actual, ndarray([1, 2, 2, 2], [0.5, 0.5, 5.5, 7.5, -2, -2, 3, 5]));
    });
  });

  describe('wrong input', () => {
    const shapes = { input: [1, 4, 5, 6], weight: [6, 4, 3, 2] };
    const attempt =
      (change: { input?: number[]; weight?: number[]; bias?: number[] }, options: object = {}) =>
      (): unknown =>
        evaluate(() =>
          conv2d(toTensor(ndarray(change.input ?? shapes.input)), toTensor(ndarray(change.weight ?? shapes.weight)), {
            ...(change.bias && { bias: toTensor(ndarray(change.bias)) }),
            ...options,
          }),
        );

    it.each([
      ['rank of the input', { input: [4, 5, 6] }, /input/],
      ['rank of the weight', { weight: [6, 4, 3] }, /weight/],
      ['channels', { input: [1, 3, 5, 6] }, /3.*4|4.*3/],
      ['length of the bias', { bias: [5] }, /bias.*\[?6|\[?6.*bias/],
      ['a scalar bias', { bias: [] }, /bias/],
    ])('%s', (_, change, message) => {
      expectThrows(attempt(change), 'ShapeError', /conv2d/, message);
    });

    it('shows the formula when no window fits', () => {
      const wide = attempt({ input: [1, 3, 5, 5], weight: [8, 3, 7, 7] });
      expectThrows(
        wide,
        'ShapeError',
        /conv2d/,
        /height/,
        /\(5 \+ 2\*0 - 1\*\(7-1\) - 1\)\/1\) \+ 1 = -1/,
        /\[1, ?3, ?5, ?5\]/,
      );
    });

    it.each([
      ['groups that do not divide the channels', { groups: 3 }, /groups/],
      ['groups 0', { groups: 0 }, /groups/],
      ['a fractional stride', { stride: 1.5 }, /stride/],
      ['stride 0', { stride: [1, 0] }, /stride/],
      ['a stride of three numbers', { stride: [1, 1, 1] }, /stride/],
      ['NaN as dilation', { dilation: Number.NaN }, /dilation/],
      ['negative padding', { padding: -1 }, /padding/],
      ['padding without a side', { padding: { top: 1, bottom: 1, left: 1 } }, /padding/],
      ['an unknown padding', { padding: 'full' }, /padding/],
      ['infinite padding', { padding: Infinity }, /padding/],
      ['padding that overflows', { padding: 2 ** 53 }, /padding|output/],
      ['an unknown layout', { layout: 'CHWN' }, /layout.*NCHW.*NHWC/],
      ['an unknown algorithm', { algorithm: 'magic' }, /algorithm.*im2col/],
      ['an unknown option', { strides: 2 }, /strides/],
      ['options that are no object', 7, /options/],
    ])('%s', (_, options, message) => {
      const call = (): unknown =>
        evaluate(() =>
          conv2d(
            toTensor(ndarray(shapes.input)),
            toTensor(ndarray(shapes.weight)),
            options as Parameters<typeof conv2d>[2],
          ),
        );
      expectThrows(call, 'ReceptiveError', /conv2d/, message);
    });

    it('operands of different types', () => {
      expectThrows(
        () => evaluate(() => conv2d(toTensor(ndarray(shapes.input)), toTensor(ndarray(shapes.weight), 'float64'))),
        'DTypeError',
        /conv2d/,
        /float32/,
        /float64/,
      );
    });

    it('gradients of shapes that do not fit', () => {
      const g = (): ReturnType<typeof toTensor> => toTensor(ndarray([1, 6, 3, 5]));
      const [x, w] = [() => toTensor(ndarray(shapes.input)), () => toTensor(ndarray(shapes.weight))];
      const wrong = (): ReturnType<typeof toTensor> => toTensor(ndarray([1, 6, 3, 4]));
      const cases: [string, () => unknown][] = [
        ['conv2dInput', () => grad.conv2dInput(shapes.input, w(), wrong())],
        ['conv2dInput', () => grad.conv2dInput([1, 4, 5], w(), g())],
        ['conv2dInput', () => grad.conv2dInput([1, 3, 5, 6], w(), g())],
        ['conv2dWeight', () => grad.conv2dWeight(x(), shapes.weight, wrong())],
        ['conv2dWeight', () => grad.conv2dWeight(x(), [6, 3, 3, 2], g())],
        ['conv2dBias', () => grad.conv2dBias(toTensor(ndarray([6, 3, 5])))],
        ['conv2d', () => grad.conv2d(wrong(), x(), w(), { inputGrad: true })],
      ];
      for (const [op, call] of cases) expectThrows(() => evaluate(call), 'ShapeError', new RegExp(`grad\\.${op}`));
    });
  });

  describeContract(
    'conv2d',
    { input: { shape: [1, 2, 4, 5] }, weight: { shape: [3, 2, 2, 3] }, bias: { shape: [3], optional: true } },
    (t) => conv2d(t.input, t.weight, { bias: t.bias }),
  );
  describeContract('grad.conv2dInput', { weight: { shape: [3, 2, 2, 3] }, gradOutput: { shape: [1, 3, 3, 3] } }, (t) =>
    grad.conv2dInput([1, 2, 4, 5], t.weight, t.gradOutput),
  );
  describeContract('grad.conv2dWeight', { input: { shape: [1, 2, 4, 5] }, gradOutput: { shape: [1, 3, 3, 3] } }, (t) =>
    grad.conv2dWeight(t.input, [3, 2, 2, 3], t.gradOutput),
  );
  describeContract('grad.conv2dBias', { gradOutput: { shape: [1, 3, 3, 3] } }, (t) => grad.conv2dBias(t.gradOutput));
});

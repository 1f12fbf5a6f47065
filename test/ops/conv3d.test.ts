import fc from 'fast-check';
import {
  conv2d,
  conv3d,
  getNumThreads,
  grad,
  memoryStats,
  resetPeakMemory,
  setNumThreads,
  type Tensor,
  tidy,
} from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/conv3d';
import { at, fill, map, ndarray } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';
import { type VolumeProblem, volumeProblems } from '../support/volumes';

type Sizes = Omit<VolumeProblem, 'seed'>;

const sixSides = { front: 1, back: 2, top: 0, bottom: 3, left: 2, right: 1 };

/** What takes another path, or has edges of its own. */
const table: readonly [string, Sizes][] = [
  ['everything unequal', { inputShape: [2, 3, 5, 7, 6], weightShape: [4, 3, 3, 2, 4], options: { padding: sixSides } }],
  [
    'strides, dilations, groups',
    {
      inputShape: [2, 4, 7, 8, 11],
      weightShape: [6, 2, 3, 2, 3],
      options: { padding: sixSides, stride: [2, 1, 3], dilation: [1, 3, 2], groups: 2 },
    },
  ],
  [
    'stride along the depth alone',
    { inputShape: [1, 5, 9, 6, 7], weightShape: [3, 5, 3, 3, 2], options: { padding: 1, stride: [2, 1, 1] } },
  ],
  [
    'stride along the width alone',
    { inputShape: [1, 5, 4, 6, 19], weightShape: [7, 5, 2, 3, 3], options: { padding: 1, stride: [1, 1, 2] } },
  ],
  [
    'strides of which windows leave out elements',
    { inputShape: [1, 2, 8, 9, 10], weightShape: [3, 2, 2, 1, 2], options: { stride: [4, 3, 3] } },
  ],
  [
    'more phases than the gradient by input takes apart',
    { inputShape: [1, 2, 11, 12, 10], weightShape: [3, 2, 3, 2, 3], options: { stride: [5, 4, 4], padding: 2 } },
  ],
  ['1x1x1', { inputShape: [2, 5, 3, 4, 7], weightShape: [6, 5, 1, 1, 1], options: {} }],
  ['1x1x1, groups', { inputShape: [2, 6, 3, 4, 7], weightShape: [4, 3, 1, 1, 1], options: { groups: 2 } }],
  ['1x1x1, stride 2', { inputShape: [1, 5, 5, 6, 7], weightShape: [6, 5, 1, 1, 1], options: { stride: 2 } }],
  ['1x1x1, padding', { inputShape: [1, 2, 3, 2, 4], weightShape: [3, 2, 1, 1, 1], options: { padding: sixSides } }],
  [
    'along the depth alone',
    {
      inputShape: [2, 3, 9, 4, 5],
      weightShape: [5, 3, 3, 1, 1],
      options: {
        padding: { ...sixSides, top: 0, bottom: 0, left: 0, right: 0 },
        stride: [2, 1, 1],
        dilation: [2, 1, 1],
      },
    },
  ],
  [
    'along the plane alone',
    { inputShape: [2, 3, 4, 7, 6], weightShape: [5, 3, 1, 3, 2], options: { padding: [0, 1, 1] } },
  ],
  ['a window of the whole volume', { inputShape: [2, 3, 4, 5, 6], weightShape: [2, 3, 4, 5, 6], options: {} }],
  ['volumes of one element', { inputShape: [3, 4, 1, 1, 1], weightShape: [5, 4, 3, 3, 3], options: { padding: 1 } }],
  [
    'a depth of which no tap reads a plane',
    { inputShape: [1, 2, 1, 5, 6], weightShape: [3, 2, 2, 2, 2], options: { padding: [2, 0, 0], dilation: [3, 1, 1] } },
  ],
  [
    'depthwise',
    { inputShape: [2, 6, 5, 7, 9], weightShape: [6, 1, 3, 3, 2], options: { groups: 6, padding: [1, 1, 0] } },
  ],
  [
    "'same'",
    { inputShape: [1, 2, 5, 7, 10], weightShape: [3, 2, 2, 4, 3], options: { padding: 'same', stride: [1, 2, 3] } },
  ],
  ["'valid'", { inputShape: [1, 2, 4, 7, 8], weightShape: [3, 2, 2, 4, 3], options: { padding: 'valid' } }],
  [
    'more than one block of every loop',
    { inputShape: [2, 34, 3, 9, 13], weightShape: [37, 34, 3, 3, 3], options: { padding: 1 } },
  ],
  [
    'rows longer than a block',
    { inputShape: [1, 1, 2, 3, 500], weightShape: [2, 1, 2, 2, 3], options: { padding: [1, 0, 1] } },
  ],
  [
    'small planes, several to a block of the gradient by weight',
    { inputShape: [3, 5, 4, 3, 5], weightShape: [26, 5, 3, 3, 3], options: { padding: 1 } },
  ],
  [
    'windows that reach too far for lines to be copied',
    {
      inputShape: [2, 2, 3, 2, 3],
      weightShape: [2, 2, 2, 2, 2],
      options: { padding: [1, 70000, 2], dilation: [2, 140001, 3] },
    },
  ],
];

function values({ inputShape, weightShape, options, seed }: VolumeProblem, dtype: 'float32' | 'float64') {
  const random = new Random(`conv3d ${seed}`);
  return {
    x: random.array(inputShape, dtype),
    w: random.array(weightShape, dtype),
    bias: random.array([weightShape[0]], dtype),
    g: random.array(reference.conv3dOutputShape(inputShape, weightShape, options), dtype),
  };
}

function integers({ inputShape, weightShape, options, seed }: VolumeProblem) {
  const random = new Random(`conv3d integers ${seed}`);
  return {
    x: random.integers(inputShape),
    w: random.integers(weightShape),
    g: random.integers(reference.conv3dOutputShape(inputShape, weightShape, options)),
  };
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function check(problem: VolumeProblem, dtype: 'float32' | 'float64'): void {
  const { inputShape, weightShape, options } = problem;
  const { x, w, bias, g } = values(problem, dtype);
  const expected = {
    y: reference.conv3d(x, w, options, bias),
    input: reference.conv3dInput(inputShape, w, g, options),
    weight: reference.conv3dWeight(x, weightShape, g, options),
    bias: reference.conv3dBias(g),
  };
  const voxels = g.data.length / weightShape[0];
  const terms = {
    y: product(weightShape.slice(1)) + 1,
    input: product(weightShape) / weightShape[1],
    weight: voxels,
    bias: voxels,
  };
  const actual = evaluate(() => {
    const [input, weight, gradOutput] = [toTensor(x, dtype), toTensor(w, dtype), toTensor(g, dtype)];
    return {
      y: conv3d(input, weight, { ...options, bias: toTensor(bias, dtype) }),
      input: grad.conv3dInput(inputShape, weight, gradOutput, options),
      weight: grad.conv3dWeight(input, weightShape, gradOutput, options),
      bias: grad.conv3dBias(gradOutput),
    };
  });
  for (const name of ['y', 'input', 'weight', 'bias'] as const) {
    expect(actual[name].dtype).toBe(dtype);
    expectClose(actual[name], expected[name], { dtype, terms: terms[name], scale: 1, what: name });
  }
}

describeOnDevices('conv3d', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(table)('agrees with the reference: %s', (_, sizes) => check({ ...sizes, seed: 0 }, dtype));

    it('agrees with the reference on random problems', () => {
      fc.assert(fc.property(volumeProblems, (problem) => check(problem, dtype)));
    });

    it('accepts an empty batch', () => {
      const result = evaluate(() => {
        const [x, w] = [toTensor(ndarray([0, 3, 4, 5, 6]), dtype), toTensor(ndarray([4, 3, 2, 3, 2]), dtype)];
        const y = conv3d(x, w);
        return {
          y,
          input: grad.conv3dInput([0, 3, 4, 5, 6], w, y),
          weight: grad.conv3dWeight(x, [4, 3, 2, 3, 2], y),
          bias: grad.conv3dBias(y),
        };
      });
      expect(result.y.shape).toEqual([0, 4, 3, 3, 5]);
      expect(result.input.shape).toEqual([0, 3, 4, 5, 6]);
      expectEqual(result.weight, ndarray([4, 3, 2, 3, 2]));
      expectEqual(result.bias, ndarray([4]));
    });
  });

  it('sees a volume of one plane as conv2d does', () => {
    const random = new Random('conv3d plane');
    const [x, w] = [random.array([2, 3, 1, 7, 9], 'float64'), random.array([4, 3, 1, 3, 2], 'float64')];
    const { volume, plane } = evaluate(() => ({
      volume: conv3d(toTensor(x, 'float64'), toTensor(w, 'float64'), { padding: [0, 1, 2], stride: [1, 1, 2] }),
      plane: conv2d(toTensor(x, 'float64').reshape([2, 3, 7, 9]), toTensor(w, 'float64').reshape([4, 3, 3, 2]), {
        padding: [1, 2],
        stride: [1, 2],
        algorithm: 'implicit',
      }).reshape([2, 4, 1, 7, 6]),
    }));
    expectSame(volume, plane);
  });

  it.each(['relu', 'relu6', 'silu'] as const)('applies %s after the bias', (activation) => {
    const problem = { inputShape: [1, 3, 4, 5, 6], weightShape: [5, 3, 3, 2, 3], options: { padding: 1 }, seed: 8 };
    const { x, w, bias } = values(problem, 'float64');
    const f = { relu: (v: number) => Math.max(v, 0), relu6: (v: number) => Math.min(Math.max(v, 0), 6) };
    const silu = (v: number) => v / (1 + Math.exp(-v));
    const wide = map(w, (v) => 8 * v);
    const actual = evaluate(() =>
      conv3d(toTensor(x, 'float64'), toTensor(wide, 'float64'), {
        ...problem.options,
        bias: toTensor(bias, 'float64'),
        activation,
      }),
    );
    const sums = reference.conv3d(x, wide, problem.options, bias);
    expect(sums.data.some((v) => v > 6) && sums.data.some((v) => v < 0)).toBe(true);
    const expected = map(sums, activation === 'silu' ? silu : f[activation]);
    expectClose(actual, expected, { dtype: 'float64', terms: 60, scale: 8 });
  });

  it('has gradients that agree with finite differences', () => {
    const options = { stride: [2, 1, 2], padding: sixSides, dilation: [1, 2, 1], groups: 2 } as const;
    const problem = { inputShape: [2, 4, 4, 5, 6], weightShape: [6, 2, 2, 3, 2], options, seed: 3 };
    const { x, w, bias, g } = values(problem, 'float64');
    const loss = (input = x, weight = w, b = bias): number =>
      weightedSum(
        evaluate(() =>
          conv3d(toTensor(input, 'float64'), toTensor(weight, 'float64'), { ...options, bias: toTensor(b, 'float64') }),
        ),
        g,
      );
    const gradients = evaluate(
      () =>
        grad.conv3d(toTensor(g, 'float64'), toTensor(x, 'float64'), toTensor(w, 'float64'), options) as {
          input: Tensor<'float64'>;
          weight: Tensor<'float64'>;
          bias: Tensor<'float64'>;
        },
    );
    expectGradient((probe) => loss(probe), x, gradients.input, { what: 'input' });
    expectGradient((probe) => loss(x, probe), w, gradients.weight, { what: 'weight' });
    expectGradient((probe) => loss(x, w, probe), bias, gradients.bias, { what: 'bias' });
  });

  it('computes any subset of the gradients', () => {
    const problem = { ...table[1][1], seed: 4 };
    const { inputShape, weightShape, options } = problem;
    const { x, w, g } = integers(problem);
    const expected = {
      input: reference.conv3dInput(inputShape, w, g, options),
      weight: reference.conv3dWeight(x, weightShape, g, options),
      bias: reference.conv3dBias(g),
    };
    for (let subset = 0; subset < 8; subset++) {
      const wanted = { input: (subset & 1) > 0, weight: (subset & 2) > 0, bias: (subset & 4) > 0 };
      const flags = { inputGrad: wanted.input, weightGrad: wanted.weight, biasGrad: wanted.bias };
      const actual: Partial<typeof expected> = evaluate(() =>
        grad.conv3d(toTensor(g), toTensor(x), toTensor(w), { ...options, ...flags }),
      ) as typeof expected;
      for (const name of ['input', 'weight', 'bias'] as const) {
        const result = actual[name];
        if (wanted[name] && result) expectEqual(result, expected[name], `${name} of subset ${subset}`);
        expect(result != null, `${name} of subset ${subset}`).toBe(wanted[name]);
      }
    }
  });

  it('keeps packed weights apart from those of other options, and makes them anew when the weights change', () => {
    const random = new Random('conv3d packed');
    const [w, other] = [random.integers([4, 6, 3, 3, 3]), random.integers([4, 6, 3, 3, 3])];
    const shape = [1, 6, 5, 6, 7];
    const x = random.integers(shape);
    const settings = [
      { padding: 1 },
      { padding: 1, stride: [1, 2, 2] as const },
      { padding: 1, stride: [2, 1, 1] as const },
      { padding: 2, stride: [2, 1, 1] as const, dilation: [2, 1, 1] as const },
    ];
    const weight = toTensor(w);
    try {
      for (const present of [w, w, other]) {
        if (present === other) tidy(() => weight.copy_(toTensor(other)));
        for (const options of settings) {
          const g = random.integers(reference.conv3dOutputShape(shape, w.shape, options));
          const { y, back } = evaluate(() => ({
            y: conv3d(toTensor(x), weight, options),
            back: grad.conv3dInput(shape, weight, toTensor(g), options),
          }));
          expectEqual(y, reference.conv3d(x, present, options));
          expectEqual(back, reference.conv3dInput(shape, present, g, options));
        }
      }
    } finally {
      weight.dispose();
    }
  });

  it('computes with weights that are too large to be kept in packed form', () => {
    const [N, C, K] = [2, 801, 800];
    const shape = [N, C, 1, 1, 2];
    const w = fill([K, C, 3, 3, 3], ([k, c]) => ((k % 5) + 1) * ((c % 3) + 1));
    expect(w.data.length * 4).toBeGreaterThan(64 << 20);
    const { y, back } = evaluate(() => {
      const [x, g] = [shape, [N, K, 1, 1, 2]].map((of) => toTensor(fill(of, ([n]) => n + 1)));
      const weight = toTensor(w);
      return {
        y: conv3d(x, weight, { padding: 1 }),
        back: grad.conv3dInput(shape, weight, g, { padding: 1 }),
      };
    });
    // Two taps of a window are inside.
    const total = (count: number, period: number): number =>
      Array.from({ length: count }, (_, i) => (i % period) + 1).reduce((a, b) => a + b);
    expectEqual(
      y,
      fill(y.shape, ([n, k]) => 2 * (n + 1) * ((k % 5) + 1) * total(C, 3)),
    );
    expectEqual(
      back,
      fill(shape, ([n, c]) => 2 * (n + 1) * ((c % 3) + 1) * total(K, 5)),
    );
  });

  it('takes no workspace for the columns of a volume', () => {
    resetPeakMemory();
    const [C, K, D, H, W] = [16, 8, 24, 40, 56];
    const held = memoryStats();
    evaluate(() => conv3d(toTensor(ndarray([1, C, D, H, W])), toTensor(ndarray([K, C, 3, 3, 3])), { padding: 1 }));
    const operands = 4 * (C + K) * D * H * W;
    const columns = 4 * C * 27 * D * H * W;
    expect(columns).toBeGreaterThan(64 << 20);
    expect(memoryStats().peakBytes - held.allocatedBytes).toBeLessThan(operands + (16 << 20));
  });

  describe('exactness', () => {
    let threads: number;
    beforeEach(() => {
      threads = getNumThreads();
    });
    afterEach(() => setNumThreads(threads));

    it('gives the same bits for integers with every number of threads', () => {
      const fixed = table.map(([, sizes]) => ({ ...sizes, seed: 1 }));
      fc.assert(
        fc.property(fc.oneof(fc.constantFrom(...fixed), volumeProblems), (problem) => {
          const { inputShape, weightShape, options } = problem;
          const { x, w, g } = integers(problem);
          const expected = {
            y: reference.conv3d(x, w, options),
            input: reference.conv3dInput(inputShape, w, g, options),
            weight: reference.conv3dWeight(x, weightShape, g, options),
          };
          for (const count of [1, 2, 3]) {
            setNumThreads(count);
            const actual = evaluate(() => {
              const [input, weight, gradOutput] = [toTensor(x), toTensor(w), toTensor(g)];
              return {
                y: conv3d(input, weight, options),
                input: grad.conv3dInput(inputShape, weight, gradOutput, options),
                weight: grad.conv3dWeight(input, weightShape, gradOutput, options),
              };
            });
            for (const name of ['y', 'input', 'weight'] as const) {
              expectEqual(actual[name], expected[name], `${count} threads: ${name}`);
            }
          }
        }),
        { numRuns: 30 },
      );
    });

    const large: [string, Sizes][] = [
      ['stride 1', { inputShape: [2, 19, 5, 13, 17], weightShape: [33, 19, 3, 3, 2], options: { padding: 1 } }],
      [
        'strides',
        { inputShape: [2, 19, 5, 13, 17], weightShape: [33, 19, 3, 3, 2], options: { padding: 1, stride: [2, 1, 2] } },
      ],
      ['along the depth', { inputShape: [2, 19, 9, 13, 17], weightShape: [33, 19, 3, 1, 1], options: {} }],
      [
        'groups',
        { inputShape: [2, 24, 5, 13, 17], weightShape: [48, 12, 2, 3, 3], options: { padding: 1, groups: 2 } },
      ],
    ];

    it.each(large)('gives the same bits for any values and number of threads: %s', (_, sizes) => {
      const problem = { ...sizes, seed: 5 };
      const { x, w, g } = values(problem, 'float32');
      const run = (count: number) => {
        setNumThreads(count);
        return evaluate(() => ({
          y: conv3d(toTensor(x), toTensor(w), problem.options),
          input: grad.conv3dInput(problem.inputShape, toTensor(w), toTensor(g), problem.options),
          weight: grad.conv3dWeight(toTensor(x), problem.weightShape, toTensor(g), problem.options),
        }));
      };
      const one = run(1);
      for (const count of [2, 3]) {
        const many = run(count);
        for (const name of ['y', 'input', 'weight'] as const) expectSame(many[name], one[name], `${count}: ${name}`);
      }
    });

    it.each(large)('gives a volume the same bits alone and within a batch: %s', (_, sizes) => {
      const [, ...inputShape] = sizes.inputShape;
      const { x, w, g } = values({ ...sizes, inputShape: [3, ...inputShape], seed: 6 }, 'float32');
      const volumes = [0, 1, 2];
      const { batch, alone } = evaluate(() => {
        const [input, weight, gradOutput] = [toTensor(x), toTensor(w), toTensor(g)];
        const back = (of: typeof gradOutput, count: number) =>
          grad.conv3dInput([count, ...inputShape], weight, of, sizes.options);
        return {
          batch: { y: conv3d(input, weight, sizes.options), input: back(gradOutput, 3) },
          alone: {
            y: volumes.map((n) => conv3d(input.slice(n, n + 1), weight, sizes.options)),
            input: volumes.map((n) => back(gradOutput.slice(n, n + 1), 1)),
          },
        };
      });
      for (const name of ['y', 'input'] as const) {
        for (const [n, volume] of alone[name].entries()) {
          const expected = fill(volume.shape, ([, ...rest]) => at(batch[name], n, ...rest));
          expectSame(volume, expected, `${name} of volume ${n}`);
        }
      }
    });
  });

  describe('non-finite values', () => {
    const options = { padding: { front: 1, back: 1, top: 1, bottom: 0, left: 1, right: 0 } } as const;
    const random = new Random('conv3d non-finite');

    it('NaN reaches every window that holds it, and no other', () => {
      const [x, w] = [random.array([2, 3, 4, 6, 7], 'float32'), random.array([4, 3, 2, 3, 2], 'float32')];
      x.data[150] = Number.NaN;
      const actual = evaluate(() => conv3d(toTensor(x), toTensor(w), options));
      const expected = reference.conv3d(x, w, options);
      expect(expected.data.some(Number.isNaN)).toBe(true);
      expectClose(actual, expected, { dtype: 'float32', terms: 40, scale: 1 });
    });

    it('infinities behave exactly, padding is 0 * w', () => {
      const [x, w] = [
        random.array([1, 2, 4, 5, 6], 'float32', 0.5, 1),
        random.array([3, 2, 2, 3, 2], 'float32', 0.5, 1),
      ];
      x.data[40] = Infinity;
      w.data[3] = -Infinity; // its taps in the padding give 0 * -Infinity = NaN
      const actual = evaluate(() => conv3d(toTensor(x), toTensor(w), options));
      const expected = reference.conv3d(x, w, options);
      expect(expected.data.some(Number.isNaN)).toBe(true);
      expect(expected.data.includes(Infinity)).toBe(true);
      expectClose(actual, expected, { dtype: 'float32', terms: 40, scale: 1 });
    });

    it('a sum of -0 is what additions give', () => {
      const [x, w] = [ndarray([1, 1, 1, 1, 2], [-0, 0]), ndarray([1, 1, 1, 1, 2], [1, 1])];
      expectEqual(
        evaluate(() => conv3d(toTensor(x), toTensor(w))),
        ndarray([1, 1, 1, 1, 1], [0]),
      );
    });

    it('a window wholly in the padding yields the bias', () => {
      const actual = evaluate(() =>
        conv3d(toTensor(ndarray([1, 1, 1, 1, 2], [5, 7])), toTensor(ndarray([2, 1, 1, 1, 1], [1, 1])), {
          padding: { front: 1, back: 0, top: 0, bottom: 0, left: 0, right: 0 },
          bias: toTensor(ndarray([2], [0.5, -2])),
        }),
      );
      expectEqual(actual, ndarray([1, 2, 2, 1, 2], [0.5, 0.5, 5.5, 7.5, -2, -2, 3, 5]));
    });
  });
});

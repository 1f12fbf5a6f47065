import fc from 'fast-check';
import { type ConvActivation, conv1d, grad, relu, sigmoid, type Tensor } from 'receptive';
import { describe, expect, it } from 'vitest';
import { type NdArray, ndarray } from '../reference/ndarray';
import * as reference from '../reference/oneAxis';
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
  readonly options: reference.Conv1dOptions;
  readonly seed: number;
}

const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const problems: fc.Arbitrary<Problem> = fc
  .record({
    ...{ batch: small(1, 3), groups: small(1, 3), channels: small(1, 3), filters: small(1, 4) },
    ...{ kernel: small(1, 5), stride: small(1, 3), dilation: small(1, 3), extra: small(0, 20) },
    padding: fc.oneof(
      small(0, 3),
      fc.tuple(small(0, 4), small(0, 4)),
      fc.constantFrom('same' as const, 'valid' as const),
    ),
    layout: fc.constantFrom('NCW' as const, 'NWC' as const),
    seed: fc.nat(),
  })
  .map(({ batch, groups, channels, filters, kernel, stride, dilation, extra, padding, layout, seed }) => {
    const [width, depth] = [(kernel - 1) * dilation + 1 + extra, groups * channels];
    return {
      inputShape: layout === 'NWC' ? [batch, width, depth] : [batch, depth, width],
      weightShape: [groups * filters, channels, kernel],
      options: { stride, dilation, padding, groups, layout },
      seed,
    };
  });

const table: readonly [string, Omit<Problem, 'seed'>][] = [
  ['many channels', { inputShape: [2, 33, 101], weightShape: [40, 33, 3], options: { padding: [1, 2] } }],
  ['depthwise', { inputShape: [2, 12, 67], weightShape: [12, 1, 5], options: { groups: 12, stride: 2, padding: 2 } }],
  ['causal, dilated', { inputShape: [1, 5, 90], weightShape: [7, 5, 3], options: { dilation: 8, padding: [16, 0] } }],
  ['one tap', { inputShape: [3, 20, 31], weightShape: [9, 20, 1], options: { layout: 'NCW' } }],
  ['channels last', { inputShape: [2, 45, 18], weightShape: [24, 9, 4], options: { layout: 'NWC', groups: 2 } }],
];

const algorithms = ['auto', 'im2col', 'implicit'] as const;

function operands(
  { inputShape, weightShape, options, seed }: Problem,
  make: (random: Random, s: readonly number[]) => NdArray,
) {
  const random = new Random(`conv1d ${seed}`);
  const x = make(random, inputShape);
  const w = make(random, weightShape);
  const bias = make(random, [weightShape[0]]);
  return { x, w, bias, g: make(random, reference.conv1d(x, w, options).shape) };
}

function check(problem: Problem, dtype: FloatDType): void {
  const { inputShape, weightShape, options } = problem;
  const { x, w, bias, g } = operands(problem, (random, shape) => random.array(shape, dtype));
  const expected = {
    y: reference.conv1d(x, w, options, bias),
    input: reference.conv1dInput(inputShape, w, g, options),
    weight: reference.conv1dWeight(x, weightShape, g, options),
    bias: reference.conv1dBias(g, options),
  };
  const taps = weightShape[1] * weightShape[2] + 1;
  const perFilter = g.data.length / weightShape[0];
  const terms = { y: taps, input: weightShape[0] * weightShape[2], weight: perFilter, bias: perFilter };
  for (const algorithm of algorithms) {
    const settings = { ...options, algorithm };
    const actual = evaluate(() => {
      const [input, weight, gradOutput] = [toTensor(x, dtype), toTensor(w, dtype), toTensor(g, dtype)];
      return {
        y: conv1d(input, weight, { ...settings, bias: toTensor(bias, dtype) }),
        input: grad.conv1dInput(inputShape, weight, gradOutput, settings),
        weight: grad.conv1dWeight(input, weightShape, gradOutput, settings),
        bias: grad.conv1dBias(gradOutput, options),
      };
    });
    for (const name of ['y', 'input', 'weight', 'bias'] as const) {
      expect(actual[name].dtype).toBe(dtype);
      expectClose(actual[name], expected[name], { dtype, terms: terms[name], scale: 1, what: `${algorithm}: ${name}` });
    }
  }
}

describeOnDevices('conv1d', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(table)('agrees with the reference: %s', (_, problem) => check({ ...problem, seed: 0 }, dtype));

    it('agrees with the reference on random problems', () => {
      fc.assert(fc.property(problems, (problem) => check(problem, dtype)));
    });

    it('accepts an empty batch', () => {
      const result = evaluate(() => {
        const [x, w] = [toTensor(ndarray([0, 3, 9]), dtype), toTensor(ndarray([4, 3, 2]), dtype)];
        const y = conv1d(x, w);
        return { y, ...grad.conv1d(y, x, w) } as Record<'y' | 'input' | 'weight' | 'bias', Tensor>;
      });
      expect(result.y.shape).toEqual([0, 4, 8]);
      expect(result.input.shape).toEqual([0, 3, 9]);
      expectEqual(result.weight, ndarray([4, 3, 2]));
      expectEqual(result.bias, ndarray([4]));
    });
  });

  it('has gradients that agree with finite differences, any subset of them at once', () => {
    const options = { stride: 2, padding: [1, 3], dilation: 2, groups: 2 } as const;
    const problem = { inputShape: [2, 4, 11], weightShape: [6, 2, 3], options, seed: 3 };
    const { x, w, bias, g } = operands(problem, (random, shape) => random.array(shape, 'float64'));
    const loss = (input = x, weight = w, b = bias): number =>
      weightedSum(
        evaluate(() =>
          conv1d(toTensor(input, 'float64'), toTensor(weight, 'float64'), { ...options, bias: toTensor(b, 'float64') }),
        ),
        g,
      );
    const gradients = (chosen = {}) =>
      evaluate(() => {
        const [gradOutput, input, weight] = [toTensor(g, 'float64'), toTensor(x, 'float64'), toTensor(w, 'float64')];
        return grad.conv1d(gradOutput, input, weight, { ...options, ...chosen });
      }) as Record<'input' | 'weight' | 'bias', NdArray | null>;
    const all = gradients() as Record<'input' | 'weight' | 'bias', NdArray>;
    expectGradient((probe) => loss(probe), x, all.input, { what: 'input' });
    expectGradient((probe) => loss(x, probe), w, all.weight, { what: 'weight' });
    expectGradient((probe) => loss(x, w, probe), bias, all.bias, { what: 'bias' });
    for (let subset = 0; subset < 8; subset++) {
      const wanted = { input: (subset & 1) > 0, weight: (subset & 2) > 0, bias: (subset & 4) > 0 };
      const some = gradients({ inputGrad: wanted.input, weightGrad: wanted.weight, biasGrad: wanted.bias });
      for (const name of ['input', 'weight', 'bias'] as const) {
        if (wanted[name]) expectSame(some[name] as NdArray, all[name], name);
        else expect(some[name]).toBeNull();
      }
    }
  });

  it('applies an activation after the bias', () => {
    const { x, w, bias } = operands({ ...table[0][1], seed: 1 }, (random, shape) => random.array(shape, 'float32'));
    for (const [activation, apply] of [
      ['relu', relu],
      ['sigmoid', sigmoid],
    ] as [ConvActivation, typeof relu][]) {
      const actual = evaluate(() => {
        const [input, weight, b] = [toTensor(x), toTensor(w), toTensor(bias)];
        return {
          y: conv1d(input, weight, { bias: b, padding: 1, activation }),
          expected: apply(conv1d(input, weight, { bias: b, padding: 1 })),
        };
      });
      expectSame(actual.y, actual.expected, activation);
    }
  });

  it('spreads NaN and infinities over their windows and no further', () => {
    const random = new Random('conv1d non-finite');
    const x = random.array([1, 2, 17], 'float32', 0.5, 1);
    const w = random.array([3, 2, 3], 'float32', 0.5, 1);
    x.data[5] = Number.NaN;
    x.data[28] = Infinity;
    const options = { padding: 1, stride: 2 };
    expectClose(
      evaluate(() => conv1d(toTensor(x), toTensor(w), { ...options, algorithm: 'implicit' })),
      reference.conv1d(x, w, options),
      { dtype: 'float32', terms: 7 },
    );
  });

  describe('wrong input', () => {
    const x = (shape = [1, 4, 9]) => toTensor(ndarray(shape));
    const w = (shape = [6, 4, 3]) => toTensor(ndarray(shape));

    it.each([
      ['rank of the input', [1, 4, 1, 9], [6, 4, 3], /input must have rank 3 \[N, C, W\]/],
      ['rank of the weight', [1, 4, 9], [6, 4, 1, 3], /weight must have rank 3 \[K, C\/groups, R\]/],
      ['channels', [1, 3, 9], [6, 4, 3], /input \[1, 3, 9\] has 3 channels, weight \[6, 4, 3\]/],
      ['no window fits', [1, 4, 2], [6, 4, 3], /output width floor\(\(2 \+ 2\*0 - 1\*\(3-1\) - 1\)\/1\) \+ 1 = 0/],
      ['an extent of 0', [1, 4, 0], [6, 4, 3], /input \[1, 4, 0\] must have positive extents \[N, C, W\]/],
    ])('%s', (_, input, weight, message) => {
      expectThrows(() => evaluate(() => conv1d(x(input), w(weight))), 'ShapeError', /^conv1d: /, message);
    });

    it.each([
      ['stride', [1, 2]],
      ['stride', 0],
      ['dilation', '2'],
      ['dilation', [1]],
      ['padding', -1],
      ['padding', [1, 2, 3]],
      ['padding', [1, -1]],
      ['padding', { top: 0, bottom: 0, left: 1, right: 1 }],
      ['padding', 'full'],
      ['groups', 3],
      ['layout', 'NHWC'],
      ['algorithm', 'magic'],
      ['bias', 1],
      ['activation', 'loud'],
      ['kernelSize', 3],
    ])('%s %o', (name, value) => {
      const call = (): unknown => evaluate(() => conv1d(x(), w(), { [name]: value }));
      expectThrows(call, 'ReceptiveError', /^conv1d: /, new RegExp(name));
    });

    it('an algorithm that cannot compute it', () => {
      const call = (): unknown => evaluate(() => conv1d(x(), w(), { algorithm: 'winograd' }));
      expectThrows(call, 'UnsupportedError', /^conv1d: /, /3x3/);
    });

    it('a bias of another length', () => {
      const call = (): unknown => evaluate(() => conv1d(x(), w(), { bias: toTensor(ndarray([5])) }));
      expectThrows(call, 'ShapeError', /^conv1d: bias must have shape \[6\]/);
    });

    it('gradients of shapes that do not fit, or after an activation', () => {
      const g = (shape = [1, 6, 7]) => toTensor(ndarray(shape));
      const calls: [string, () => unknown][] = [
        ['conv1dInput', () => grad.conv1dInput([1, 4, 9], w(), g([1, 6, 8]))],
        ['conv1dInput', () => grad.conv1dInput([1, 4, 1, 9], w(), g())],
        ['conv1dWeight', () => grad.conv1dWeight(x(), [6, 4, 3], g([1, 5, 7]))],
        ['conv1dWeight', () => grad.conv1dWeight(x(), [6, 3, 3], g())],
        ['conv1dBias', () => grad.conv1dBias(g([1, 6, 1, 7]))],
        ['conv1d', () => grad.conv1d(g([2, 6, 7]), x(), w())],
      ];
      for (const [op, call] of calls) expectThrows(() => evaluate(call), 'ShapeError', new RegExp(`^grad\\.${op}: `));
      const activated = (): unknown =>
        evaluate(() => grad.conv1dInput([1, 4, 9], w(), g(), { activation: 'relu' } as object));
      expectThrows(activated, 'ArgumentError', /^grad\.conv1dInput: .*activation 'relu'/);
      const chosen = (): unknown => evaluate(() => grad.conv1d(g(), x(), w(), { biasGrad: 1 } as object));
      expectThrows(chosen, 'ArgumentError', /^grad\.conv1d: biasGrad/);
    });
  });

  describeContract(
    'conv1d',
    { input: { shape: [1, 2, 5] }, weight: { shape: [3, 2, 3] }, bias: { shape: [3], optional: true } },
    (t) => conv1d(t.input, t.weight, { bias: t.bias }),
  );
  describeContract('grad.conv1dInput', { weight: { shape: [3, 2, 3] }, gradOutput: { shape: [1, 3, 3] } }, (t) =>
    grad.conv1dInput([1, 2, 5], t.weight, t.gradOutput),
  );
  describeContract('grad.conv1dWeight', { input: { shape: [1, 2, 5] }, gradOutput: { shape: [1, 3, 3] } }, (t) =>
    grad.conv1dWeight(t.input, [3, 2, 3], t.gradOutput),
  );
  describeContract('grad.conv1dBias', { gradOutput: { shape: [1, 3, 3] } }, (t) => grad.conv1dBias(t.gradOutput));
});

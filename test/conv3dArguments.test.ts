import { conv3d, type DType, grad, type Tensor } from 'receptive';
import { it } from 'vitest';
import { fill, type NdArray, ndarray } from './reference/ndarray';
import { expectEqual } from './support/compare';
import { describeContract } from './support/contract';
import { describeOnDevices } from './support/devices';
import { expectThrows } from './support/errors';
import { evaluate, toTensor } from './support/tensors';

// What conv3d and its gradients say of arguments that do not fit.

const shapes = { input: [1, 4, 3, 5, 6], weight: [6, 4, 2, 3, 2] };

describeOnDevices('conv3d: wrong input', (device) => {
  const attempt =
    (change: { input?: number[]; weight?: number[]; bias?: number[] }, options: object = {}) =>
    () =>
      evaluate(() =>
        conv3d(toTensor(ndarray(change.input ?? shapes.input)), toTensor(ndarray(change.weight ?? shapes.weight)), {
          ...(change.bias && { bias: toTensor(ndarray(change.bias)) }),
          ...options,
        }),
      );

  it.each([
    ['rank of the input', { input: [4, 3, 5, 6] }, /input.*rank 5.*\[N, C, D, H, W\]/],
    ['rank of the weight', { weight: [6, 4, 2, 3] }, /weight.*rank 5.*\[K, C\/groups, T, R, S\]/],
    ['an empty axis', { input: [1, 4, 0, 5, 6] }, /input.*axis 2 is 0/],
    ['channels', { input: [1, 3, 3, 5, 6] }, /3 channels.*4 \* 1/],
    ['length of the bias', { bias: [5] }, /bias.*\[6\]/],
    ['a scalar bias', { bias: [] }, /bias/],
  ])('%s', (_, change, message) => {
    expectThrows(attempt(change), 'ShapeError', /^conv3d: /, message);
  });

  it.each([
    ['depth', [7, 2, 3], /depth floor\(\(5 \+ 2\*0 - 1\*\(7-1\) - 1\)\/1\) \+ 1 = -1/],
    ['height', [2, 8, 3], /height floor\(\(6 \+ 2\*0 - 1\*\(8-1\) - 1\)\/1\) \+ 1 = -1/],
    ['width', [2, 3, 9], /width floor\(\(7 \+ 2\*0 - 1\*\(9-1\) - 1\)\/1\) \+ 1 = -1/],
  ])('shows the formula when no window fits the %s', (_, kernel, message) => {
    const call = attempt({ input: [1, 3, 5, 6, 7], weight: [8, 3, ...kernel] });
    expectThrows(call, 'ShapeError', /^conv3d: /, message, /\[1, ?3, ?5, ?6, ?7\]/);
  });

  it.each([
    ['groups that do not divide the channels', { groups: 3 }, /groups 3 .*4 channels/],
    ['groups 0', { groups: 0 }, /groups/],
    ['a fractional stride', { stride: 1.5 }, /stride/],
    ['stride 0', { stride: [1, 0, 1] }, /stride\[1\]/],
    ['a stride of two numbers', { stride: [1, 1] }, /stride.*\[d, h, w\]/],
    ['NaN as dilation', { dilation: Number.NaN }, /dilation/],
    ['negative padding', { padding: -1 }, /padding/],
    ['padding of two numbers', { padding: [1, 1] }, /padding/],
    ['padding without a side', { padding: { front: 1, back: 1, top: 1, bottom: 1, left: 1 } }, /padding\.right/],
    ['padding with another side', { padding: { depth: 1 } }, /'depth'.*front, back, top, bottom, left, right/],
    ['an unknown padding', { padding: 'full' }, /padding.*'same' or 'valid'/],
    ['null as padding', { padding: null }, /padding/],
    ['infinite padding', { padding: Infinity }, /padding/],
    ['padding that overflows', { padding: 2 ** 53 }, /padding|output/],
    ['an unknown activation', { activation: 'step' }, /activation.*relu/],
    ['an option of conv2d', { layout: 'NHWC' }, /layout.*stride, padding/],
    ['options that are no object', 7, /options/],
  ])('%s', (_, options, message) => {
    const call = (): unknown =>
      evaluate(() =>
        conv3d(
          toTensor(ndarray(shapes.input)),
          toTensor(ndarray(shapes.weight)),
          options as Parameters<typeof conv3d>[2],
        ),
      );
    expectThrows(call, 'ReceptiveError', /^conv3d: /, message);
  });

  it("padding 'same' beyond what a side may be", () => {
    const far = attempt({ weight: [6, 4, 4, 3, 2] }, { padding: 'same', dilation: [2 ** 31 - 1, 1, 1] });
    expectThrows(far, 'ShapeError', /^conv3d: /, /6442450941 planes of padding along the depth/);
  });

  it('operands of different types', () => {
    const call = () =>
      evaluate(() => conv3d(toTensor(ndarray(shapes.input)), toTensor(ndarray(shapes.weight), 'float64')));
    expectThrows(call, 'DTypeError', /conv3d/, /float32/, /float64/);
  });

  it('gradients of shapes that do not fit', () => {
    const of = (shape: readonly number[]) => toTensor(ndarray(shape));
    const [x, w, g, wrong] = [shapes.input, shapes.weight, [1, 6, 2, 3, 5], [1, 6, 2, 3, 4]];
    const cases: [string, () => unknown][] = [
      ['conv3dInput', () => grad.conv3dInput(x, of(w), of(wrong))],
      ['conv3dInput', () => grad.conv3dInput(x.slice(1), of(w), of(g))],
      ['conv3dInput', () => grad.conv3dInput([1, 3, 3, 5, 6], of(w), of(g))],
      ['conv3dWeight', () => grad.conv3dWeight(of(x), w, of(wrong))],
      ['conv3dWeight', () => grad.conv3dWeight(of(x), w.slice(1), of(g))],
      ['conv3dBias', () => grad.conv3dBias(of(g.slice(1)))],
      ['conv3d', () => grad.conv3d(of(wrong), of(x), of(w))],
    ];
    for (const [name, call] of cases) {
      expectThrows(() => evaluate(call as () => never), 'ShapeError', new RegExp(`^grad\\.${name}: `));
    }
  });

  // Two taps, of which the second reads the one element.
  it.each([
    ['an axis', [2, 1, 1], 2 ** 30, /an axis .*2\^30/],
    ['a volume', [2, 2, 2], 2 ** 21, /a volume .*2\^60/],
  ])('%s of a reach that a GPU does not count', (_, kernel, reach, message) => {
    const [front, top, left] = kernel.map((taps) => (taps - 1) * reach);
    const options = { padding: { front, back: 0, top, bottom: 0, left, right: 0 }, dilation: reach };
    const w = fill([1, 1, ...kernel], ([, , ...tap]) => 1 + tap.reduce((sum, i) => sum + i));
    const [x, g] = [fill([1, 1, 1, 1, 1], () => 5), fill([1, 1, 1, 1, 1], () => 7)];
    const last = 1 + kernel.reduce((sum, taps) => sum + taps - 1, 0);
    const calls: [string, () => Tensor<DType>, NdArray][] = [
      ['conv3d', () => conv3d(toTensor(x), toTensor(w), options), fill(x.shape, () => 5 * last)],
      [
        'conv3dInput',
        () => grad.conv3dInput(x.shape, toTensor(w), toTensor(g), options),
        fill(x.shape, () => 7 * last),
      ],
      [
        'conv3dWeight',
        () => grad.conv3dWeight(toTensor(x), w.shape, toTensor(g), options),
        fill(w.shape, ([, , ...tap]) => (tap.every((i, d) => i === kernel[d] - 1) ? 35 : 0)),
      ],
    ];
    for (const [name, call, expected] of calls) {
      if (device === 'cpu') expectEqual(evaluate(call), expected, name);
      else expectThrows(() => evaluate(call), 'ArgumentError', new RegExp(`^${name}: `), message);
    }
  });

  it('gradients after an activation', () => {
    const options = { activation: 'relu' } as object;
    const call = () =>
      evaluate(() =>
        grad.conv3dInput(shapes.input, toTensor(ndarray(shapes.weight)), toTensor(ndarray([1, 6, 2, 3, 5])), options),
      );
    expectThrows(call, 'ReceptiveError', /^grad\.conv3dInput: /, /activation/);
  });
});

describeOnDevices('conv3d', () => {
  const [input, weight, gradOutput] = [
    [1, 2, 3, 4, 5],
    [3, 2, 2, 2, 3],
    [1, 3, 2, 3, 3],
  ];
  describeContract('conv3d', { input: { shape: input }, weight: { shape: weight } }, (t) => conv3d(t.input, t.weight));
  describeContract(
    'conv3d',
    { input: { shape: input }, weight: { shape: weight }, bias: { shape: [3], optional: true } },
    (t) => conv3d(t.input, t.weight, { bias: t.bias }),
  );
  describeContract('grad.conv3dInput', { weight: { shape: weight }, gradOutput: { shape: gradOutput } }, (t) =>
    grad.conv3dInput(input, t.weight, t.gradOutput),
  );
  describeContract('grad.conv3dWeight', { input: { shape: input }, gradOutput: { shape: gradOutput } }, (t) =>
    grad.conv3dWeight(t.input, weight, t.gradOutput),
  );
  describeContract('grad.conv3dBias', { gradOutput: { shape: gradOutput } }, (t) => grad.conv3dBias(t.gradOutput));
  describeContract(
    'grad.conv3d',
    { gradOutput: { shape: gradOutput }, input: { shape: input }, weight: { shape: weight } },
    (t) => grad.conv3d(t.gradOutput, t.input, t.weight),
  );
});

import {
  adaptiveAvgPool2d,
  avgPool2d,
  batchNorm,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  elu,
  gelu,
  globalAvgPool2d,
  hardSigmoid,
  hardSwish,
  layerNorm,
  leakyRelu,
  linear,
  localResponseNorm,
  logSoftmax,
  maxPool2d,
  mish,
  mul,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  sum,
  tanh,
  tidy,
} from 'receptive';
import * as nn from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { expectSame } from '../support/compare';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { type FloatDType, Random } from '../support/random';
import { type AnyTensor, read, toTensor } from '../support/tensors';

type AnyModule = nn.AnyModule;
type Layer = AnyModule & { readonly weight: AnyTensor; readonly bias: AnyTensor | null };
interface Case {
  readonly name: string;
  readonly make: (dtype: FloatDType) => AnyModule;
  readonly shape: readonly number[];
  readonly op: (x: AnyTensor, layer: Layer) => AnyTensor;
  /** Shapes of the parameters, in order. */
  readonly parameters?: readonly (readonly number[])[];
}

const image = [2, 4, 7, 9];
const nhwc = [2, 7, 9, 4];
const window = { stride: [2, 1], padding: { top: 1, bottom: 0, left: 2, right: 1 }, dilation: [1, 2] } as const;
const any = (layer: unknown): AnyModule => layer as AnyModule;

const cases: readonly Case[] = [
  {
    name: 'Conv1d',
    make: (dtype) => any(new nn.Conv1d(4, 6, 3, { stride: 2, padding: [1, 2], groups: 2, dtype })),
    shape: [2, 4, 11],
    op: (x, { weight, bias }) => conv1d(x, weight, { stride: 2, padding: [1, 2], groups: 2, bias }),
    parameters: [[6, 2, 3], [6]],
  },
  {
    name: 'Conv2d',
    make: (dtype) => any(new nn.Conv2d(4, 6, [3, 2], { ...window, groups: 2, dtype })),
    shape: image,
    op: (x, { weight, bias }) => conv2d(x, weight, { ...window, groups: 2, bias }),
    parameters: [[6, 2, 3, 2], [6]],
  },
  {
    name: 'Conv2d of NHWC without bias',
    make: (dtype) =>
      any(new nn.Conv2d(4, 3, 3, { padding: 'same', layout: 'NHWC', algorithm: 'im2col', bias: false, dtype })),
    shape: nhwc,
    op: (x, { weight }) => conv2d(x, weight, { padding: 'same', layout: 'NHWC', algorithm: 'im2col' }),
    parameters: [[3, 4, 3, 3]],
  },
  {
    name: 'Conv3d',
    make: (dtype) => any(new nn.Conv3d(2, 3, [2, 3, 1], { stride: [1, 2, 1], padding: [1, 0, 2], dtype })),
    shape: [2, 2, 4, 5, 6],
    op: (x, { weight, bias }) => conv3d(x, weight, { stride: [1, 2, 1], padding: [1, 0, 2], bias }),
    parameters: [[3, 2, 2, 3, 1], [3]],
  },
  {
    name: 'ConvTranspose2d',
    make: (dtype) =>
      any(new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2, dtype })),
    shape: image,
    op: (x, { weight, bias }) =>
      convTranspose2d(x, weight, { stride: 2, padding: 1, outputPadding: 1, groups: 2, bias }),
    parameters: [[4, 3, 3, 3], [6]],
  },
  {
    name: 'Linear',
    make: (dtype) => any(new nn.Linear(5, 3, { dtype })),
    shape: [2, 4, 5],
    op: (x, { weight, bias }) => linear(x, weight, bias),
    parameters: [[3, 5], [3]],
  },
  {
    name: 'PReLU',
    make: (dtype) => any(new nn.PReLU(4, { init: 0.1, dtype })),
    shape: image,
    op: (x, { weight }) => prelu(x, weight),
    parameters: [[4]],
  },
  {
    name: 'BatchNorm1d',
    make: (dtype) => any(new nn.BatchNorm1d(4, { epsilon: 0.1, dtype })),
    shape: [3, 4, 5],
    op: (x, { weight, bias }) => batchNorm(x, { weight, bias, training: true, epsilon: 0.1 }),
    parameters: [[4], [4]],
  },
  {
    name: 'BatchNorm2d',
    make: (dtype) => any(new nn.BatchNorm2d(4, { layout: 'NHWC', dtype })),
    shape: nhwc,
    op: (x, { weight, bias }) => batchNorm(x, { weight, bias, training: true, layout: 'NHWC' }),
    parameters: [[4], [4]],
  },
  {
    name: 'BatchNorm3d',
    make: (dtype) => any(new nn.BatchNorm3d(2, { affine: false, dtype })),
    shape: [2, 2, 3, 4, 5],
    op: (x) => batchNorm(x, { training: true }),
  },
  {
    name: 'LayerNorm',
    make: (dtype) => any(new nn.LayerNorm([7, 9], { epsilon: 0.1, dtype })),
    shape: image,
    op: (x, { weight, bias }) => layerNorm(x, { normalizedShape: [7, 9], weight, bias, epsilon: 0.1 }),
    parameters: [
      [7, 9],
      [7, 9],
    ],
  },
  {
    name: 'LocalResponseNorm',
    make: () => any(new nn.LocalResponseNorm(3, { alpha: 0.5, k: 2 })),
    shape: image,
    op: (x) => localResponseNorm(x, { size: 3, alpha: 0.5, k: 2 }),
  },
  {
    name: 'MaxPool2d',
    make: () => any(new nn.MaxPool2d([3, 2], { stride: 2, padding: 1, ceilMode: true })),
    shape: image,
    op: (x) => maxPool2d(x, { kernelSize: [3, 2], stride: 2, padding: 1, ceilMode: true }),
  },
  {
    name: 'AvgPool2d',
    make: () => any(new nn.AvgPool2d(3, { padding: 1, countIncludePad: false, layout: 'NHWC' })),
    shape: nhwc,
    op: (x) => avgPool2d(x, { kernelSize: 3, padding: 1, countIncludePad: false, layout: 'NHWC' }),
  },
  {
    name: 'AdaptiveAvgPool2d',
    make: () => any(new nn.AdaptiveAvgPool2d([3, 2])),
    shape: image,
    op: (x) => adaptiveAvgPool2d(x, [3, 2]),
  },
  { name: 'GlobalAvgPool2d', make: () => any(new nn.GlobalAvgPool2d()), shape: image, op: (x) => globalAvgPool2d(x) },
  { name: 'Flatten', make: () => any(new nn.Flatten()), shape: image, op: (x) => x.reshape([2, 4 * 7 * 9]) },
  { name: 'Identity', make: () => any(new nn.Identity()), shape: image, op: (x) => x.reshape(x.shape) },
  { name: 'ReLU', make: () => any(new nn.ReLU()), shape: image, op: (x) => relu(x) },
  { name: 'ReLU6', make: () => any(new nn.ReLU6()), shape: image, op: (x) => relu6(x) },
  { name: 'LeakyReLU', make: () => any(new nn.LeakyReLU(0.2)), shape: image, op: (x) => leakyRelu(x, 0.2) },
  { name: 'ELU', make: () => any(new nn.ELU(0.7)), shape: image, op: (x) => elu(x, 0.7) },
  { name: 'SELU', make: () => any(new nn.SELU()), shape: image, op: (x) => selu(x) },
  { name: 'GELU', make: () => any(new nn.GELU()), shape: image, op: (x) => gelu(x) },
  {
    name: 'GELU by tanh',
    make: () => any(new nn.GELU({ approximate: 'tanh' })),
    shape: image,
    op: (x) => gelu(x, { approximate: 'tanh' }),
  },
  { name: 'SiLU', make: () => any(new nn.SiLU()), shape: image, op: (x) => silu(x) },
  { name: 'Mish', make: () => any(new nn.Mish()), shape: image, op: (x) => mish(x) },
  { name: 'Softplus', make: () => any(new nn.Softplus()), shape: image, op: (x) => softplus(x) },
  { name: 'Sigmoid', make: () => any(new nn.Sigmoid()), shape: image, op: (x) => sigmoid(x) },
  { name: 'HardSigmoid', make: () => any(new nn.HardSigmoid()), shape: image, op: (x) => hardSigmoid(x) },
  { name: 'HardSwish', make: () => any(new nn.HardSwish()), shape: image, op: (x) => hardSwish(x) },
  { name: 'Tanh', make: () => any(new nn.Tanh()), shape: image, op: (x) => tanh(x) },
  { name: 'Softmax', make: () => any(new nn.Softmax(1)), shape: image, op: (x) => softmax(x, 1) },
  { name: 'LogSoftmax', make: () => any(new nn.LogSoftmax()), shape: image, op: (x) => logSoftmax(x, -1) },
];

describeOnDevices('layers', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(cases)('$name computes what its op does', ({ name, make, shape, op, parameters = [] }) => {
      tidy(() => {
        const layer = make(dtype) as Layer;
        expect(layer.parameters().map((p) => p.shape)).toEqual(parameters);
        const x = toTensor(new Random(name).array([...shape], dtype), dtype) as AnyTensor;
        expectSame(read(layer.call(x)), read(op(x, layer)), name);
        expect(layer.call(x)).not.toBe(x);
        layer.dispose();
      });
    });

    it.each(cases)('$name passes gradients to its input and all its parameters', ({ name, make, shape }) => {
      tidy(() => {
        const layer = make(dtype);
        const random = new Random(name);
        const x = toTensor(random.array([...shape], dtype), dtype) as AnyTensor;
        x.requiresGrad = true;
        const y = layer.call(x);
        sum(mul(y, toTensor(random.array([...y.shape], dtype), dtype) as AnyTensor)).backward();
        for (const tensor of [x, ...layer.parameters()]) {
          const { grad } = tensor;
          expect(grad?.shape).toEqual(tensor.shape);
          expect([...(grad?.dataSync() ?? [])].some((g) => g !== 0)).toBe(true);
        }
        x.grad?.dispose();
        layer.dispose();
      });
    });
  });
});

describe('arguments of layers', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['inChannels', () => new nn.Conv2d(0, 3, 3), /Conv2d: inChannels must be an integer >= 1|from 1/],
    ['outChannels', () => new nn.Conv1d(3, 1.5, 3), /Conv1d: outChannels/],
    ['kernelSize', () => new nn.Conv2d(3, 3, [1, 2, 3] as never), /Conv2d: kernelSize must be an integer or \[h, w\]/],
    ['stride', () => new nn.Conv3d(3, 3, 3, { stride: 0 }), /Conv3d: stride must be an integer/],
    ['padding', () => new nn.MaxPool2d(2, { padding: -1 }), /MaxPool2d: padding/],
    ['groups', () => new nn.Conv2d(4, 6, 3, { groups: 4 }), /Conv2d: groups must divide outChannels 6, given 4/],
    ['an unknown option', () => new nn.Conv2d(4, 6, 3, { strides: 4 } as never), /unknown option 'strides'/],
    ['layout', () => new nn.Conv1d(4, 6, 3, { layout: 'NHWC' as never }), /Conv1d: layout must be 'NCW' or 'NWC'/],
    ['features', () => new nn.Linear(3, -1), /Linear: outFeatures/],
    ['bias', () => new nn.Linear(3, 1, { bias: 1 as never }), /Linear: bias must be true or false/],
    ['channels', () => new nn.BatchNorm2d('3' as never), /BatchNorm2d: channels/],
    ['momentum', () => new nn.BatchNorm2d(3, { momentum: 2 }), /BatchNorm2d: momentum/],
    ['p', () => new nn.Dropout(1.5), /Dropout: p must be a finite number from 0 to 1/],
    ['size', () => new nn.LocalResponseNorm(0), /LocalResponseNorm: size/],
    ['slope', () => new nn.LeakyReLU(Number.NaN), /LeakyReLU: slope/],
    ['axis', () => new nn.Softmax(0.5), /Softmax: axis/],
    ['normalizedShape', () => new nn.LayerNorm([3, 0]), /LayerNorm: normalizedShape\[1\]/],
    ['outputSize', () => new nn.AdaptiveAvgPool2d(0), /AdaptiveAvgPool2d: outputSize/],
    ['a module', () => new nn.Sequential([new nn.ReLU(), relu as never]), /Sequential: layers\[1\] must be a Module/],
    ['a name', () => new nn.Sequential({ 'a.b': new nn.ReLU() }), /no dot/],
    ['no branches', () => new nn.Concat([]), /Concat: branches must have one module or more/],
    ['a body', () => new nn.Residual(null as never), /Residual: body must be a Module/],
    ['a block', () => new nn.Checkpoint({} as never), /Checkpoint: body must be a Module/],
  ])('%s', (_, make, message) => {
    expectThrows(make, 'ArgumentError', message);
  });

  it('dtype, device and rank have errors of their own', () => {
    expectThrows(() => new nn.Linear(3, 1, { dtype: 'int32' as never }), 'DTypeError', /Linear: dtype/);
    expectThrows(() => new nn.Linear(3, 1, { device: 'tpu' }), 'DeviceError', /Linear: device 'tpu'/);
    expectThrows(() => new nn.LayerNorm([]), 'ShapeError', /one axis or more/);
    tidy(() => {
      using norm = new nn.BatchNorm2d(3);
      const x = toTensor(new Random('rank').array([2, 3, 4], 'float32'));
      expectThrows(() => norm.call(x as never), 'ShapeError', /BatchNorm2d: input must be \[N, C, H, W\]/);
      expectThrows(() => new nn.Flatten(3).call(x as never), 'ShapeError', /more than 3 axes/);
      expectThrows(() => norm.forward(undefined as never), 'ArgumentError', /batchNorm|BatchNorm2d/);
    });
  });
});

import { expectFinite } from '../check';
import type { FloatDType } from '../dtype';
import { ArgumentError } from '../errors';
import { ReLU6 } from '../nn/activations';
import { Residual } from '../nn/branches';
import { Conv2d } from '../nn/conv';
import { Dropout } from '../nn/dropout';
import { heNormal_ } from '../nn/init';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { BatchNorm2d } from '../nn/norm';
import { GlobalAvgPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { Block } from './block';
import { initialise, normal } from './initialise';
import { type DropoutModelOptions, dropoutOption, type ModelSettings, modelSettings } from './options';

/** Options of `mobilenetV2`. */
export interface MobileNetV2Options<D extends FloatDType = 'float32'> extends DropoutModelOptions<D> {
  /** Factor on the numbers of channels, > 0, which are then rounded to multiples of 8; 1 if left out. */
  readonly width?: number;
}

type Where<D extends FloatDType> = ModelSettings<D>['where'];

/** Table 2 of the paper: expansion, channels, repetitions, stride of the first. */
const stages: readonly (readonly [t: number, c: number, n: number, s: number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** The multiple of 8 that is nearest, but no less than 9/10, as in the authors' program. */
function channelsOf(count: number): number {
  const rounded = Math.max(8, Math.floor((count + 4) / 8) * 8);
  return rounded < 0.9 * count ? rounded + 8 : rounded;
}

function convUnit<D extends FloatDType>(
  inputs: number,
  outputs: number,
  options: { readonly kernel: number; readonly stride?: number; readonly groups?: number },
  where: Where<D>,
): Module<D> {
  const { kernel, stride = 1, groups = 1 } = options;
  return new Sequential<D>([
    new Conv2d(inputs, outputs, kernel, { stride, groups, padding: (kernel - 1) / 2, bias: false, ...where }),
    new BatchNorm2d(outputs, where),
    new ReLU6<D>(),
  ]);
}

/** Expands by a 1x1 convolution, filters each channel by 3x3, and projects to few channels without an activation. */
function invertedResidual<D extends FloatDType>(
  inputs: number,
  outputs: number,
  stride: number,
  expansion: number,
  where: Where<D>,
): Module<D> {
  const inner = inputs * expansion;
  const conv = new Sequential<D>([
    ...(expansion === 1 ? [] : [convUnit(inputs, inner, { kernel: 1 }, where)]),
    convUnit(inner, inner, { kernel: 3, stride, groups: inner }, where),
    new Conv2d(inner, outputs, 1, { bias: false, ...where }),
    new BatchNorm2d(outputs, where),
  ]);
  const around = stride === 1 && inputs === outputs;
  return new Block<D>(around ? new Residual<D>(conv) : conv, { conv });
}

/**
 * MobileNetV2 (Sandler et al. 2018, MobileNetV2: inverted residuals and linear bottlenecks, table 2): depthwise convolutions
 * between 1x1 ones, with a way around where shapes allow, [N, channels, 224, 224] to [N, classes]; any size is legal. Names are
 * torchvision's. Weights of convolutions begin by `heNormal_` over fan-out, those of the dense layer normal with standard
 * deviation 0.01, its bias 0.
 *
 * @param options `width` (1), `classes` (1000), `channels` (3), `dropout` (0.2), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function mobilenetV2<D extends FloatDType = 'float32'>(options?: MobileNetV2Options<D>): Module<D> {
  const op = 'mobilenetV2';
  const { settings, given } = modelSettings<D, MobileNetV2Options<D>>(op, options, ['width', 'dropout']);
  const { classes, channels, where } = settings;
  const width = expectFinite(op, 'width', given.width ?? 1, 0, 64);
  if (width === 0) throw new ArgumentError(`${op}: width must be positive, given 0`);
  const dropout = dropoutOption(op, given.dropout, 0.2);
  let inputs = channelsOf(32 * width);
  const features: Module<D>[] = [convUnit(channels, inputs, { kernel: 3, stride: 2 }, where)];
  for (const [expansion, count, repetitions, stride] of stages) {
    const outputs = channelsOf(count * width);
    for (let i = 0; i < repetitions; i++) {
      features.push(invertedResidual(inputs, outputs, i === 0 ? stride : 1, expansion, where));
      inputs = outputs;
    }
  }
  const last = channelsOf(1280 * Math.max(1, width));
  const model = new Sequential<D>({
    features: new Sequential<D>([...features, convUnit(inputs, last, { kernel: 1 }, where)]),
    pool: new GlobalAvgPool2d<D>(),
    flatten: new Flatten<D>(),
    classifier: new Sequential<D>([new Dropout<D>(dropout), new Linear(last, classes, where)]),
  });
  return initialise(model, {
    conv: (weight) => heNormal_(weight, { mode: 'fanOut' }),
    linear: normal(0.01),
  });
}

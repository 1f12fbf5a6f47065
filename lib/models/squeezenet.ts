import { expectOneOf } from '../check';
import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Concat } from '../nn/branches';
import { Conv2d } from '../nn/conv';
import { Dropout } from '../nn/dropout';
import { heUniform_ } from '../nn/init';
import type { Module } from '../nn/module';
import { GlobalAvgPool2d, MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { Block } from './block';
import { initialise, normal } from './initialise';
import { type DropoutModelOptions, dropoutOption, type ModelSettings, modelSettings } from './options';

/** Options of `squeezenet`. */
export interface SqueezeNetOptions<D extends FloatDType = 'float32'> extends DropoutModelOptions<D> {
  /** `'1.0'`, the published net, if left out; `'1.1'`, the authors' later one with less than half of its multiplications. */
  readonly version?: '1.0' | '1.1';
}

/** Channels between, and of each half of the output of a fire module; what follows it. */
type Fire = readonly [squeeze: number, expand: number];

const versions = {
  '1.0': {
    stem: { filters: 96, kernel: 7 },
    stages: [
      [
        [16, 64],
        [16, 64],
        [32, 128],
      ],
      [
        [32, 128],
        [48, 192],
        [48, 192],
        [64, 256],
      ],
      [[64, 256]],
    ],
  },
  '1.1': {
    stem: { filters: 64, kernel: 3 },
    stages: [
      [
        [16, 64],
        [16, 64],
      ],
      [
        [32, 128],
        [32, 128],
      ],
      [
        [48, 192],
        [48, 192],
        [64, 256],
        [64, 256],
      ],
    ],
  },
} as const satisfies Record<string, { stem: object; stages: readonly (readonly Fire[])[] }>;

function fire<D extends FloatDType>(
  inputs: number,
  [squeezed, expanded]: Fire,
  where: ModelSettings<D>['where'],
): Module<D> {
  const parts = {
    squeeze: new Conv2d(inputs, squeezed, 1, where),
    squeezeActivation: new ReLU<D>(),
    expand1x1: new Conv2d(squeezed, expanded, 1, where),
    expand1x1Activation: new ReLU<D>(),
    expand3x3: new Conv2d(squeezed, expanded, 3, { padding: 1, ...where }),
    expand3x3Activation: new ReLU<D>(),
  };
  const expand = new Concat<D>([
    new Sequential<D>([parts.expand1x1, parts.expand1x1Activation]),
    new Sequential<D>([parts.expand3x3, parts.expand3x3Activation]),
  ]);
  return new Block<D>(new Sequential<D>([parts.squeeze, parts.squeezeActivation, expand]), parts);
}

/**
 * SqueezeNet (Iandola et al. 2016, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and < 0.5 MB model size, table
 * 1): fire modules, in which 1x1 convolutions reduce the channels before others of 1x1 and 3x3, and no dense layer, [N,
 * channels, 224, 224] to [N, classes]. Names are torchvision's. Weights begin by `heUniform_`, those of the last convolution
 * normal with standard deviation 0.01, biases 0.
 *
 * @param options `version` ('1.0'), `classes` (1000), `channels` (3), `dropout` (0.5), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function squeezenet<D extends FloatDType = 'float32'>(options?: SqueezeNetOptions<D>): Module<D> {
  const op = 'squeezenet';
  const { settings, given } = modelSettings<D, SqueezeNetOptions<D>>(op, options, ['version', 'dropout']);
  const { classes, channels, where } = settings;
  const { stem, stages } = versions[expectOneOf(op, 'version', given.version ?? '1.0', ['1.0', '1.1'])];
  const dropout = dropoutOption(op, given.dropout, 0.5);
  let inputs: number = stem.filters;
  const features: Module<D>[] = [new Conv2d(channels, inputs, stem.kernel, { stride: 2, ...where }), new ReLU<D>()];
  for (const stage of stages as readonly (readonly Fire[])[]) {
    features.push(new MaxPool2d<D>(3, { stride: 2, ceilMode: true }));
    for (const one of stage) {
      features.push(fire(inputs, one, where));
      inputs = 2 * one[1];
    }
  }
  const last = new Conv2d(inputs, classes, 1, where);
  const model = new Sequential<D>({
    features: new Sequential<D>(features),
    classifier: new Sequential<D>([new Dropout<D>(dropout), last, new ReLU<D>(), new GlobalAvgPool2d<D>()]),
    flatten: new Flatten<D>(),
  });
  initialise(model, { conv: heUniform_ });
  initialise(last, { conv: normal(0.01) });
  return model;
}

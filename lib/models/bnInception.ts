import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Concat } from '../nn/branches';
import { Conv2d } from '../nn/conv';
import { heNormal_ } from '../nn/init';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { BatchNorm2d } from '../nn/norm';
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { type MakeUnit, normalisedUnits } from './inception';
import { initialise } from './initialise';
import { type ModelOptions, modelSettings } from './options';

/** #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, kind of pooling, its projection; 0: the branch has none. */
type Row = readonly [
  single: number,
  reduce: number,
  triple: number,
  doubleReduce: number,
  double: number,
  pool: 'avg' | 'max',
  projection: number,
];

/** The table of the paper's appendix. Modules without projection halve height and width. */
const modules: readonly (readonly [name: string, row: Row])[] = [
  ['inception3a', [64, 64, 64, 64, 96, 'avg', 32]],
  ['inception3b', [64, 64, 96, 64, 96, 'avg', 64]],
  ['inception3c', [0, 128, 160, 64, 96, 'max', 0]],
  ['inception4a', [224, 64, 96, 96, 128, 'avg', 128]],
  ['inception4b', [192, 96, 128, 96, 128, 'avg', 128]],
  ['inception4c', [160, 128, 160, 128, 160, 'avg', 96]],
  ['inception4d', [96, 128, 192, 160, 192, 'avg', 96]],
  ['inception4e', [0, 128, 192, 192, 256, 'max', 0]],
  ['inception5a', [352, 192, 320, 160, 224, 'avg', 128]],
  ['inception5b', [352, 192, 320, 192, 224, 'max', 128]],
];

function inception<D extends FloatDType>(inputs: number, row: Row, unit: MakeUnit<D>): Module<D> {
  const [single, reduce, triple, doubleReduce, double, pool, projection] = row;
  const same = { padding: 1 };
  const last = { padding: 1, stride: projection === 0 ? 2 : 1 };
  const pooling = pool === 'avg' ? new AvgPool2d<D>(3, last) : new MaxPool2d<D>(3, last);
  return new Concat<D>({
    ...(single === 0 ? {} : { branch1: unit(inputs, single, 1) }),
    branch2: new Sequential<D>([unit(inputs, reduce, 1), unit(reduce, triple, 3, last)]),
    branch3: new Sequential<D>([
      unit(inputs, doubleReduce, 1),
      unit(doubleReduce, double, 3, same),
      unit(double, double, 3, last),
    ]),
    branch4: new Sequential<D>(projection === 0 ? [pooling] : [pooling, unit(inputs, projection, 1)]),
  });
}

/**
 * BN-Inception (Ioffe & Szegedy 2015, Batch normalization: accelerating deep network training by reducing internal covariate
 * shift, appendix): ten inception modules with two 3x3 convolutions in the place of a 5x5, batch normalisation behind each
 * convolution, [N, channels, 224, 224] to [N, classes]; any size is legal. The first convolution is separable, with 8 filters for
 * each channel, as the appendix says. The poolings of 4c and 4d are projected to 96 maps, which gives the table's 576 and 1024.
 * The paper tells neither the initial weights, which are by `heNormal_` here, nor the epsilon, 1e-3 as in its authors' program;
 * there are no auxiliary classifiers.
 *
 * @param options `classes` (1000), `channels` (3), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function bnInception<D extends FloatDType = 'float32'>(options?: ModelOptions<D>): Module<D> {
  const { classes, channels, where } = modelSettings<D, ModelOptions<D>>('bnInception', options).settings;
  const epsilon = 1e-3;
  const unit = normalisedUnits<D>(where, epsilon);
  const pool = (): Module<D> => new MaxPool2d<D>(3, { stride: 2, padding: 1 });
  let inputs = 192;
  const parts = modules.map(([name, row]): [string, Module<D>] => {
    const part = inception(inputs, row, unit);
    const [single, , triple, , double, , projection] = row;
    inputs = single + triple + double + (projection === 0 ? inputs : projection);
    return [name, part];
  });
  const filters = 8 * channels;
  const model = new Sequential<D>({
    conv1: new Sequential<D>({
      depthwise: new Conv2d(channels, filters, 7, { stride: 2, padding: 3, groups: channels, bias: false, ...where }),
      pointwise: new Conv2d(filters, 64, 1, { bias: false, ...where }),
      bn: new BatchNorm2d(64, { epsilon, ...where }),
      relu: new ReLU<D>(),
    }),
    maxpool1: pool(),
    conv2: unit(64, 64, 1),
    conv3: unit(64, 192, 3, { padding: 1 }),
    maxpool2: pool(),
    ...Object.fromEntries(parts),
    avgpool: new GlobalAvgPool2d<D>(),
    flatten: new Flatten<D>(),
    fc: new Linear(inputs, classes, where),
  });
  return initialise(model, { conv: heNormal_, linear: heNormal_ });
}

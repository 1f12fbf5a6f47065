import type { FloatDType } from '../dtype';
import { Conv2d } from '../nn/conv';
import { heNormal_ } from '../nn/init';
import type { Module } from '../nn/module';
import { MaxPool2d } from '../nn/pool';
import { PReLU } from '../nn/prelu';
import { Sequential } from '../nn/sequential';
import { type DenseModelOptions, denseHead, denseOptions, denseSettings } from './denseHead';
import { type Fill, initialise } from './initialise';
import { modelSettings } from './options';
import { SpatialPyramidPool } from './spatialPyramidPool';

const slope = 0.25;
const levels = [7, 3, 2, 1];

/**
 * PReLU-net (He, Zhang, Ren & Sun 2015, Delving deep into rectifiers: surpassing human-level performance on ImageNet
 * classification, table 3, model A): sixteen convolutions, spatial pyramid pooling into 7x7, 3x3, 2x2 and 1x1 bins, three dense
 * layers, [N, channels, 224, 224] to [N, classes]. Each hidden layer has parametric rectifiers, a slope for each channel or unit,
 * 0.25 at first; weights begin by `heNormal_` with that slope, biases with 0. The paper gives no number of parameters: its layers
 * have 178,017,384 weights and biases without the slopes, of which there are 14,688.
 *
 * @param options `classes` (1000), `channels` (3), `hidden` (4096), `dropout` (0.5), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function preluNet<D extends FloatDType = 'float32'>(options?: DenseModelOptions<D>): Module<D> {
  const { settings, given } = modelSettings<D, DenseModelOptions<D>>('preluNet', options, denseOptions);
  const dense = denseSettings('preluNet', settings, given);
  const { channels, where } = settings;
  const rectifiers = (count: number): Module<D> => new PReLU(count, { init: slope, ...where });
  const stage = (inputs: number, width: number): Module<D>[] =>
    Array.from({ length: 5 }, (_, i): Module<D>[] => [
      new Conv2d(i === 0 ? inputs : width, width, 3, { padding: 1, ...where }),
      rectifiers(width),
    ]).flat();
  const model = new Sequential<D>({
    features: new Sequential<D>([
      new Conv2d(channels, 96, 7, { stride: 2, padding: 3, ...where }),
      rectifiers(96),
      new MaxPool2d<D>(2),
      ...stage(96, 256),
      new MaxPool2d<D>(2),
      ...stage(256, 512),
      new MaxPool2d<D>(2),
      ...stage(512, 512),
    ]),
    pyramid: new SpatialPyramidPool<D>(levels),
    classifier: denseHead(512 * levels.reduce((sum, bins) => sum + bins * bins, 0), dense, () =>
      rectifiers(dense.hidden),
    ),
  });
  const fill: Fill = (weight) => heNormal_(weight, { slope });
  return initialise(model, { conv: fill, linear: fill });
}

import { expectOneOf } from '../check';
import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Conv2d } from '../nn/conv';
import { Dropout } from '../nn/dropout';
import { constant_ } from '../nn/init';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { LocalResponseNorm } from '../nn/norm';
import { AdaptiveAvgPool2d, MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { type DenseModelOptions, type DenseSettings, denseHead, denseOptions, denseSettings } from './denseHead';
import { initialise, normal } from './initialise';
import { modelSettings } from './options';

/** Options of `alexnet`. */
export interface AlexNetOptions<D extends FloatDType = 'float32'> extends DenseModelOptions<D> {
  /** `'two-columns'`, the published net, if left out; `'one-column'`, the smaller one that torchvision has. */
  readonly variant?: 'two-columns' | 'one-column';
}

/**
 * The published normalisation, as a layer: alpha = 1e-4 there multiplies the sum of 5 squares, in `localResponseNorm` their mean.
 *
 * @internal
 */
export function responseNorm<D extends FloatDType>(): Module<D> {
  return new LocalResponseNorm<D>(5, { alpha: 5 * 1e-4, beta: 0.75, k: 2 });
}

function twoColumns<D extends FloatDType>(settings: DenseSettings<D>): Module<D> {
  const { channels, where } = settings;
  const conv1 = { stride: 4, padding: { top: 1, left: 1, bottom: 2, right: 2 }, ...where };
  const features = new Sequential<D>([
    new Conv2d(channels, 96, 11, conv1),
    new ReLU(),
    responseNorm<D>(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(96, 256, 5, { padding: 2, groups: 2, ...where }),
    new ReLU(),
    responseNorm<D>(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(256, 384, 3, { padding: 1, ...where }),
    new ReLU(),
    new Conv2d(384, 384, 3, { padding: 1, groups: 2, ...where }),
    new ReLU(),
    new Conv2d(384, 256, 3, { padding: 1, groups: 2, ...where }),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
  ]);
  const classifier = denseHead(256 * 6 * 6, settings);
  const model = new Sequential<D>({
    features,
    avgpool: new AdaptiveAvgPool2d<D>(6),
    flatten: new Flatten<D>(),
    classifier,
  });
  initialise(model, { conv: normal(0.01), linear: normal(0.01) });
  // Section 5: biases of the second, fourth and fifth convolution and of the hidden dense layers begin with 1.
  const ones = [...[4, 10, 12].map((i) => features.at(i)), ...[0, 3].map((i) => classifier.at(i))];
  for (const layer of ones as (Conv2d<D> | Linear<D>)[]) if (layer.bias !== null) constant_(layer.bias, 1);
  return model;
}

function oneColumn<D extends FloatDType>({ channels, classes, hidden, dropout, where }: DenseSettings<D>): Module<D> {
  return new Sequential<D>({
    features: new Sequential<D>([
      new Conv2d(channels, 64, 11, { stride: 4, padding: 2, ...where }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(64, 192, 5, { padding: 2, ...where }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(192, 384, 3, { padding: 1, ...where }),
      new ReLU(),
      new Conv2d(384, 256, 3, { padding: 1, ...where }),
      new ReLU(),
      new Conv2d(256, 256, 3, { padding: 1, ...where }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
    ]),
    avgpool: new AdaptiveAvgPool2d<D>(6),
    flatten: new Flatten<D>(),
    classifier: new Sequential<D>([
      new Dropout<D>(dropout),
      new Linear(256 * 6 * 6, hidden, where),
      new ReLU(),
      new Dropout<D>(dropout),
      new Linear(hidden, hidden, where),
      new ReLU(),
      new Linear(hidden, classes, where),
    ]),
  });
}

/**
 * AlexNet, [N, channels, 224, 224] to [N, classes], in one of two forms. Features are averaged to 6x6, which those of 224x224
 * are already, so that smaller images are legal too: from 64x64 on, or 63x63 with one column.
 *
 * `'two-columns'` (Krizhevsky, Sutskever & Hinton 2012, ImageNet classification with deep convolutional neural networks): the
 * second, fourth and fifth convolution in two groups, local response normalisation behind the first two, 659,272 neurons,
 * 60,954,656 weights and 10,568 biases. The image is padded by 1 before and 2 after, which gives the paper's 55x55. Weights begin
 * as published: normal with standard deviation 0.01, biases 1 or 0 by layer.
 *
 * `'one-column'` (Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks) is torchvision's, with its
 * names and 61,100,840 parameters; weights begin as those of the layers do.
 *
 * @param options `variant` ('two-columns'), `classes` (1000), `channels` (3), `hidden` (4096), `dropout` (0.5), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function alexnet<D extends FloatDType = 'float32'>(options?: AlexNetOptions<D>): Module<D> {
  const op = 'alexnet';
  const { settings, given } = modelSettings<D, AlexNetOptions<D>>(op, options, [...denseOptions, 'variant']);
  const dense = denseSettings(op, settings, given);
  const variant = expectOneOf(op, 'variant', given.variant ?? 'two-columns', ['two-columns', 'one-column']);
  return variant === 'two-columns' ? twoColumns(dense) : oneColumn(dense);
}

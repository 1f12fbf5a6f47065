import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Conv2d } from '../nn/conv';
import { heNormal_ } from '../nn/init';
import type { Module } from '../nn/module';
import { AdaptiveAvgPool2d, MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { type DenseModelOptions, denseHead, denseOptions, denseSettings } from './denseHead';
import { initialise, normal } from './initialise';
import { modelSettings } from './options';

const widths = [64, 128, 256, 512, 512] as const;

/** @param depths Convolutions in each of the five stages. */
function vgg<D extends FloatDType>(
  op: string,
  depths: readonly number[],
  options: DenseModelOptions<D> | undefined,
): Module<D> {
  const { settings, given } = modelSettings<D, DenseModelOptions<D>>(op, options, denseOptions);
  const dense = denseSettings(op, settings, given);
  let inputs = settings.channels;
  const features = widths.flatMap((width, stage): Module<D>[] => {
    const layers = Array.from({ length: depths[stage] }, (): Module<D>[] => {
      const conv = new Conv2d(inputs, width, 3, { padding: 1, ...settings.where });
      inputs = width;
      return [conv, new ReLU<D>()];
    });
    return [...layers.flat(), new MaxPool2d<D>(2)];
  });
  const model = new Sequential<D>({
    features: new Sequential<D>(features),
    avgpool: new AdaptiveAvgPool2d<D>(7),
    flatten: new Flatten<D>(),
    classifier: denseHead(inputs * 7 * 7, dense),
  });
  return initialise(model, {
    conv: (weight) => heNormal_(weight, { mode: 'fanOut' }),
    linear: normal(0.01),
  });
}

/**
 * VGG-16 (Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition, table 1, D): thirteen
 * convolutions of 3x3 in five stages with max pooling, three dense layers, [N, channels, 224, 224] to [N, classes]. As
 * torchvision has it, and with its names: the features are averaged to 7x7, which those of 224x224 are already, so that images
 * of 32x32 and more are legal. Weights of convolutions begin by `heNormal_` over fan-out, others normal with standard deviation
 * 0.01, biases 0.
 *
 * @param options `classes` (1000), `channels` (3), `hidden` (4096), `dropout` (0.5), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function vgg16<D extends FloatDType = 'float32'>(options?: DenseModelOptions<D>): Module<D> {
  return vgg('vgg16', [2, 2, 3, 3, 3], options);
}

/** VGG-19, column E of the same table: sixteen convolutions. All else is as of `vgg16`. */
export function vgg19<D extends FloatDType = 'float32'>(options?: DenseModelOptions<D>): Module<D> {
  return vgg('vgg19', [2, 2, 4, 4, 4], options);
}

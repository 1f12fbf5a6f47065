import { expectInteger } from '../check';
import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Conv2d } from '../nn/conv';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { type ModelOptions, modelSettings } from './options';

/** Options of `lenet5`. */
export interface LeNet5Options<D extends FloatDType = 'float32'> extends ModelOptions<D> {
  /**
   * Zeros around the image: 2, if left out, for images of 28x28, which makes them the paper's 32x32; 0 for images that are
   * 32x32 already.
   */
  readonly padding?: number;
}

/**
 * LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition, figure 2): two
 * convolutions of 5x5 with pooling, three fully connected layers, [N, channels, 28, 28] to [N, classes]. As it is taught today:
 * with ReLU and max pooling in place of the scaled tanh and the trainable subsampling, the second convolution sees all maps of
 * the first, and the outputs are sums, no distances. 61,706 parameters, where the paper has 60,000.
 *
 * @param options `classes` (10), `channels` (1), `padding` (2), `dtype`, `device`. Weights begin as those of the layers do.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 * @example const model = lenet5(); model.call(zeros([1, 1, 28, 28])).shape; // [1, 10]
 */
export function lenet5<D extends FloatDType = 'float32'>(options?: LeNet5Options<D>): Module<D> {
  const usual = { classes: 10, channels: 1 };
  const { settings, given } = modelSettings<D, LeNet5Options<D>>('lenet5', options, ['padding'], usual);
  const { classes, channels, where } = settings;
  const padding = expectInteger('lenet5', 'padding', given.padding ?? 2, 0, 4);
  return new Sequential<D>({
    features: new Sequential<D>([
      new Conv2d(channels, 6, 5, { padding, ...where }),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(6, 16, 5, where),
      new ReLU(),
      new MaxPool2d(2),
    ]),
    flatten: new Flatten<D>(),
    classifier: new Sequential<D>([
      new Linear(16 * 5 * 5, 120, where),
      new ReLU(),
      new Linear(120, 84, where),
      new ReLU(),
      new Linear(84, classes, where),
    ]),
  });
}

import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Conv2d } from '../nn/conv';
import type { Module } from '../nn/module';
import { AdaptiveAvgPool2d, MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { responseNorm } from './alexnet';
import { type DenseModelOptions, denseHead, denseOptions, denseSettings } from './denseHead';
import { initialise, normal } from './initialise';
import { modelSettings } from './options';

/**
 * ZFNet (Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, figure 3), [N, channels, 224, 224] to [N,
 * classes]: AlexNet in one column whose first filters are 7x7 with stride 2. Maps are normalised by AlexNet's formula and
 * numbers behind the first two poolings; the paper says only that they are. Poolings keep an incomplete last window, which gives
 * the figure's sizes. Features are averaged to 6x6, which those of 224x224 are already. Weights begin normal with standard
 * deviation 0.01, biases 0. The paper gives no number of parameters: its layers have 62,357,608.
 *
 * @param options `classes` (1000), `channels` (3), `hidden` (4096), `dropout` (0.5), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function zfnet<D extends FloatDType = 'float32'>(options?: DenseModelOptions<D>): Module<D> {
  const { settings, given } = modelSettings<D, DenseModelOptions<D>>('zfnet', options, denseOptions);
  const dense = denseSettings('zfnet', settings, given);
  const { channels, where } = settings;
  const pool = () => new MaxPool2d<D>(3, { stride: 2, ceilMode: true });
  const model = new Sequential<D>({
    features: new Sequential<D>([
      new Conv2d(channels, 96, 7, { stride: 2, padding: 1, ...where }),
      new ReLU(),
      pool(),
      responseNorm<D>(),
      new Conv2d(96, 256, 5, { stride: 2, ...where }),
      new ReLU(),
      pool(),
      responseNorm<D>(),
      new Conv2d(256, 384, 3, { padding: 1, ...where }),
      new ReLU(),
      new Conv2d(384, 384, 3, { padding: 1, ...where }),
      new ReLU(),
      new Conv2d(384, 256, 3, { padding: 1, ...where }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
    ]),
    avgpool: new AdaptiveAvgPool2d<D>(6),
    flatten: new Flatten<D>(),
    classifier: denseHead(256 * 6 * 6, dense),
  });
  return initialise(model, { conv: normal(0.01), linear: normal(0.01) });
}

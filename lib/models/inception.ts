// What nets of inception modules share.
import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Conv2d, type Conv2dLayerOptions } from '../nn/conv';
import type { Module } from '../nn/module';
import { BatchNorm2d } from '../nn/norm';
import { Sequential } from '../nn/sequential';
import type { ModelSettings } from './options';

/** Makes a convolution with what follows it. */
export type MakeUnit<D extends FloatDType> = (
  inputs: number,
  outputs: number,
  kernel: number,
  options?: Pick<Conv2dLayerOptions, 'stride' | 'padding'>,
) => Module<D>;

/** Convolutions without bias, batch normalisation and ReLU, named `conv`, `bn` and `relu`. */
export function normalisedUnits<D extends FloatDType>(where: ModelSettings<D>['where'], epsilon: number): MakeUnit<D> {
  return (inputs, outputs, kernel, options) =>
    new Sequential<D>({
      conv: new Conv2d(inputs, outputs, kernel, { ...options, bias: false, ...where }),
      bn: new BatchNorm2d(outputs, { epsilon, ...where }),
      relu: new ReLU<D>(),
    });
}

/** Convolutions and ReLU, named `conv` and `relu`. */
export function plainUnits<D extends FloatDType>(where: ModelSettings<D>['where']): MakeUnit<D> {
  return (inputs, outputs, kernel, options) =>
    new Sequential<D>({
      conv: new Conv2d(inputs, outputs, kernel, { ...options, ...where }),
      relu: new ReLU<D>(),
    });
}

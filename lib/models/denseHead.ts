import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Dropout } from '../nn/dropout';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { Sequential } from '../nn/sequential';
import { expectCount } from '../nn/weights';
import { type DropoutModelOptions, dropoutOption, type ModelSettings } from './options';

/** Options of models that end in two hidden dense layers with dropout. */
export interface DenseModelOptions<D extends FloatDType = 'float32'> extends DropoutModelOptions<D> {
  /** Units of each hidden dense layer; 4096, as published, if left out. Most parameters are there. */
  readonly hidden?: number;
}

/** What the options of the dense layers come to. @internal */
export interface DenseSettings<D extends FloatDType> extends ModelSettings<D> {
  readonly hidden: number;
  readonly dropout: number;
}

/** @internal */
export const denseOptions = ['hidden', 'dropout'] as const;

/** @internal */
export function denseSettings<D extends FloatDType>(
  op: string,
  settings: ModelSettings<D>,
  { hidden = 4096, dropout }: Partial<DenseModelOptions<D>>,
): DenseSettings<D> {
  return {
    ...settings,
    hidden: expectCount(op, 'hidden', hidden),
    dropout: dropoutOption(op, dropout, 0.5),
  };
}

/**
 * Dense layers: two hidden ones, each with an activation and dropout behind it, and the logits.
 *
 * @param activation Makes the activation of a hidden layer.
 * @internal
 */
export function denseHead<D extends FloatDType>(
  inputs: number,
  { hidden, dropout, classes, where }: DenseSettings<D>,
  activation: () => Module<D> = () => new ReLU<D>(),
): Sequential<D> {
  return new Sequential<D>([
    new Linear(inputs, hidden, where),
    activation(),
    new Dropout<D>(dropout),
    new Linear(hidden, hidden, where),
    activation(),
    new Dropout<D>(dropout),
    new Linear(hidden, classes, where),
  ]);
}

import type { DType } from '../dtype';
import { Conv2d } from '../nn/conv';
import { constant_, normal_ } from '../nn/init';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import type { Tensor } from '../tensor';

/** Overwrites a weight with what it begins with. */
export type Fill = (weight: Tensor<DType>) => unknown;

/** Normal numbers. */
export function normal(std: number): Fill {
  return (weight) => normal_(weight, { std });
}

/**
 * Overwrites the weights of all convolutions and dense layers below a module; their biases become 0.
 *
 * @param fills Of a kind that is left out, weights and biases stay as the layers made them.
 * @returns The same module.
 */
export function initialise<D extends DType>(
  model: Module<D>,
  { conv, linear }: { readonly conv?: Fill; readonly linear?: Fill },
): Module<D> {
  for (const module of model.modules()) {
    let fill: Fill | undefined;
    if (module instanceof Conv2d) fill = conv;
    else if (module instanceof Linear) fill = linear;
    if (fill === undefined) continue;
    const { weight, bias } = module as unknown as Conv2d | Linear;
    fill(weight as Tensor<DType>);
    if (bias !== null) constant_(bias, 0);
  }
  return model;
}

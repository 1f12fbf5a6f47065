// The activations that a convolution applies to its output.
import type { DType } from '../dtype';
import type { Tensor } from '../tensor';
import {
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from './activation';
import type { ConvActivation } from './convPlan';

const activations: Readonly<Record<ConvActivation, <D extends DType>(input: Tensor<D>) => Tensor<D>>> = {
  relu,
  relu6,
  leakyRelu,
  elu,
  selu,
  gelu,
  silu,
  mish,
  softplus,
  sigmoid,
  hardSigmoid,
  hardSwish,
  tanh,
};

export const activationNames = Object.keys(activations) as ConvActivation[];

/** Activations that the convolution applies before it writes its results, as the addon numbers them. */
export const fusedActivations: Partial<Record<ConvActivation, number>> = { relu: 1, relu6: 2 };

/**
 * Applies an activation that is not among the fused ones; `output` is then disposed.
 *
 * @internal
 */
export function applyUnfused<D extends DType>(activation: ConvActivation | undefined, output: Tensor<D>): Tensor<D> {
  if (activation === undefined || fusedActivations[activation] !== undefined) return output;
  try {
    return activations[activation](output);
  } finally {
    output.dispose();
  }
}

import { checkSgd, sgdStep_ } from '../ops/optim';
import type { AnyTensor } from '../tensor';
import type { OptimizerParameters, OptimizerSettings } from './groups';
import { Optimizer } from './optimizer';
import type { ParameterState } from './state';

/** Settings of `SGD`. */
export interface SgdSettings extends OptimizerSettings {
  /** Finite, >= 0; 0 if left out. */
  momentum: number;
  /** From 0 to 1; 0 if left out. The share of a gradient that the velocity does not take up. */
  dampening: number;
  /** Nesterov's variant; needs a momentum above 0 and no dampening. */
  nesterov: boolean;
  /** Finite, >= 0; 0 if left out. Added to the gradient, times the parameter. */
  weightDecay: number;
}

const defaults: Omit<SgdSettings, 'learningRate'> = { momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 };

/**
 * Stochastic gradient descent by `sgdStep_`, as PyTorch's SGD: with a momentum each parameter has a velocity, whose first
 * value is the first gradient (plus weight decay) without dampening.
 *
 * @example const optimizer = new SGD([weight, bias], { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 });
 */
export class SGD extends Optimizer<SgdSettings> {
  /**
   * @param parameters Float tensors, or groups `{ parameters, learningRate?, … }`.
   * @throws ArgumentError, DTypeError, DisposedError; see `Optimizer`.
   */
  constructor(
    parameters: OptimizerParameters<SgdSettings>,
    options: Partial<SgdSettings> & { readonly learningRate: number },
  ) {
    // Without a learning rate check() refuses the settings.
    super('SGD', parameters, options, { learningRate: Number.NaN, ...defaults }, ['velocity']);
  }

  protected override check(op: string, settings: SgdSettings): void {
    checkSgd(op, settings);
  }

  protected override update(
    parameter: AnyTensor,
    gradient: AnyTensor,
    { learningRate, momentum, dampening, nesterov, weightDecay }: SgdSettings,
    state: ParameterState,
  ): void {
    if (momentum === 0) {
      sgdStep_(parameter, gradient, { learningRate, weightDecay });
      return;
    }
    const damp = state.has('velocity') ? dampening : 0;
    const velocity = state.tensor('velocity');
    sgdStep_(parameter, gradient, { learningRate, momentum, dampening: damp, nesterov, weightDecay, velocity });
  }
}

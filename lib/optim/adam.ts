import { adamStep_, checkAdam } from '../ops/adaptiveSteps';
import type { AnyTensor } from '../tensor';
import type { OptimizerParameters, OptimizerSettings } from './groups';
import { Optimizer } from './optimizer';
import type { ParameterState } from './state';

/** Settings of `Adam` and `AdamW`. */
export interface AdamSettings extends OptimizerSettings {
  /** The share that the first moment keeps of itself, 0 <= beta1 < 1; 0.9 if left out. */
  beta1: number;
  /** The share that the second moment keeps of itself, 0 <= beta2 < 1; 0.999 if left out. */
  beta2: number;
  /** Finite, >= 0; 1e-8 if left out. Added to the root of the second moment. */
  epsilon: number;
  /** Finite, >= 0; if left out 0 for `Adam`, 0.01 for `AdamW`. */
  weightDecay: number;
}

const defaults: AdamSettings = { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

const stateNames = ['firstMoment', 'secondMoment'];

/** The optimisers by `adamStep_`, which differ in where weight decay goes. */
abstract class AdamFamily extends Optimizer<AdamSettings> {
  protected abstract readonly decoupled: boolean;

  protected override check(op: string, settings: AdamSettings): void {
    checkAdam(op, settings);
  }

  protected override update(
    parameter: AnyTensor,
    gradient: AnyTensor,
    { learningRate, beta1, beta2, epsilon, weightDecay }: AdamSettings,
    state: ParameterState,
  ): void {
    adamStep_(parameter, gradient, {
      ...{ learningRate, beta1, beta2, epsilon, weightDecay, decoupled: this.decoupled },
      firstMoment: state.tensor('firstMoment'),
      secondMoment: state.tensor('secondMoment'),
      step: state.step + 1,
    });
  }
}

/**
 * Adam (Kingma and Ba 2015) by `adamStep_`, as PyTorch's Adam; weight decay is added to the gradient, times the parameter.
 *
 * @example const optimizer = new Adam(model.parameters(), { learningRate: 3e-4 });
 */
export class Adam extends AdamFamily {
  protected override readonly decoupled = false;

  /**
   * @param parameters Float tensors, or groups `{ parameters, learningRate?, … }`.
   * @param options The learning rate is 0.001 if left out.
   * @throws ArgumentError, DTypeError, DisposedError; see `Optimizer`.
   */
  constructor(parameters: OptimizerParameters<AdamSettings>, options?: Partial<AdamSettings>) {
    super('Adam', parameters, options, defaults, stateNames);
  }
}

/** Adam whose weight decay shrinks the parameters themselves (Loshchilov and Hutter 2019), by 0.01 if left out. */
export class AdamW extends AdamFamily {
  protected override readonly decoupled = true;

  /**
   * @param parameters Float tensors, or groups `{ parameters, learningRate?, … }`.
   * @param options The learning rate is 0.001 if left out.
   * @throws ArgumentError, DTypeError, DisposedError; see `Optimizer`.
   */
  constructor(parameters: OptimizerParameters<AdamSettings>, options?: Partial<AdamSettings>) {
    super('AdamW', parameters, options, { ...defaults, weightDecay: 0.01 }, stateNames);
  }
}

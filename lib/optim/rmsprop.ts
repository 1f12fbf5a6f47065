import { checkRmsprop, rmspropStep_ } from '../ops/adaptiveSteps';
import type { AnyTensor } from '../tensor';
import type { OptimizerParameters, OptimizerSettings } from './groups';
import { Optimizer } from './optimizer';
import type { ParameterState } from './state';

/** Settings of `RMSprop`. */
export interface RmspropSettings extends OptimizerSettings {
  /** The share that the averages keep of themselves, 0 <= alpha <= 1; 0.99 if left out. */
  alpha: number;
  /** Finite, >= 0; 1e-8 if left out. Added to the root of the average. */
  epsilon: number;
  /** Finite, >= 0; 0 if left out. Added to the gradient, times the parameter. */
  weightDecay: number;
  /** Finite, >= 0; 0 if left out. */
  momentum: number;
  /** Divide by the gradient's standard deviation instead of its root mean square; false if left out. */
  centered: boolean;
}

const defaults: RmspropSettings = {
  learningRate: 0.01,
  alpha: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  momentum: 0,
  centered: false,
};

/**
 * RMSprop (Tieleman and Hinton 2012) by `rmspropStep_`, as PyTorch's RMSprop.
 *
 * @example const optimizer = new RMSprop(model.parameters(), { learningRate: 0.001, momentum: 0.9 });
 */
export class RMSprop extends Optimizer<RmspropSettings> {
  /**
   * @param parameters Float tensors, or groups `{ parameters, learningRate?, … }`.
   * @param options The learning rate is 0.01 if left out.
   * @throws ArgumentError, DTypeError, DisposedError; see `Optimizer`.
   */
  constructor(parameters: OptimizerParameters<RmspropSettings>, options?: Partial<RmspropSettings>) {
    super('RMSprop', parameters, options, defaults, ['squareAverage', 'gradientAverage', 'momentumBuffer']);
  }

  protected override check(op: string, settings: RmspropSettings): void {
    checkRmsprop(op, settings);
  }

  protected override update(
    parameter: AnyTensor,
    gradient: AnyTensor,
    { learningRate, alpha, epsilon, weightDecay, momentum, centered }: RmspropSettings,
    state: ParameterState,
  ): void {
    rmspropStep_(parameter, gradient, {
      ...{ learningRate, alpha, epsilon, weightDecay, momentum, centered },
      squareAverage: state.tensor('squareAverage'),
      ...(centered && { gradientAverage: state.tensor('gradientAverage') }),
      ...(momentum !== 0 && { momentumBuffer: state.tensor('momentumBuffer') }),
    });
  }
}

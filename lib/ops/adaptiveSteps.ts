// Steps of optimisers that adapt the step to each element: Adam and RMSprop.
import { expectBoolean, expectFinite, expectInteger, expectOptions } from '../check';
import { opNumber, runInPlace } from '../dispatch';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import type { Tensor } from '../tensor';
import { expectShare, expectState, expectStepped } from './inPlace';

const adamOp = opNumber('adamStep');

/** The numbers of `adamStep_`. */
export interface AdamStepSettings {
  /** Finite, >= 0. */
  readonly learningRate: number;
  /** The share that the first moment keeps of itself, 0 <= beta1 < 1; 0.9 if left out. */
  readonly beta1?: number;
  /** The share that the second moment keeps of itself, 0 <= beta2 < 1; 0.999 if left out. */
  readonly beta2?: number;
  /** Finite, >= 0; 1e-8 if left out. Added to the root of the second moment. */
  readonly epsilon?: number;
  /** Finite, >= 0; 0 if left out. */
  readonly weightDecay?: number;
}

/** Options of `adamStep_`. */
export interface AdamOptions<D extends DType = 'float32'> extends AdamStepSettings {
  /** Weight decay shrinks the parameter itself (AdamW) instead of being added to the gradient; false if left out. */
  readonly decoupled?: boolean;
  /** A tensor like the parameter, zeros before the first step; updated in place. */
  readonly firstMoment: Tensor<D>;
  /** A tensor like the parameter, zeros before the first step; updated in place. */
  readonly secondMoment: Tensor<D>;
  /** Number of this step, 1 for the first. */
  readonly step: number;
}

const adamOptions = [
  ...(['learningRate', 'beta1', 'beta2', 'epsilon', 'weightDecay'] as const),
  ...(['decoupled', 'firstMoment', 'secondMoment', 'step'] as const),
];

/** What `adamStep_` asks of its numbers, whoever gives them. @internal */
export function checkAdam(op: string, options: Partial<AdamStepSettings>): void {
  const { learningRate, beta1 = 0, beta2 = 0, epsilon = 0, weightDecay = 0 } = options;
  expectFinite(op, 'learningRate', learningRate, 0);
  expectShare(op, 'beta1', beta1);
  expectShare(op, 'beta2', beta2);
  expectFinite(op, 'epsilon', epsilon, 0);
  expectFinite(op, 'weightDecay', weightDecay, 0);
}

/**
 * One step of Adam (Kingma and Ba 2015, algorithm 1), in place, computed in PyTorch's order: d = gradient + weightDecay *
 * parameter, m = m + (1 - beta1) * (d - m), v = beta2 * v + (1 - beta2) * d^2, then with t the number of the step
 *
 *     parameter -= learningRate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *
 * With `decoupled` (AdamW, Loshchilov and Hutter 2019) d = gradient, and first of all parameter *= 1 - learningRate *
 * weightDecay.
 *
 * @param parameter float32 or float64; overwritten, seen by every tensor that shares its memory.
 * @param gradient Same dtype, device and shape.
 * @throws ArgumentError for a wrong option or operands that share memory; ShapeError, DTypeError, DeviceError,
 *   DisposedError.
 */
export function adamStep_<D extends DType>(
  parameter: Tensor<D>,
  gradient: Tensor<NoInfer<D>>,
  options: AdamOptions<NoInfer<D>>,
): void {
  const op = 'adamStep_';
  expectStepped(op, parameter, gradient);
  const given = expectOptions(op, options, adamOptions);
  checkAdam(op, given);
  const { learningRate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, decoupled = false } = given;
  expectBoolean(op, 'decoupled', decoupled);
  const step = expectInteger(op, 'step', given.step, 1);
  const { firstMoment, secondMoment } = given;
  const state = expectState(op, parameter, gradient, { firstMoment, secondMoment });
  const attributes = {
    ...{ beta1, beta2, epsilon },
    weightDecay: decoupled ? 0 : weightDecay,
    shrink: decoupled ? 1 - learningRate * weightDecay : 1,
    stepSize: learningRate / (1 - beta1 ** step),
    rootCorrection: Math.sqrt(1 - beta2 ** step),
  };
  runInPlace(adamOp, [gradient], [parameter, ...state], attributes, op);
}

/** The numbers of `rmspropStep_`. */
export interface RmspropStepSettings {
  /** Finite, >= 0. */
  readonly learningRate: number;
  /** The share that the averages keep of themselves, 0 <= alpha <= 1; 0.99 if left out. */
  readonly alpha?: number;
  /** Finite, >= 0; 1e-8 if left out. Added to the root of the average. */
  readonly epsilon?: number;
  /** Finite, >= 0; 0 if left out. Added to the gradient, times the parameter. */
  readonly weightDecay?: number;
  /** Finite, >= 0; 0 if left out. */
  readonly momentum?: number;
  /** Divide by the gradient's standard deviation instead of its root mean square; false if left out. */
  readonly centered?: boolean;
}

/** Options of `rmspropStep_`. */
export interface RmspropOptions<D extends DType = 'float32'> extends RmspropStepSettings {
  /** A tensor like the parameter, zeros before the first step; updated in place. */
  readonly squareAverage: Tensor<D>;
  /** Likewise; needed with a momentum above 0, and only then. */
  readonly momentumBuffer?: Tensor<D>;
  /** Likewise; needed with `centered`, and only then. */
  readonly gradientAverage?: Tensor<D>;
}

const rmspropOptions = [
  ...(['learningRate', 'alpha', 'epsilon', 'weightDecay', 'momentum', 'centered'] as const),
  ...(['squareAverage', 'momentumBuffer', 'gradientAverage'] as const),
];

const rmspropOps = {
  plain: opNumber('rmspropStep'),
  momentum: opNumber('rmspropMomentumStep'),
  centered: opNumber('rmspropCenteredStep'),
  centeredMomentum: opNumber('rmspropCenteredMomentumStep'),
};

function rmspropOp(centered: boolean, momentum: boolean): number {
  if (centered) return momentum ? rmspropOps.centeredMomentum : rmspropOps.centered;
  return momentum ? rmspropOps.momentum : rmspropOps.plain;
}

/** What `rmspropStep_` asks of its numbers, whoever gives them. @internal */
export function checkRmsprop(op: string, options: Partial<RmspropStepSettings>): void {
  const { learningRate, alpha = 0, epsilon = 0, weightDecay = 0, momentum = 0, centered = false } = options;
  expectFinite(op, 'learningRate', learningRate, 0);
  expectFinite(op, 'alpha', alpha, 0, 1);
  expectFinite(op, 'epsilon', epsilon, 0);
  expectFinite(op, 'weightDecay', weightDecay, 0);
  expectFinite(op, 'momentum', momentum, 0);
  expectBoolean(op, 'centered', centered);
}

/** A state tensor is given if and only if the option that needs it is on: one that stayed behind would be a mistake. */
function expectNeeded(op: string, name: string, tensor: unknown, needed: boolean, reason: string): void {
  if (needed && tensor === undefined) {
    throw new ArgumentError(`${op}: ${reason} needs ${name}, a tensor like the parameter that starts at 0`);
  }
  if (!needed && tensor !== undefined) throw new ArgumentError(`${op}: ${name} is of use with ${reason} only`);
}

/**
 * One step of RMSprop (Tieleman and Hinton 2012), in place, computed in PyTorch's order: d = gradient + weightDecay *
 * parameter, s = alpha * s + (1 - alpha) * d^2 (the squareAverage), q = sqrt(s) + epsilon; with `centered` (Graves 2013)
 * a = a + (1 - alpha) * (d - a) (the gradientAverage) and q = sqrt(s - a^2) + epsilon, where a difference that rounding
 * made negative counts as 0. Then parameter -= learningRate * d / q, or with a momentum b = momentum * b + d / q (the
 * momentumBuffer) and parameter -= learningRate * b.
 *
 * @param parameter float32 or float64; overwritten, seen by every tensor that shares its memory.
 * @param gradient Same dtype, device and shape.
 * @throws ArgumentError for a wrong option, state that is missing or not needed, operands that share memory; ShapeError,
 *   DTypeError, DeviceError, DisposedError.
 */
export function rmspropStep_<D extends DType>(
  parameter: Tensor<D>,
  gradient: Tensor<NoInfer<D>>,
  options: RmspropOptions<NoInfer<D>>,
): void {
  const op = 'rmspropStep_';
  expectStepped(op, parameter, gradient);
  const given = expectOptions(op, options, rmspropOptions);
  checkRmsprop(op, given);
  const { learningRate = 0, alpha = 0.99, epsilon = 1e-8, weightDecay = 0, momentum = 0, centered = false } = given;
  const { squareAverage, gradientAverage, momentumBuffer } = given;
  expectNeeded(op, 'gradientAverage', gradientAverage, centered, 'centered');
  expectNeeded(op, 'momentumBuffer', momentumBuffer, momentum !== 0, 'a momentum above 0');
  const state = expectState(op, parameter, gradient, {
    squareAverage,
    ...(centered && { gradientAverage }),
    ...(momentum !== 0 && { momentumBuffer }),
  });
  const attributes = { learningRate, alpha, epsilon, weightDecay, momentum };
  runInPlace(rmspropOp(centered, momentum !== 0), [gradient], [parameter, ...state], attributes, op);
}

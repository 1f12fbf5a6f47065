import { expectBoolean, expectFinite, expectOptions, expectSameShape } from '../check';
import { opNumber, runInPlace } from '../dispatch';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import type { AnyTensor, Tensor } from '../tensor';
import { expectFloatTensor, expectPartner } from './operands';

const plainOp = opNumber('sgdStep');
const momentumOp = opNumber('sgdMomentumStep');

/** Options of `sgdStep_`. */
export interface SgdOptions<D extends DType = 'float32'> {
  /** Finite, >= 0. */
  readonly learningRate: number;
  /** Finite, >= 0; 0 if left out. Needs `velocity` unless it is 0. */
  readonly momentum?: number;
  /** A tensor like the parameter, zeros before the first step; updated in place. */
  readonly velocity?: Tensor<D>;
  /** Nesterov's variant; needs a momentum above 0. */
  readonly nesterov?: boolean;
  /** Finite, >= 0; 0 if left out. Added to the gradient, times the parameter. */
  readonly weightDecay?: number;
}

/** Whether two tensors have elements in common. */
function overlap(a: AnyTensor, b: AnyTensor): boolean {
  return a._storage === b._storage && a._offset < b._offset + b.size && b._offset < a._offset + a.size;
}

/** In-place steps read and write element by element, which is sound only where operands do not share them. */
function expectApart(name: string, a: AnyTensor, otherName: string, b: AnyTensor): void {
  if (overlap(a, b)) {
    throw new ArgumentError(`sgdStep_: ${name} and ${otherName} share memory; clone() gives one of them its own`);
  }
}

/**
 * One step of stochastic gradient descent, in place: d = gradient + weightDecay * parameter; without a velocity
 * parameter -= learningRate * d; with one (Sutskever et al. 2013, as PyTorch has it, without dampening) velocity =
 * momentum * velocity + d and parameter -= learningRate * velocity, or with `nesterov` parameter -= learningRate * (d +
 * momentum * velocity).
 *
 * @param parameter float32 or float64; overwritten, seen by every tensor that shares its memory.
 * @param gradient Same dtype, device and shape.
 * @throws ArgumentError for a wrong option, a momentum without velocity, nesterov without momentum, operands that share
 *   memory; ShapeError, DTypeError, DeviceError, DisposedError.
 */
export function sgdStep_<D extends DType>(
  parameter: Tensor<D>,
  gradient: Tensor<NoInfer<D>>,
  options: SgdOptions<NoInfer<D>>,
): void {
  const op = 'sgdStep_';
  expectFloatTensor(op, 'parameter', parameter);
  expectPartner(op, 'parameter', parameter, 'gradient', gradient);
  expectSameShape(op, 'gradient', gradient, parameter.shape, 'as parameter');
  const given = expectOptions(op, options, ['learningRate', 'momentum', 'velocity', 'nesterov', 'weightDecay']);
  const { velocity, momentum = 0, nesterov = false, weightDecay = 0 } = given;
  const learningRate = expectFinite(op, 'learningRate', given.learningRate, 0);
  expectFinite(op, 'momentum', momentum, 0);
  expectFinite(op, 'weightDecay', weightDecay, 0);
  expectBoolean(op, 'nesterov', nesterov);
  if (nesterov && momentum === 0) throw new ArgumentError(`${op}: nesterov needs a momentum above 0`);
  expectApart('parameter', parameter, 'gradient', gradient);
  if (velocity === undefined) {
    if (momentum !== 0) {
      throw new ArgumentError(
        `${op}: momentum ${momentum} needs velocity, a tensor like the parameter that starts at 0`,
      );
    }
    runInPlace(plainOp, [gradient], [parameter], { learningRate, weightDecay });
    return;
  }
  expectPartner(op, 'parameter', parameter, 'velocity', velocity);
  expectSameShape(op, 'velocity', velocity, parameter.shape, 'as parameter');
  expectApart('parameter', parameter, 'velocity', velocity);
  expectApart('gradient', gradient, 'velocity', velocity);
  runInPlace(momentumOp, [gradient], [parameter, velocity], { learningRate, momentum, weightDecay, nesterov });
}

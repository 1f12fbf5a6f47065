import { expectBoolean, expectFinite, expectNumber, expectOptions, expectSameShape } from '../check';
import { opNumber, runInPlace } from '../dispatch';
import type { DType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { shapeText } from '../shape';
import { Tensor } from '../tensor';
import { expectApart, expectState, expectStepped, overlap } from './inPlace';
import { expectFloatTensor, expectPartner } from './operands';

const plainOp = opNumber('sgdStep');
const momentumOp = opNumber('sgdMomentumStep');
const mulOp = opNumber('mul');
const addOp = opNumber('add');
const clampOp = opNumber('clamp');

/** Options of `sgdStep_`. */
export interface SgdOptions<D extends DType = 'float32'> {
  /** Finite, >= 0. */
  readonly learningRate: number;
  /** Finite, >= 0; 0 if left out. Needs `velocity` unless it is 0. */
  readonly momentum?: number;
  /** A tensor like the parameter, zeros before the first step; updated in place. */
  readonly velocity?: Tensor<D>;
  /** From 0 to 1; 0 if left out. The share of the gradient that the velocity does not take up. */
  readonly dampening?: number;
  /** Nesterov's variant; needs a momentum above 0 and no dampening. */
  readonly nesterov?: boolean;
  /** Finite, >= 0; 0 if left out. Added to the gradient, times the parameter. */
  readonly weightDecay?: number;
}

const sgdOptions = ['learningRate', 'momentum', 'velocity', 'dampening', 'nesterov', 'weightDecay'] as const;

/** What `sgdStep_` asks of its numbers, whoever gives them. @internal */
export function checkSgd(op: string, options: Partial<Omit<SgdOptions, 'velocity'>>): void {
  const { learningRate, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  expectFinite(op, 'learningRate', learningRate, 0);
  expectFinite(op, 'momentum', momentum, 0);
  expectFinite(op, 'dampening', dampening, 0, 1);
  expectFinite(op, 'weightDecay', weightDecay, 0);
  if (!expectBoolean(op, 'nesterov', nesterov)) return;
  if (momentum === 0) throw new ArgumentError(`${op}: nesterov needs a momentum above 0`);
  if (dampening !== 0) throw new ArgumentError(`${op}: nesterov needs dampening 0, given ${dampening}`);
}

/**
 * One step of stochastic gradient descent, in place: d = gradient + weightDecay * parameter; without a velocity
 * parameter -= learningRate * d; with one (Sutskever et al. 2013, as PyTorch has it) velocity = momentum * velocity +
 * (1 - dampening) * d and parameter -= learningRate * velocity, or with `nesterov` parameter -= learningRate * (d +
 * momentum * velocity). PyTorch leaves the dampening out of the first step, in which its velocity becomes d.
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
  expectStepped(op, parameter, gradient);
  const given = expectOptions(op, options, sgdOptions);
  checkSgd(op, given as Partial<SgdOptions>);
  const { learningRate = 0, velocity, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = given;
  if (velocity === undefined) {
    if (momentum !== 0) {
      throw new ArgumentError(
        `${op}: momentum ${momentum} needs velocity, a tensor like the parameter that starts at 0`,
      );
    }
    runInPlace(plainOp, [gradient], [parameter], { learningRate, weightDecay }, op);
    return;
  }
  expectState(op, parameter, gradient, { velocity });
  const attributes = { learningRate, momentum, dampening, weightDecay, nesterov };
  runInPlace(momentumOp, [gradient], [parameter, velocity], attributes, op);
}

/**
 * tensor = factor * tensor, in place.
 *
 * @param tensor float32 or float64; overwritten, seen by every tensor that shares its memory.
 * @param factor A number, or a scalar tensor (shape `[]`) of the same dtype and device with memory of its own: it is read
 *   where the work runs, so that a factor that is still being computed does not block the thread.
 * @throws ShapeError when the factor is a tensor and no scalar; ArgumentError when it shares memory with `tensor` or is
 *   neither; DTypeError, DeviceError, DisposedError.
 */
export function scale_<D extends DType>(tensor: Tensor<D>, factor: number | Tensor<NoInfer<D>>): void {
  const op = 'scale_';
  expectFloatTensor(op, 'tensor', tensor);
  const alike = { rank: 1, dims: [tensor.size], aStrides: [1], bStrides: [0] };
  if (!(factor instanceof Tensor)) {
    const scalar = expectNumber(op, 'factor', factor);
    runInPlace(mulOp, [tensor], [tensor], { ...alike, scalar, scalarSide: 2 }, op);
    return;
  }
  expectPartner(op, 'tensor', tensor, 'factor', factor);
  if (factor.shape.length !== 0) {
    throw new ShapeError(`${op}: factor must be a scalar, shape [], given ${shapeText(factor.shape)}`);
  }
  expectApart(op, 'tensor', tensor, 'factor', factor);
  runInPlace(mulOp, [tensor, factor], [tensor], { ...alike, scalar: 0, scalarSide: 0 }, op);
}

/** target += term, in place: tensors of one float type, device and shape, which share all of their memory or none. @internal */
export function accumulate_<D extends DType>(target: Tensor<D>, term: Tensor<NoInfer<D>>): void {
  const op = 'accumulate_';
  expectFloatTensor(op, 'target', target);
  expectPartner(op, 'target', target, 'term', term);
  expectSameShape(op, 'term', term, target.shape, 'as target');
  if (target._offset !== term._offset || !overlap(target, term)) expectApart(op, 'target', target, 'term', term);
  const attributes = { rank: 1, dims: [target.size], aStrides: [1], bStrides: [1], scalar: 0, scalarSide: 0 };
  runInPlace(addOp, [target, term], [target], attributes, op);
}

/** tensor = minimum(maximum(tensor, low), high), in place, of a float tensor that has been checked. @internal */
export function clampInPlace(tensor: Tensor<DType>, low: number, high: number): void {
  runInPlace(clampOp, [tensor], [tensor], { low, high });
}

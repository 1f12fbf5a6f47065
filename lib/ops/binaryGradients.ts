import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { detach } from '../move';
import { tidy } from '../scope';
import { broadcastShapes, sameShape } from '../shape';
import { Tensor } from '../tensor';
import { describe } from '../text';
import { div, equal, greater, greaterEqual, less, logicalAnd, mul, type Operand, pow, sub } from './binary';
import { expectGradientShape, expectPartner } from './operands';
import { sumTo } from './reduce';
import { log, neg } from './unary';
import { where } from './where';

/** The gradient for an operand: null where it was a number. */
export type GradientFor<D extends DType, O> = O extends number ? null : Tensor<D>;

/** Gradients of an op with two operands. */
export interface BinaryGradients<D extends DType, A extends Operand<D>, B extends Operand<D>> {
  readonly a: GradientFor<D, A>;
  readonly b: GradientFor<D, B>;
}

/** Checks the arguments and reduces each term to its operand's shape. `terms` computes in the broadcast shape. */
function gradients<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  op: string,
  gradOutput: Tensor<D>,
  a: A,
  b: B,
  terms: { a: () => Tensor<D>; b: () => Tensor<D> },
): BinaryGradients<D, A, B> {
  const given: [string, Operand<D>][] = [
    ['a', a],
    ['b', b],
  ];
  const tensors = given.filter((entry): entry is [string, Tensor<D>] => entry[1] instanceof Tensor);
  for (const [name, operand] of given) {
    if (typeof operand !== 'number' && !(operand instanceof Tensor)) {
      throw new ArgumentError(`${op}: ${name} must be a Tensor or a number, given ${describe(operand)}`);
    }
  }
  if (tensors.length === 0) throw new ArgumentError(`${op}: a or b must be a Tensor, given two numbers`);
  const shapes = tensors.map(([, tensor]) => tensor.shape);
  const shape = shapes.length === 1 ? shapes[0] : broadcastShapes(op, shapes[0], shapes[1]);
  expectGradientShape(op, gradOutput, shape, 'as the output');
  for (const [name, tensor] of tensors) expectPartner(op, 'gradOutput', gradOutput, name, tensor);
  const reduced = (operand: Operand<D>, term: () => Tensor<D>): Tensor<D> | null => {
    if (typeof operand === 'number') return null;
    const value = term();
    if (!sameShape(value.shape, operand.shape)) return sumTo(value, operand.shape);
    return value === gradOutput ? detach(value) : value;
  };
  return tidy(() => ({ a: reduced(a, terms.a), b: reduced(b, terms.b) })) as BinaryGradients<D, A, B>;
}

/**
 * Gradients of `add`: g for both operands, summed over the axes along which an operand was broadcast. A gradient of the
 * output's shape shares memory with `gradOutput`.
 *
 * @param gradOutput Gradient of the output, float32 or float64, of the broadcast shape.
 * @param a The forward op's operands; a number's gradient is null.
 * @throws ShapeError, DTypeError, DeviceError, DisposedError, ArgumentError; so do the other gradients here.
 */
export function addGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.add', gradOutput, a, b, { a: () => gradOutput, b: () => gradOutput });
}

/** Gradients of `sub`: g and -g; see `grad.add`. */
export function subGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.sub', gradOutput, a, b, { a: () => gradOutput, b: () => neg(gradOutput) });
}

/** Gradients of `mul`: g * b and g * a; see `grad.add`. */
export function mulGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.mul', gradOutput, a, b, { a: () => mul(gradOutput, b), b: () => mul(gradOutput, a) });
}

/** Gradients of `div` for float operands: g / b and -g * a / b^2; see `grad.add`. */
export function divGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.div', gradOutput, a, b, {
    a: () => div(gradOutput, b) as Tensor<D>,
    b: () => mul(neg(div(gradOutput, b) as Tensor<D>), div(a, b) as Tensor<D>),
  });
}

/**
 * Gradients of `pow`: g * b * a^(b - 1), which is 0 where b is 0, and g * a^b * ln a, which is 0 where a is 0 and b >=
 * 0; see `grad.add`.
 */
export function powGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  const base = (): Tensor<D> => {
    if (b === 0) return mul(gradOutput, 0);
    if (typeof b === 'number') return mul(mul(pow(a, b - 1), b), gradOutput);
    return mul(where(equal(b, 0), 0, mul(pow(a, sub(b, 1)), b)), gradOutput);
  };
  const exponent = (): Tensor<D> => {
    const derivative = mul(pow(a, b), typeof a === 'number' ? Math.log(a) : log(a));
    if (typeof a === 'number' && a !== 0) return mul(derivative, gradOutput);
    const flat = greaterEqual(b, 0);
    return mul(where(typeof a === 'number' ? flat : logicalAnd(equal(a, 0), flat), 0, derivative), gradOutput);
  };
  return gradients('grad.pow', gradOutput, a, b, { a: base, b: exponent });
}

/** g where the operand wins, half of it where both are equal, 0 elsewhere. */
function share<D extends DType>(gradOutput: Tensor<D>, wins: Tensor<'bool'>, ties: Tensor<'bool'>): Tensor<D> {
  return where(wins, gradOutput, where(ties, mul(gradOutput, 0.5), 0));
}

/** Gradients of `maximum`: g for the larger operand, half of it for each where they are equal; see `grad.add`. */
export function maximumGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.maximum', gradOutput, a, b, {
    a: () => share(gradOutput, greater(a, b), equal(a, b)),
    b: () => share(gradOutput, less(a, b), equal(a, b)),
  });
}

/** Gradients of `minimum`: g for the smaller operand, half of it for each where they are equal; see `grad.add`. */
export function minimumGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.minimum', gradOutput, a, b, {
    a: () => share(gradOutput, less(a, b), equal(a, b)),
    b: () => share(gradOutput, greater(a, b), equal(a, b)),
  });
}

import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { tidy } from '../scope';
import { broadcastShapes, type Shape, sameShape } from '../shape';
import { type Rule, rule, wanted } from '../tape/node';
import { type AnyTensor, Tensor } from '../tensor';
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

type Any = Operand<DType>;

/** The gradients of an op's operands in the shape of the output, before they are summed to the operands' shapes. */
interface Terms {
  readonly a: (gradOutput: AnyTensor, a: Any, b: Any) => AnyTensor;
  readonly b: (gradOutput: AnyTensor, a: Any, b: Any) => AnyTensor;
  /** What the terms read, for the tape. */
  readonly keeps: 'nothing' | 'the other operand' | 'operands';
}

/** Checks the arguments and reduces each term to its operand's shape. `of` computes in the broadcast shape. */
function gradients<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  op: string,
  gradOutput: Tensor<D>,
  a: A,
  b: B,
  of: Terms,
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
  const reduced = (operand: Operand<D>, term: Terms['a']): Tensor<D> | null => {
    if (typeof operand === 'number') return null;
    const value = term(gradOutput as AnyTensor, a, b) as Tensor<D>;
    return value === gradOutput || !sameShape(value.shape, operand.shape) ? sumTo(value, operand.shape) : value;
  };
  return tidy(() => ({ a: reduced(a, of.a), b: reduced(b, of.b) })) as BinaryGradients<D, A, B>;
}

/** g where the operand wins, half of it where both are equal, 0 elsewhere. */
function share(gradOutput: AnyTensor, wins: Tensor<'bool'>, ties: Tensor<'bool'>): AnyTensor {
  return where(wins, gradOutput, where(ties, mul(gradOutput, 0.5), 0));
}

function powBase(gradOutput: AnyTensor, a: Any, b: Any): AnyTensor {
  if (b === 0) return mul(gradOutput, 0);
  if (typeof b === 'number') return mul(mul(pow(a, b - 1), b), gradOutput);
  return mul(where(equal(b, 0), 0, mul(pow(a, sub(b, 1)), b)), gradOutput);
}

function powExponent(gradOutput: AnyTensor, a: Any, b: Any): AnyTensor {
  const derivative = mul(pow(a, b), typeof a === 'number' ? Math.log(a) : log(a));
  if (typeof a === 'number' && a !== 0) return mul(derivative, gradOutput);
  const flat = greaterEqual(b, 0);
  return mul(where(typeof a === 'number' ? flat : logicalAnd(equal(a, 0), flat), 0, derivative), gradOutput);
}

const terms = {
  add: { a: (g) => g, b: (g) => g, keeps: 'nothing' },
  sub: { a: (g) => g, b: (g) => neg(g), keeps: 'nothing' },
  mul: { a: (g, _a, b) => mul(g, b), b: (g, a) => mul(g, a), keeps: 'the other operand' },
  div: { a: (g, _a, b) => div(g, b), b: (g, a, b) => mul(neg(div(g, b)), div(a, b)), keeps: 'operands' },
  pow: { a: powBase, b: powExponent, keeps: 'operands' },
  maximum: {
    a: (g, a, b) => share(g, greater(a, b), equal(a, b)),
    b: (g, a, b) => share(g, less(a, b), equal(a, b)),
    keeps: 'operands',
  },
  minimum: {
    a: (g, a, b) => share(g, less(a, b), equal(a, b)),
    b: (g, a, b) => share(g, greater(a, b), equal(a, b)),
    keeps: 'operands',
  },
} satisfies Record<string, Terms>;

/** The operands that are numbers, and the shapes of those that are tensors. */
interface Operands {
  readonly a: Any;
  readonly b: Any;
  readonly shapeA: Shape | undefined;
  readonly shapeB: Shape | undefined;
}

type MaybeTensor = AnyTensor | null;

/** @internal */
export interface BinaryRule {
  readonly rule: Rule<Operands>;
  /** What the rule will read, given the operands. */
  readonly saves: (a: MaybeTensor, b: MaybeTensor) => readonly MaybeTensor[];
}

function ruleOf(op: string, { a: termA, b: termB, keeps }: Terms): BinaryRule {
  const how = rule<Operands>(op, { keeps, differentiable: true }, ({ gradOutput, saved, state, needs }) => {
    const a = state.shapeA === undefined ? state.a : saved[0];
    const b = state.shapeB === undefined ? state.b : saved[1];
    return [
      needs[0] ? sumTo(termA(gradOutput, a, b), state.shapeA as Shape) : null,
      needs[1] ? sumTo(termB(gradOutput, a, b), state.shapeB as Shape) : null,
    ];
  });
  const saves = (a: MaybeTensor, b: MaybeTensor): readonly MaybeTensor[] => {
    if (keeps === 'nothing') return [];
    if (keeps === 'operands') return [a, b];
    return [wanted(b) ? a : null, wanted(a) ? b : null];
  };
  return { rule: how, saves };
}

/** How the ops are recorded, by their names. @internal */
export const binaryRules: Readonly<Record<string, BinaryRule>> = Object.fromEntries(
  Object.entries(terms).map(([op, entry]) => [op, ruleOf(op, entry)]),
);

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
  return gradients('grad.add', gradOutput, a, b, terms.add);
}

/** Gradients of `sub`: g and -g; see `grad.add`. */
export function subGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.sub', gradOutput, a, b, terms.sub);
}

/** Gradients of `mul`: g * b and g * a; see `grad.add`. */
export function mulGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.mul', gradOutput, a, b, terms.mul);
}

/** Gradients of `div` for float operands: g / b and -g * a / b^2; see `grad.add`. */
export function divGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.div', gradOutput, a, b, terms.div);
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
  return gradients('grad.pow', gradOutput, a, b, terms.pow);
}

/** Gradients of `maximum`: g for the larger operand, half of it for each where they are equal; see `grad.add`. */
export function maximumGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.maximum', gradOutput, a, b, terms.maximum);
}

/** Gradients of `minimum`: g for the smaller operand, half of it for each where they are equal; see `grad.add`. */
export function minimumGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  return gradients('grad.minimum', gradOutput, a, b, terms.minimum);
}

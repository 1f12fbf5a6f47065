import { expectDtype, expectTensor, sameDevice } from '../check';
import { create1, opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { tidy } from '../scope';
import { broadcastShapes, type Shape } from '../shape';
import { record, recording, rule } from '../tape/node';
import { type AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import type { Operand } from './binary';
import type { BinaryGradients } from './binaryGradients';
import { collapseBroadcast } from './broadcast';
import { expectGradientShape, expectPartner, expectScalar } from './operands';
import { sumTo } from './reduce';

const whereOp = opNumber('where');
const fillOp = opNumber('fill');

function expectCondition(op: string, condition: unknown): asserts condition is AnyTensor {
  expectTensor(op, 'condition', condition);
  expectDtype(op, 'condition', condition, ['bool']);
}

const whereRule = rule<{ a: Shape; b: Shape }>(
  'where',
  { keeps: 'condition', differentiable: true },
  ({ gradOutput, saved, state, needs }) => {
    const condition = saved[0] as AnyTensor as Tensor<'bool'>;
    return [
      needs[0] ? sumTo(where(condition, gradOutput, 0), state.a) : null,
      needs[1] ? sumTo(where(condition, 0, gradOutput), state.b) : null,
    ];
  },
);

function select<D extends DType>(condition: AnyTensor, a: Tensor<D>, b: Tensor<D>, shape: Shape): Tensor<D> {
  const { dims, strides } = collapseBroadcast(shape, [condition.shape, a.shape, b.shape]);
  const [cStrides, aStrides, bStrides] = strides;
  const attrs = { rank: dims.length, dims, cStrides, aStrides, bStrides };
  const output = run1(whereOp, [condition, a, b], a.dtype, shape, attrs);
  if (!recording(a, b)) return output;
  return record(whereRule, [a, b], output, [condition], { a: a.shape, b: b.shape });
}

/**
 * a where the condition is true, b elsewhere, per element; the three are broadcast together by NumPy's rules.
 *
 * @param condition bool.
 * @param a Any dtype, or a number.
 * @param b Same dtype as a, same device, or a number (not both).
 * @returns A new tensor of the broadcast shape and the operands' dtype.
 * @throws ShapeError when the shapes do not broadcast; DTypeError, DeviceError, DisposedError, ArgumentError.
 */
export function where<D extends DType>(condition: Tensor<'bool'>, a: number, b: Tensor<D>): Tensor<D>;
export function where<D extends DType>(condition: Tensor<'bool'>, a: Operand<D>, b: Operand<NoInfer<D>>): Tensor<D>;
export function where<D extends DType>(condition: Tensor<'bool'>, a: Operand<D>, b: Operand<D>): Tensor<D> {
  expectCondition('where', condition);
  const tensor = a instanceof Tensor ? a : b;
  if (!(tensor instanceof Tensor)) {
    throw new ArgumentError(`where: a or b must be a Tensor, given ${describe(a)} and ${describe(b)}`);
  }
  expectTensor('where', tensor === a ? 'a' : 'b', tensor);
  sameDevice('where', 'condition', condition, tensor === a ? 'a' : 'b', tensor);
  if (a instanceof Tensor && b instanceof Tensor) {
    expectPartner('where', 'a', a, 'b', b);
    const branches = broadcastShapes('where', a.shape, b.shape);
    return select(condition, a, b, broadcastShapes('where', condition.shape, branches));
  }
  const shape = broadcastShapes('where', condition.shape, tensor.shape);
  const value = expectScalar('where', tensor === a ? 'b' : 'a', tensor === a ? b : a, tensor.dtype);
  const scalar = create1(fillOp, tensor._device, tensor.dtype, [], { value });
  try {
    return tensor === a ? select(condition, tensor, scalar, shape) : select(condition, scalar, tensor, shape);
  } finally {
    scalar.dispose();
  }
}

/**
 * Gradients of `where`: for a, g where the condition is true and 0 elsewhere; for b the other way round; summed over
 * the axes along which an operand was broadcast.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param condition The forward op's condition.
 * @param a The forward op's operands; a number's gradient is null.
 * @throws ShapeError, DTypeError, DeviceError, DisposedError, ArgumentError.
 */
export function whereGradient<D extends DType, A extends Operand<D>, B extends Operand<D>>(
  gradOutput: Tensor<D>,
  condition: Tensor<'bool'>,
  a: A,
  b: B,
): BinaryGradients<D, A, B> {
  const op = 'grad.where';
  expectCondition(op, condition);
  if (typeof a === 'number' && typeof b === 'number') {
    throw new ArgumentError(`${op}: a or b must be a Tensor, given two numbers`);
  }
  let shape: Shape = condition.shape;
  for (const [name, operand] of [['a', a] as const, ['b', b] as const]) {
    if (typeof operand === 'number') continue;
    expectTensor(op, name, operand);
    shape = broadcastShapes(op, shape, operand.shape);
  }
  expectGradientShape(op, gradOutput, shape, 'as the output');
  sameDevice(op, 'gradOutput', gradOutput, 'condition', condition);
  for (const [name, operand] of [['a', a] as const, ['b', b] as const]) {
    if (typeof operand !== 'number') expectPartner(op, 'gradOutput', gradOutput, name, operand);
  }
  return tidy(() => ({
    a: typeof a === 'number' ? null : sumTo(where(condition, gradOutput, 0), a.shape),
    b: typeof b === 'number' ? null : sumTo(where(condition, 0, gradOutput), b.shape),
  })) as BinaryGradients<D, A, B>;
}

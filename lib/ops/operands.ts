// Checks that several op families share: operands that go together, and gradients that fit what they belong to.
import { expectFloat, expectSameShape, expectTensor, sameDevice, sameDtype } from '../check';
import type { DType } from '../dtype';
import { ArgumentError, DTypeError } from '../errors';
import type { Shape } from '../shape';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';

/** The types that have arithmetic. */
export const numberTypes: readonly DType[] = ['float32', 'float64', 'int32', 'uint8'];
export const floatTypes: readonly DType[] = ['float32', 'float64'];
export const allTypes: readonly DType[] = [...numberTypes, 'bool'];

/** A live tensor of float32 or float64. */
export function expectFloatTensor(op: string, name: string, value: unknown): asserts value is AnyTensor {
  expectTensor(op, name, value);
  expectFloat(op, name, value);
}

/** `other` is a live tensor of the dtype and device of `tensor`, which has been checked. */
export function expectPartner(
  op: string,
  name: string,
  tensor: AnyTensor,
  otherName: string,
  other: unknown,
): asserts other is AnyTensor {
  expectTensor(op, otherName, other);
  sameDtype(op, name, tensor, otherName, other);
  sameDevice(op, name, tensor, otherName, other);
}

/** `gradOutput` is a float tensor, and what the forward op saved has its dtype, device and shape. */
export function expectGradientOf(op: string, gradOutput: unknown, savedName: string, saved: unknown): void {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, savedName, saved);
  if (gradOutput.shape !== saved.shape) {
    expectSameShape(op, 'gradOutput', gradOutput, saved.shape, `as ${savedName}`);
  }
}

/** `gradOutput` is a float tensor of the shape that the forward op's output has. */
export function expectGradientShape(op: string, gradOutput: unknown, shape: Shape, reason: string): void {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectSameShape(op, 'gradOutput', gradOutput, shape, reason);
}

const integerRanges: Readonly<Partial<Record<DType, readonly [low: number, high: number]>>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 255],
  bool: [0, 1],
};

/** Least and largest value of an integer type. */
export function integerRange(dtype: DType): readonly [low: number, high: number] | undefined {
  return integerRanges[dtype];
}

/**
 * A number that takes part in an op as if it were a tensor of `dtype`.
 *
 * @throws DTypeError when an integer type cannot hold it exactly.
 */
export function expectScalar(op: string, name: string, value: unknown, dtype: DType): number {
  if (typeof value !== 'number') {
    throw new ArgumentError(`${op}: ${name} must be a Tensor or a number, given ${describe(value)}`);
  }
  if (dtype === 'float32' || dtype === 'float64') return value;
  const [low, high] = integerRanges[dtype] as readonly [number, number];
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new DTypeError(
      `${op}: ${name} ${describe(value)} must be an integer from ${low} to ${high} beside a tensor of ${dtype}; ` +
        'cast() converts the tensor',
    );
  }
  return value;
}

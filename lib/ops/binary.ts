import { expectDtype, expectTensor } from '../check';
import { opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { tidy } from '../scope';
import { broadcastShapes, type Shape, sameShape } from '../shape';
import { record, recording } from '../tape/node';
import { Tensor } from '../tensor';
import { describe } from '../text';
import { binaryRules } from './binaryGradients';
import { collapseBroadcast } from './broadcast';
import { allTypes, expectPartner, expectScalar, floatTypes, numberTypes } from './operands';

/** A tensor, or a number that counts as a tensor of the other operand's type. */
export type Operand<D extends DType = 'float32'> = Tensor<D> | number;

interface Row {
  readonly name: string;
  readonly op: number;
  readonly dtypes: readonly DType[];
}

// Attributes of the common calls, filled in per call: dispatch copies them before it returns, so one object each is
// enough.
const alike = { rank: 1, dims: [0], aStrides: [1], bStrides: [1], scalar: 0, scalarSide: 0 };
const withScalar = { rank: 1, dims: [0], aStrides: [1], bStrides: [1], scalar: 0, scalarSide: 0 };

/** Runs `row` on operands that have been checked, at least one of them a tensor. */
function run(row: Row, a: Operand<DType>, b: Operand<DType>, boolean: boolean): Tensor<DType> {
  const output = compute(row, a, b, boolean);
  if (boolean) return output;
  const [x, y] = [typeof a === 'number' ? null : a, typeof b === 'number' ? null : b];
  if (!recording(x ?? (y as Tensor<DType>), y)) return output;
  const { rule, saves } = binaryRules[row.name];
  return record(rule, [x, y], output, saves(x, y), {
    a: x === null ? a : 0,
    b: y === null ? b : 0,
    shapeA: x?.shape,
    shapeB: y?.shape,
  });
}

function compute(row: Row, a: Operand<DType>, b: Operand<DType>, boolean: boolean): Tensor<DType> {
  if (typeof a === 'number' || typeof b === 'number') {
    const tensor = (typeof a === 'number' ? b : a) as Tensor<DType>;
    withScalar.dims[0] = tensor.size;
    withScalar.scalar = (typeof a === 'number' ? a : b) as number;
    withScalar.scalarSide = typeof a === 'number' ? 1 : 2;
    withScalar.aStrides[0] = typeof a === 'number' ? 0 : 1;
    withScalar.bStrides[0] = typeof a === 'number' ? 1 : 0;
    return run1(row.op, [tensor], boolean ? 'bool' : tensor.dtype, tensor.shape, withScalar);
  }
  const dtype = boolean ? 'bool' : a.dtype;
  if (sameShape(a.shape, b.shape)) {
    alike.dims[0] = a.size;
    return run1(row.op, [a, b], dtype, a.shape, alike);
  }
  const shape = broadcastShapes(row.name, a.shape, b.shape);
  return run1(row.op, [a, b], dtype, shape, broadcastAttributes(shape, a.shape, b.shape));
}

function broadcastAttributes(shape: Shape, a: Shape, b: Shape) {
  const { dims, strides } = collapseBroadcast(shape, [a, b]);
  return { rank: dims.length, dims, aStrides: strides[0], bStrides: strides[1], scalar: 0, scalarSide: 0 };
}

/** Checks the operands of `row`; afterwards each is a number or a live tensor, and not both are numbers. */
function check(row: Row, a: unknown, b: unknown): void {
  const { name, dtypes } = row;
  if (a instanceof Tensor) {
    expectTensor(name, 'a', a);
    expectDtype(name, 'a', a, dtypes);
    if (b instanceof Tensor) expectPartner(name, 'a', a, 'b', b);
    else expectScalar(name, 'b', b, a.dtype);
    return;
  }
  if (typeof a !== 'number') {
    throw new ArgumentError(`${name}: a must be a Tensor or a number, given ${describe(a)}`);
  }
  if (typeof b === 'number') {
    throw new ArgumentError(`${name}: a or b must be a Tensor, given the numbers ${describe(a)} and ${describe(b)}`);
  }
  if (!(b instanceof Tensor)) {
    throw new ArgumentError(`${name}: b must be a Tensor or a number, given ${describe(b)}`);
  }
  expectTensor(name, 'b', b);
  expectDtype(name, 'b', b, dtypes);
  expectScalar(name, 'a', a, b.dtype);
}

/** Arithmetic with two operands; the first tensor among them decides the type. */
export interface Arithmetic {
  <D extends DType>(a: number, b: Tensor<D>): Tensor<D>;
  <D extends DType>(a: Operand<D>, b: Operand<NoInfer<D>>): Tensor<D>;
}

/** A question about two operands. */
export interface Predicate {
  <D extends DType>(a: number, b: Tensor<D>): Tensor<'bool'>;
  <D extends DType>(a: Operand<D>, b: Operand<NoInfer<D>>): Tensor<'bool'>;
}

/** The type of a quotient: integers are divided as float32. */
export type QuotientDType<D extends DType> = D extends 'int32' | 'uint8' ? 'float32' : D;

/** Division, whose result may have another type than its operands. */
export interface Division {
  <D extends DType>(a: number, b: Tensor<D>): Tensor<QuotientDType<D>>;
  <D extends DType>(a: Operand<D>, b: Operand<NoInfer<D>>): Tensor<QuotientDType<D>>;
}

type Call = (a: Operand<DType>, b: Operand<DType>) => Tensor<DType>;

/** The public function of an op, under its own name, which stack traces show. */
function define(name: string, dtypes: readonly DType[], isPredicate = false): Call {
  const row: Row = { name, op: opNumber(name), dtypes };
  const call: Call = (a, b) => {
    check(row, a, b);
    return run(row, a, b, isPredicate);
  };
  return Object.defineProperty(call, 'name', { value: name });
}

const arithmetic = (name: string, dtypes: readonly DType[]): Arithmetic => define(name, dtypes) as Arithmetic;
const predicate = (name: string, dtypes: readonly DType[]): Predicate => define(name, dtypes, true) as Predicate;

/**
 * a + b, per element, broadcast by NumPy's rules.
 *
 * @param a float32, float64, int32 or uint8 (integers wrap), or a number.
 * @param b Same dtype and device, or a number (not both).
 * @returns A new tensor of the broadcast shape and the operands' dtype. The same holds for all arithmetic here.
 * @throws ShapeError when the shapes do not broadcast; DTypeError for unequal types, bool, or a number that an integer
 *   type cannot hold; DeviceError, DisposedError, ArgumentError.
 */
export const add = arithmetic('add', numberTypes);

/** a - b, per element; see `add` for operands, broadcasting and errors. */
export const sub = arithmetic('sub', numberTypes);

/** a * b, per element; see `add` for operands, broadcasting and errors. */
export const mul = arithmetic('mul', numberTypes);

const divisionRow: Row = { name: 'div', op: opNumber('div'), dtypes: numberTypes };

function divide(a: Operand<DType>, b: Operand<DType>): Tensor<DType> {
  check(divisionRow, a, b);
  const { dtype } = (typeof a === 'number' ? b : a) as Tensor<DType>;
  if (dtype === 'float32' || dtype === 'float64') return run(divisionRow, a, b, false);
  return tidy(() => {
    const [x, y] = [a, b].map((operand) => (typeof operand === 'number' ? operand : operand.cast('float32')));
    return run(divisionRow, x, y, false);
  });
}

/**
 * a / b, per element. Integer operands are converted to float32 first, so division by 0 gives an infinity or NaN in
 * every type.
 *
 * @returns float64 for float64, else float32. See `add` for operands, broadcasting and errors.
 */
export const div = divide as Division;

/**
 * a to the power of b, per element, with IEEE 754's special cases (`pow(1, NaN)` and `pow(NaN, 0)` are 1).
 *
 * @param a float32 or float64, or a number.
 * @param b Same dtype and device, or a number. See `add` for broadcasting and errors; integers are a DTypeError.
 */
export const pow = arithmetic('pow', floatTypes);

/** The larger of a and b, per element; NaN if either is. See `add` for operands, broadcasting and errors. */
export const maximum = arithmetic('maximum', numberTypes);

/** The smaller of a and b, per element; NaN if either is. See `add` for operands, broadcasting and errors. */
export const minimum = arithmetic('minimum', numberTypes);

/**
 * a = b, per element, broadcast by NumPy's rules. NaN equals nothing, zeros of both signs are equal.
 *
 * @param a Any dtype, or a number.
 * @param b Same dtype and device, or a number (not both).
 * @returns bool, of the broadcast shape. The same holds for all comparisons.
 * @throws ShapeError, DTypeError, DeviceError, DisposedError, ArgumentError.
 */
export const equal = predicate('equal', allTypes);

/** Not a = b, per element: true beside a NaN. See `equal`. */
export const notEqual = predicate('notEqual', allTypes);

/** a < b, per element; false beside a NaN. See `equal`. */
export const less = predicate('less', allTypes);

/** a <= b, per element; false beside a NaN. See `equal`. */
export const lessEqual = predicate('lessEqual', allTypes);

/** a > b, per element; false beside a NaN. See `equal`. */
export const greater = predicate('greater', allTypes);

/** a >= b, per element; false beside a NaN. See `equal`. */
export const greaterEqual = predicate('greaterEqual', allTypes);

/**
 * True where a and b are, per element, broadcast by NumPy's rules.
 *
 * @param a bool, or the number 0 or 1.
 * @param b bool, same device, or the number 0 or 1 (not both).
 * @throws ShapeError, DTypeError for other types, DeviceError, DisposedError, ArgumentError.
 */
export const logicalAnd = predicate('logicalAnd', ['bool']);

/** True where a or b is or both are; see `logicalAnd`. */
export const logicalOr = predicate('logicalOr', ['bool']);

/** True where exactly one of a and b is; see `logicalAnd`. */
export const logicalXor = predicate('logicalXor', ['bool']);

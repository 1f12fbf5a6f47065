import { ArgumentError, ShapeError } from './errors';
import { describe } from './text';

/** Extents of a tensor's axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Largest number of axes. @internal */
export const maxRank = 8;

/** `[2, 3]`. @internal */
export function shapeText(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Number of elements; 1 for `[]`. The extents are known to be valid. @internal */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let axis = 0; axis < shape.length; axis++) size *= shape[axis];
  return size;
}

/**
 * The extents from axis `begin` to before `end`, both counted from the end where negative: `Array.prototype.slice`, which takes ten
 * times as long on the frozen shape of a tensor.
 *
 * @internal
 */
export function extentsOf(shape: Shape, begin: number, end: number = shape.length): number[] {
  const rank = shape.length;
  const last = end < 0 ? rank + end : Math.min(end, rank);
  const result: number[] = [];
  for (let axis = begin < 0 ? Math.max(rank + begin, 0) : begin; axis < last; axis++) result.push(shape[axis]);
  return result;
}

/** @internal */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/**
 * Number of elements of a shape that an operation is about to create, at `bytes` bytes each.
 *
 * @throws ShapeError when the rank exceeds 8 or the size in bytes, extents of 0 left out, exceeds 2^53 - 1.
 * @internal
 */
export function checkedSize(op: string, shape: Shape, bytes: number): number {
  if (shape.length > maxRank) {
    throw new ShapeError(`${op}: shape ${shapeText(shape)} has rank ${shape.length}, at most ${maxRank} is supported`);
  }
  // The extents of an empty tensor must be countable too: strides are products of them.
  let size = 1;
  let empty = false;
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 0) empty = true;
    else size *= shape[axis];
  }
  if (size * bytes > Number.MAX_SAFE_INTEGER) {
    const aside = empty ? ' (extents of 0 left out)' : '';
    throw new ShapeError(
      `${op}: shape ${shapeText(shape)} at ${bytes} bytes per element is ${size * bytes} bytes${aside}, ` +
        `at most 2^53 - 1 = ${Number.MAX_SAFE_INTEGER} can be counted`,
    );
  }
  return empty ? 0 : size;
}

/**
 * A shape given by the caller, copied and checked: an array (or typed array) of at most 8 integers >= 0.
 *
 * @internal
 */
export function expectShape(op: string, name: string, value: unknown): number[] {
  if (!isArrayOfNumbers(value)) {
    throw new ArgumentError(`${op}: ${name} must be an array of integers >= 0, given ${describe(value)}`);
  }
  if (value.length > maxRank) {
    throw new ShapeError(`${op}: ${name} has ${value.length} axes, at most ${maxRank} are supported`);
  }
  const shape: number[] = [];
  for (let axis = 0; axis < value.length; axis++) {
    const extent = value[axis];
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw new ShapeError(`${op}: ${name}[${axis}] must be an integer >= 0, given ${describe(extent)}`);
    }
    shape.push(extent + 0); // -0 becomes 0
  }
  return shape;
}

function isArrayOfNumbers(value: unknown): value is ArrayLike<number> {
  if (ArrayBuffer.isView(value)) {
    return value instanceof Int32Array || value instanceof Uint32Array || value instanceof Float64Array;
  }
  if (!Array.isArray(value)) return false;
  for (let axis = 0; axis < value.length; axis++) if (typeof value[axis] !== 'number') return false;
  return true;
}

/** An axis in `-rank .. rank - 1`, counted from the end when negative; returned as 0 .. rank - 1. @internal */
export function expectAxis(op: string, name: string, value: unknown, rank: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new ArgumentError(`${op}: ${name} must be an integer, given ${describe(value)}`);
  }
  if (value < -rank || value >= rank) {
    const allowed = rank === 0 ? 'a scalar has no axes' : `the tensor's rank ${rank} allows ${-rank} to ${rank - 1}`;
    throw new ShapeError(`${op}: ${name} ${value} is out of range: ${allowed}`);
  }
  return value < 0 ? value + rank : value + 0;
}

/** 0 .. rank - 1. @internal */
export function allAxes(rank: number): number[] {
  const axes: number[] = [];
  for (let axis = 0; axis < rank; axis++) axes.push(axis);
  return axes;
}

/**
 * One axis, a list of distinct axes, or none given, which means all. Returned sorted, counted from the front.
 *
 * @internal
 */
export function expectAxes(op: string, name: string, value: unknown, rank: number): number[] {
  if (value === undefined) return allAxes(rank);
  if (!Array.isArray(value)) return [expectAxis(op, name, value, rank)];
  const axes: number[] = [];
  let ascending = true;
  for (let i = 0; i < value.length; i++) {
    axes.push(expectAxis(op, `${name}[${i}]`, value[i], rank));
    if (i > 0 && axes[i] < axes[i - 1]) ascending = false;
  }
  if (!ascending) axes.sort((a, b) => a - b);
  for (let i = 1; i < axes.length; i++) {
    if (axes[i] === axes[i - 1]) throw new ShapeError(`${op}: ${name} ${shapeText(value)} names axis ${axes[i]} twice`);
  }
  return axes;
}

/** All axes of a tensor in a new order, negative ones counted from the end; returned as 0 .. rank - 1. @internal */
export function expectPermutation(op: string, name: string, value: unknown, rank: number): number[] {
  if (!Array.isArray(value)) {
    throw new ArgumentError(`${op}: ${name} must be an array of axes, given ${describe(value)}`);
  }
  const axes = Array.from(value, (axis, i) => expectAxis(op, `${name}[${i}]`, axis, rank));
  if (axes.length !== rank || new Set(axes).size !== rank) {
    throw new ShapeError(`${op}: ${name} ${shapeText(value)} must name each of the tensor's ${rank} axes once`);
  }
  return axes;
}

/**
 * NumPy's rule: shapes are aligned at the last axis, and an extent of 1 or an absent axis stretches. Where one of the
 * shapes is the result, that array itself is returned.
 *
 * @throws ShapeError naming both shapes and the first axis, from the end, that does not fit.
 * @internal
 */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    const x = fromEnd <= a.length ? a[a.length - fromEnd] : 1;
    const y = fromEnd <= b.length ? b[b.length - fromEnd] : 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${op}: shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast: ` +
          `axis ${-fromEnd} has ${x} and ${y}, which must be equal or one of them 1`,
      );
    }
    result[rank - fromEnd] = x === 1 ? y : x;
  }
  if (sameShape(result, a)) return a;
  return sameShape(result, b) ? b : result;
}

/** Row-major strides in elements. @internal */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

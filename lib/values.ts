// JavaScript values as flat typed arrays with a shape.
import { type DType, dtypeOfArray } from './dtype';
import { ArgumentError, DTypeError, ShapeError } from './errors';
import { maxRank, shapeText } from './shape';
import { describe } from './text';

/** Typed arrays that hold elements of a tensor. */
export type ValueArray = Float32Array | Float64Array | Int32Array | Uint8Array | Uint8ClampedArray;

/** Numbers or booleans in nested arrays. */
export type NestedValues<T> = T | readonly NestedValues<T>[];

/** What `tensor()` accepts. */
export type TensorValues = ValueArray | NestedValues<number> | NestedValues<boolean>;

/** The element type that `tensor()` gives to values when no `dtype` is named. */
export type DTypeOf<V> = V extends Float32Array
  ? 'float32'
  : V extends Float64Array
    ? 'float64'
    : V extends Int32Array
      ? 'int32'
      : V extends Uint8Array | Uint8ClampedArray
        ? 'uint8'
        : V extends NestedValues<number>
          ? 'float32'
          : V extends NestedValues<boolean>
            ? 'bool'
            : 'float32';

/** Values ready for the addon. */
export interface Flat {
  readonly data: ValueArray;
  readonly dtype: DType;
  readonly shape: number[];
  /** Whether `shape` says more than the number of values. */
  readonly nested: boolean;
}

function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function flattenTyped(op: string, values: ArrayBufferView): Flat {
  const dtype = dtypeOfArray(values);
  if (dtype === undefined) {
    throw new DTypeError(
      `${op}: values is ${describe(values)}, which has no dtype here; convert it to a Float32Array, Float64Array, ` +
        'Int32Array or Uint8Array first, for example with Float32Array.from(values, Number)',
    );
  }
  let data = values as ValueArray;
  if (data.length === 0 && isDetached(data.buffer)) throw new ArgumentError(`${op}: the buffer of values is detached`);
  // Another thread may write to shared memory while the addon copies: V8 copies it with the right accesses.
  if (!(data.buffer instanceof ArrayBuffer)) data = data.slice();
  if (data instanceof Uint8ClampedArray) data = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { data, dtype, shape: [data.length], nested: false };
}

function shapeOf(op: string, values: unknown): number[] {
  const shape: number[] = [];
  for (let inner = values; Array.isArray(inner); inner = inner[0]) {
    shape.push(inner.length);
    if (shape.length > maxRank) {
      throw new ShapeError(`${op}: values are nested more than ${maxRank} deep, the largest rank`);
    }
    if (inner.length === 0) break;
  }
  return shape;
}

/** Copies nested arrays into `data` and checks that they are as regular as the first elements promise. */
class Filler {
  private readonly path: number[] = [];
  private position = 0;

  constructor(
    private readonly op: string,
    private readonly shape: readonly number[],
    private readonly data: ValueArray,
    private readonly kind: 'number' | 'boolean',
  ) {}

  private name(): string {
    return `values${this.path.map((i) => `[${i}]`).join('')}`;
  }

  fill(values: unknown, axis: number): void {
    if (axis === this.shape.length) this.put(values);
    else this.fillArray(values, axis);
  }

  private fillArray(values: unknown, axis: number): void {
    const extent = this.shape[axis];
    if (!Array.isArray(values) || values.length !== extent) {
      const given = Array.isArray(values) ? `has ${values.length} elements` : `is ${describe(values)}`;
      throw new ShapeError(
        `${this.op}: values are ragged: ${this.name()} ${given} where an array of ${extent} is expected ` +
          `(the first elements give shape ${shapeText(this.shape)})`,
      );
    }
    for (let i = 0; i < extent; i++) {
      this.path[axis] = i;
      this.fill(values[i], axis + 1);
    }
    this.path.length = axis;
  }

  private put(value: unknown): void {
    if (Array.isArray(value)) {
      throw new ShapeError(
        `${this.op}: values are ragged: ${this.name()} is an array where a ${this.kind} is expected ` +
          `(the first elements give shape ${shapeText(this.shape)})`,
      );
    }
    if (typeof value !== this.kind) {
      throw new ArgumentError(`${this.op}: ${this.name()} must be a ${this.kind}, given ${describe(value)}`);
    }
    this.data[this.position++] = value as number; // true and false become 1 and 0
  }
}

function firstLeaf(values: unknown): unknown {
  let leaf = values;
  while (Array.isArray(leaf)) leaf = leaf[0];
  return leaf;
}

/**
 * Numbers give float32, or float64 when the caller asks for another type than float32, so that the conversion sees the
 * values unrounded; booleans give bool.
 *
 * @throws ShapeError with the path of the first irregular element; ArgumentError, DTypeError.
 */
export function flatten(op: string, values: unknown, wanted: DType | undefined): Flat {
  if (ArrayBuffer.isView(values)) return flattenTyped(op, values);
  const shape = shapeOf(op, values);
  const leaf = firstLeaf(values);
  const empty = leaf === undefined && shape.includes(0);
  if (!empty && typeof leaf !== 'number' && typeof leaf !== 'boolean') {
    const what = shape.length === 0 ? 'values' : `values${'[0]'.repeat(shape.length)}`;
    throw new ArgumentError(
      `${op}: ${what} must be a number or boolean, nested arrays of them or a typed array, given ${describe(leaf)}`,
    );
  }
  const size = shape.reduce((product, extent) => product * extent, 1);
  const isBool = typeof leaf === 'boolean';
  const single = wanted === undefined || wanted === 'float32';
  const data = isBool ? new Uint8Array(size) : single ? new Float32Array(size) : new Float64Array(size);
  new Filler(op, shape, data, isBool ? 'boolean' : 'number').fill(values, 0);
  const dtype = isBool ? 'bool' : single ? 'float32' : 'float64';
  return { data, dtype, shape, nested: shape.length > 1 };
}

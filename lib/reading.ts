// Reading tensors: the buffer is made here and filled by the addon, so that nobody sees it before it is complete.
import { getHeapStatistics } from 'node:v8';
import { bytesPerElement, type DType, dtypeOfArray, type TypedArrayOf, viewAs } from './dtype';
import { ArgumentError, DTypeError, OutOfMemoryError, ShapeError } from './errors';
import { native } from './native';
import { shapeText } from './shape';
import type { NestedArray, Tensor } from './tensor';
import { describe } from './text';

/** @throws OutOfMemoryError where V8 has no such buffer to give. */
export function hostBuffer(op: string, bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch {
    throw new OutOfMemoryError(`${op}: Node.js cannot allocate an ArrayBuffer of ${bytes} bytes for the values`);
  }
}

function bufferFor(op: string, tensor: Tensor<DType>): ArrayBuffer {
  tensor._expectAlive(op);
  return hostBuffer(op, tensor.size * bytesPerElement(tensor.dtype));
}

function typed<D extends DType>(op: string, dtype: D, buffer: ArrayBuffer): TypedArrayOf<D> {
  try {
    return viewAs(dtype, buffer);
  } catch {
    throw new OutOfMemoryError(`${op}: Node.js has no typed array of ${buffer.byteLength} bytes`);
  }
}

export function data<D extends DType>(tensor: Tensor<D>): Promise<TypedArrayOf<D>> {
  const buffer = bufferFor('data', tensor);
  const values = typed('data', tensor.dtype, buffer);
  return native.read(tensor._slot, tensor._generation, buffer).then(() => values);
}

function readSync<D extends DType>(op: string, tensor: Tensor<D>): TypedArrayOf<D> {
  const buffer = bufferFor(op, tensor);
  const values = typed(op, tensor.dtype, buffer);
  native.readSync(tensor._slot, tensor._generation, buffer);
  return values;
}

export function dataSync<D extends DType>(tensor: Tensor<D>): TypedArrayOf<D> {
  return readSync('dataSync', tensor);
}

export function item(tensor: Tensor<DType>): number {
  tensor._expectAlive('item');
  if (tensor.size !== 1) {
    throw new ShapeError(`item: the tensor must have exactly 1 element, its shape is ${shapeText(tensor.shape)}`);
  }
  return readSync('item', tensor)[0];
}

function nest(
  values: ArrayLike<number>,
  shape: readonly number[],
  axis: number,
  start: number,
  size: number,
): NestedArray {
  if (axis === shape.length) return values[start];
  const extent = shape[axis];
  const inner = extent === 0 ? 0 : size / extent;
  const list: NestedArray[] = [];
  for (let i = 0; i < extent; i++) list.push(nest(values, shape, axis + 1, start + i * inner, inner));
  return list;
}

/** Bytes of an array, and of one of its entries while it grows by half: the old and the new store exist together. */
const arrayBytes = 64;
const entryBytes = 20;
/** Nested arrays of up to this many bytes are made without looking at the heap. */
const smallNest = 2 ** 22;

/**
 * Nested arrays live in JavaScript's own heap, and V8 ends the process where that is full.
 *
 * @throws OutOfMemoryError where the arrays of this shape would not fit.
 */
function expectHeapFor(shape: readonly number[]): void {
  let bytes = 0;
  let lists = 1;
  for (const extent of shape) {
    bytes += lists * (arrayBytes + extent * entryBytes);
    lists *= extent;
  }
  if (bytes <= smallNest) return;
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  if (bytes > limit - used) {
    throw new OutOfMemoryError(
      `toArray: about ${bytes} bytes requested of JavaScript's heap for nested arrays of shape ${shapeText(shape)}, ` +
        `${used} bytes in use, limit ${limit}; data() reads into a typed array outside of that heap`,
    );
  }
}

export function toArray(tensor: Tensor<DType>): Promise<NestedArray> {
  const { shape, size } = tensor;
  tensor._expectAlive('toArray');
  expectHeapFor(shape);
  const buffer = bufferFor('toArray', tensor);
  const values = typed('toArray', tensor.dtype, buffer);
  return native.read(tensor._slot, tensor._generation, buffer).then(() => {
    expectHeapFor(shape); // others may have filled it meanwhile
    return nest(values, shape, 0, 0, size);
  });
}

/** Most bytes of a staging buffer that is kept from one `readInto()` to the next. */
const largestStaging = 16 * 2 ** 20;
let spare: ArrayBuffer | undefined;

function takeStaging(bytes: number): ArrayBuffer {
  const buffer = spare?.byteLength === bytes ? spare : undefined;
  if (buffer === undefined) return hostBuffer('readInto', bytes);
  spare = undefined;
  return buffer;
}

function expectTarget(tensor: Tensor<DType>, target: unknown): asserts target is TypedArrayOf<DType> {
  const dtype = ArrayBuffer.isView(target) ? dtypeOfArray(target) : undefined;
  if (!ArrayBuffer.isView(target)) {
    throw new ArgumentError(`readInto: target must be a typed array, given ${describe(target)}`);
  }
  if (dtype !== (tensor.dtype === 'bool' ? 'uint8' : tensor.dtype)) {
    throw new DTypeError(`readInto: a ${tensor.dtype} tensor cannot be read into ${describe(target)}`);
  }
  const { length } = target as TypedArrayOf<DType>;
  if (length !== tensor.size) {
    throw new ShapeError(`readInto: target must have ${tensor.size} elements like the tensor, it has ${length}`);
  }
}

export function readInto<D extends DType>(tensor: Tensor<D>, target: TypedArrayOf<D>): Promise<void> {
  tensor._expectAlive('readInto');
  expectTarget(tensor, target);
  const staging = takeStaging(tensor.size * bytesPerElement(tensor.dtype));
  const values = typed('readInto', tensor.dtype, staging);
  const { size } = tensor;
  return native.read(tensor._slot, tensor._generation, staging).then(() => {
    // The caller may have transferred or resized the buffer while the read was under way.
    if (target.length !== size) {
      throw new ArgumentError(
        `readInto: target was detached or resized while the tensor was read: it has ${target.length} of ${size} elements`,
      );
    }
    if (size > 0) target.set(values); // set() throws for a detached buffer even where there is nothing to write
    if (staging.byteLength <= largestStaging) spare = staging;
  });
}

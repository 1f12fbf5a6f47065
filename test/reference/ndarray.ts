/**
 * Dense row-major arrays of float64, the only data type of the references. A reference is written from its definition
 * with plain loops over index tuples: slow, and easy to check by eye.
 */
export interface NdArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}

export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** An array from its values in row-major order; zeros when no values are given. */
export function ndarray(shape: readonly number[], values?: ArrayLike<number>): NdArray {
  const size = sizeOf(shape);
  if (values !== undefined && values.length !== size) {
    throw new Error(`shape [${shape}] holds ${size} values, ${values.length} given`);
  }
  return { shape: [...shape], data: values === undefined ? new Float64Array(size) : Float64Array.from(values) };
}

export function scalar(value: number): NdArray {
  return ndarray([], [value]);
}

/** The sum to a rounding or two, however many the values: Neumaier's compensated summation, so that a test's bound is the op's. */
export function total(values: Iterable<number>): number {
  let result = 0;
  let lost = 0;
  for (const value of values) {
    const next = result + value;
    lost += Math.abs(result) >= Math.abs(value) ? result - next + value : value - next + result;
    result = next;
  }
  // Infinities and NaN leave no meaningful remainder.
  return Number.isFinite(result) ? result + lost : result;
}

/** All index tuples of a shape in row-major order. The tuple is reused from step to step. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  const index = new Array<number>(shape.length).fill(0);
  for (let remaining = sizeOf(shape); remaining > 0; remaining--) {
    yield index;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/** Row-major position of an index tuple. */
export function offsetOf(shape: readonly number[], index: readonly number[]): number {
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis++) offset = offset * shape[axis] + index[axis];
  return offset;
}

export function at(x: NdArray, ...index: number[]): number {
  return x.data[offsetOf(x.shape, index)];
}

/** An array whose element at each index tuple is `value(index)`. */
export function fill(shape: readonly number[], value: (index: readonly number[]) => number): NdArray {
  const result = ndarray(shape);
  let position = 0;
  for (const index of indices(shape)) result.data[position++] = value(index);
  return result;
}

export function map(x: NdArray, f: (value: number) => number): NdArray {
  return { shape: x.shape, data: x.data.map((value) => f(value)) };
}

/** Elementwise combination of two arrays of one shape. */
export function zip(a: NdArray, b: NdArray, f: (a: number, b: number) => number): NdArray {
  if (a.shape.join() !== b.shape.join()) throw new Error(`zip: shapes [${a.shape}] and [${b.shape}] differ`);
  return { shape: a.shape, data: a.data.map((value, i) => f(value, b.data[i])) };
}

export function reshape(x: NdArray, shape: readonly number[]): NdArray {
  return ndarray(shape, x.data);
}

/** Axis `i` of the result is axis `axes[i]` of `x`. */
export function permute(x: NdArray, axes: readonly number[]): NdArray {
  const source = new Array<number>(axes.length);
  return fill(
    axes.map((axis) => x.shape[axis]),
    (index) => {
      axes.forEach((axis, i) => {
        source[axis] = index[i];
      });
      return at(x, ...source);
    },
  );
}

/** NumPy's rule: shapes are aligned at the last axis, and an extent of 1 stretches. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** The index in an array of `shape` that an index of the broadcast result reads. */
function broadcastIndex(shape: readonly number[], index: readonly number[]): number[] {
  const lead = index.length - shape.length;
  return shape.map((extent, axis) => (extent === 1 ? 0 : index[axis + lead]));
}

export function broadcastTo(x: NdArray, shape: readonly number[]): NdArray {
  return fill(shape, (index) => at(x, ...broadcastIndex(x.shape, index)));
}

/** The adjoint of `broadcastTo`: sums over the axes along which an array of `shape` was stretched. */
export function reduceTo(x: NdArray, shape: readonly number[]): NdArray {
  const result = ndarray(shape);
  let position = 0;
  for (const index of indices(x.shape)) {
    result.data[offsetOf(shape, broadcastIndex(shape, index))] += x.data[position++];
  }
  return result;
}

import { type DType, full, Tensor, tensor, tidy } from 'receptive';
import { type NdArray, ndarray } from '../reference/ndarray';

// Tests choose the dtype at run time, so their tensors are generic over all of them.
export type AnyTensor = Tensor<DType>;

/** A tensor of a reference array's values on the default device; float32 if no type is named. */
export function toTensor(x: NdArray): AnyTensor;
export function toTensor<D extends DType>(x: NdArray, dtype: D): Tensor<D>;
export function toTensor(x: NdArray, dtype: DType = 'float32'): AnyTensor {
  const shape = [...x.shape];
  switch (dtype) {
    case 'float64':
      return tensor(x.data, { shape }) as AnyTensor;
    case 'float32':
      return tensor(Float32Array.from(x.data), { shape }) as AnyTensor;
    case 'int32':
      return tensor(Int32Array.from(x.data), { shape }) as AnyTensor;
    default:
      return tensor(Uint8Array.from(x.data), { shape, dtype }) as AnyTensor;
  }
}

/** What a tensor holds: shape, values and dtype. */
export interface Snapshot extends NdArray {
  readonly dtype: DType;
}

export function read(t: AnyTensor): Snapshot {
  return { ...ndarray(t.shape, t.dataSync() as ArrayLike<number>), dtype: t.dtype };
}

/** Every tensor within a result replaced by what it holds. */
export type Snapshots<T> =
  T extends Tensor<DType>
    ? Snapshot
    : T extends readonly (infer E)[]
      ? Snapshots<E>[]
      : T extends object
        ? { [K in keyof T]: Snapshots<T[K]> }
        : T;

function snapshots(value: unknown): unknown {
  if (value instanceof Tensor) return read(value as AnyTensor);
  if (Array.isArray(value)) return value.map(snapshots);
  if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, snapshots(entry)]));
  }
  return value;
}

/** Fills recycled buffers with NaN, so that an op that leaves an element of its output unwritten shows it. */
function soilFreeBuffers(): void {
  tidy(() => {
    for (let bytes = 64; bytes <= 1 << 16; bytes *= 4) full([bytes / 4], Number.NaN);
  });
}

/** Runs `body` within `tidy` and returns what its result holds, so that no tensor outlives the call. */
export function evaluate<T>(body: () => T): Snapshots<T> {
  soilFreeBuffers();
  return tidy(() => snapshots(body())) as Snapshots<T>;
}

import { AddonError } from './errors';
import { native } from './native';

/** Element types. */
export type DType = 'float32' | 'float64' | 'int32' | 'uint8' | 'bool';

/** The types that have fractions and gradients. */
export type FloatDType = 'float32' | 'float64';

interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  /** One byte per element, 0 or 1. */
  bool: Uint8Array;
}

/** The typed array in which a tensor of type `D` is read. */
export type TypedArrayOf<D extends DType> = TypedArrays[D];

/** All element types, in the addon's order: a type's position is its number at the boundary. @internal */
export const dtypes: readonly DType[] = native.dtypes.map(({ name }) => (name === 'boolean' ? 'bool' : name) as DType);

interface Row {
  readonly bytes: number;
  readonly array: new (source: number | ArrayBufferLike) => TypedArrays[DType];
}

const table: Readonly<Record<DType, Row>> = {
  float32: { bytes: 4, array: Float32Array },
  float64: { bytes: 8, array: Float64Array },
  int32: { bytes: 4, array: Int32Array },
  uint8: { bytes: 1, array: Uint8Array },
  bool: { bytes: 1, array: Uint8Array },
};

for (const [i, dtype] of dtypes.entries()) {
  if (table[dtype]?.bytes !== native.dtypes[i].bytes) {
    throw new AddonError(
      `the native addon has an element type '${dtype}' that this version of receptive does not know`,
    );
  }
}
for (const dtype of Object.keys(table)) {
  if (!dtypes.includes(dtype as DType)) throw new AddonError(`the native addon lacks the element type '${dtype}'`);
}

const numbers = Object.fromEntries(dtypes.map((dtype, i) => [dtype, i])) as Record<DType, number>;

/** The number of a type at the boundary. @internal */
export function dtypeNumber(dtype: DType): number {
  return numbers[dtype];
}

/** Bytes per element. @internal */
export function bytesPerElement(dtype: DType): number {
  return table[dtype].bytes;
}

/** A typed array over the whole of `buffer`. @internal */
export function viewAs<D extends DType>(dtype: D, buffer: ArrayBuffer): TypedArrayOf<D> {
  return new table[dtype].array(buffer) as TypedArrayOf<D>;
}

/** @internal */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === 'float32' || dtype === 'float64';
}

/** @internal */
export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(table, value);
}

/** The type whose typed array `value` is, or undefined. A `Buffer` and a `Uint8ClampedArray` hold uint8. @internal */
export function dtypeOfArray(value: ArrayBufferView): Exclude<DType, 'bool'> | undefined {
  if (value instanceof Float32Array) return 'float32';
  if (value instanceof Float64Array) return 'float64';
  if (value instanceof Int32Array) return 'int32';
  if (value instanceof Uint8Array || value instanceof Uint8ClampedArray) return 'uint8';
  return undefined;
}

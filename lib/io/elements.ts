// The element types that files have, and how their bytes become values of a tensor's type.
import { endianness } from 'node:os';
import type { DType } from '../dtype';

/** An element type of a file. */
export interface Element {
  /** The name that safetensors gives it, used in messages. */
  readonly name: string;
  readonly bytes: number;
  /** Type of the tensors that it is read as. */
  readonly dtype: DType;
  /**
   * Converts elements in this machine's byte order; without it the bytes are the tensor's own.
   *
   * @param source From its begin, `count` elements.
   * @param target A new array of `count` values of the tensor's type.
   * @returns Position of the first element that has no such value, or -1.
   */
  readonly convert?: (source: ArrayBuffer, target: ArrayBuffer, count: number) => number;
  /** Finds an element that is no value of the type, where its bytes are the tensor's own. Returns as `convert` does. */
  readonly check?: (values: Uint8Array) => number;
  /** The element that was refused, for the message. */
  readonly show?: (source: ArrayBuffer, position: number) => string;
  /** What the tensor's type cannot hold, for the message. */
  readonly limit?: string;
}

/** Whether this machine stores the low byte first. */
export const littleEndianHost = endianness() === 'LE';

/** IEEE 754 half precision: 1 sign, 5 exponent (bias 15) and 10 fraction bits; every one is a float32, subnormals too. */
function halfToSingle(source: ArrayBuffer, target: ArrayBuffer, count: number): number {
  const halves = new Uint16Array(source, 0, count);
  const bits = new Uint32Array(target);
  const values = new Float32Array(target);
  for (let i = 0; i < count; i++) {
    const half = halves[i];
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) values[i] = (sign === 0 ? 1 : -1) * fraction * 2 ** -24;
    else if (exponent === 0x1f) bits[i] = sign | 0x7f800000 | (fraction << 13);
    else bits[i] = sign | ((exponent + 112) << 23) | (fraction << 13);
  }
  return -1;
}

/** bfloat16: the upper half of a float32. */
function brainToSingle(source: ArrayBuffer, target: ArrayBuffer, count: number): number {
  const halves = new Uint16Array(source, 0, count);
  const bits = new Uint32Array(target);
  for (let i = 0; i < count; i++) bits[i] = halves[i] << 16;
  return -1;
}

type SmallIntegers = new (buffer: ArrayBuffer, offset: number, count: number) => Int8Array | Int16Array | Uint16Array;

const widen = (array: SmallIntegers) => (source: ArrayBuffer, target: ArrayBuffer, count: number) => {
  new Int32Array(target).set(new array(source, 0, count));
  return -1;
};

function unsignedToSigned(source: ArrayBuffer, target: ArrayBuffer, count: number): number {
  const values = new Int32Array(source, 0, count);
  new Int32Array(target).set(values);
  return values.findIndex((value) => value < 0);
}

/** @param signed Whether the upper word may be the sign of a negative number. */
const narrow = (signed: boolean) => (source: ArrayBuffer, target: ArrayBuffer, count: number) => {
  const words = new Int32Array(source, 0, 2 * count);
  const values = new Int32Array(target);
  const [low, high] = littleEndianHost ? [0, 1] : [1, 0];
  for (let i = 0; i < count; i++) {
    const value = words[2 * i + low];
    const upper = words[2 * i + high];
    if (upper !== value >> 31 || (!signed && upper !== 0)) return i;
    values[i] = value;
  }
  return -1;
};

const range = 'int32 holds -2^31 to 2^31 - 1';

const rows: readonly Element[] = [
  { name: 'F64', bytes: 8, dtype: 'float64' },
  { name: 'F32', bytes: 4, dtype: 'float32' },
  { name: 'F16', bytes: 2, dtype: 'float32', convert: halfToSingle },
  { name: 'BF16', bytes: 2, dtype: 'float32', convert: brainToSingle },
  {
    name: 'I64',
    bytes: 8,
    dtype: 'int32',
    convert: narrow(true),
    show: (source, i) => String(new BigInt64Array(source, 8 * i, 1)[0]),
    limit: range,
  },
  {
    name: 'U64',
    bytes: 8,
    dtype: 'int32',
    convert: narrow(false),
    show: (source, i) => String(new BigUint64Array(source, 8 * i, 1)[0]),
    limit: range,
  },
  { name: 'I32', bytes: 4, dtype: 'int32' },
  {
    name: 'U32',
    bytes: 4,
    dtype: 'int32',
    convert: unsignedToSigned,
    show: (source, i) => String(new Uint32Array(source, 4 * i, 1)[0]),
    limit: range,
  },
  { name: 'I16', bytes: 2, dtype: 'int32', convert: widen(Int16Array) },
  { name: 'U16', bytes: 2, dtype: 'int32', convert: widen(Uint16Array) },
  { name: 'I8', bytes: 1, dtype: 'int32', convert: widen(Int8Array) },
  { name: 'U8', bytes: 1, dtype: 'uint8' },
  {
    name: 'BOOL',
    bytes: 1,
    dtype: 'bool',
    check: (values) => values.findIndex((value) => value > 1),
    show: (source, i) => String(new Uint8Array(source, i, 1)[0]),
    limit: 'a bool is stored as 0 or 1',
  },
];

const byName = new Map(rows.map((element) => [element.name, element]));

/** The element type of a name, if it can be read. */
export function elementOf(name: string): Element | undefined {
  return byName.get(name);
}

/** Names of what can be read, for messages. */
export const readableNames = rows.map(({ name }) => name).join(', ');

const written: Readonly<Record<DType, string>> = {
  float64: 'F64',
  float32: 'F32',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
};

/** The name under which tensors of a type are written. */
export function writtenAs(dtype: DType): string {
  return written[dtype];
}

/** Reverses the bytes of each element, in place. */
export function swapBytes(bytes: Uint8Array, perElement: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (perElement === 2) buffer.swap16();
  else if (perElement === 4) buffer.swap32();
  else if (perElement === 8) buffer.swap64();
}

// Checks of arguments. Each throws synchronously, naming the operation, the argument, what was given and what is allowed.
import { type DType, isDType } from './dtype';
import { ArgumentError, DeviceError, DisposedError, DTypeError, ShapeError } from './errors';
import { sameShape, shapeText } from './shape';
import { type AnyTensor, Tensor } from './tensor';
import { alternatives, describe } from './text';

/** `value` is a tensor that has not been disposed. */
export function expectTensor(op: string, name: string, value: unknown): asserts value is AnyTensor {
  if (!(value instanceof Tensor)) throw new ArgumentError(`${op}: ${name} must be a Tensor, given ${describe(value)}`);
  if (value._slot < 0) {
    throw new DisposedError(`${op}: ${name} (${value.dtype} ${shapeText(value.shape)}) has been disposed`);
  }
}

/** A non-empty list of tensors of one dtype and device. */
export function expectTensors(op: string, name: string, value: unknown): asserts value is readonly AnyTensor[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ArgumentError(`${op}: ${name} must be a non-empty array of tensors, given ${describe(value)}`);
  }
  for (let i = 0; i < value.length; i++) {
    expectTensor(op, `${name}[${i}]`, value[i]);
    sameDtype(op, `${name}[0]`, value[0], `${name}[${i}]`, value[i]);
    sameDevice(op, `${name}[0]`, value[0], `${name}[${i}]`, value[i]);
  }
}

export function expectDtype(op: string, name: string, tensor: AnyTensor, allowed: readonly DType[]): void {
  if (!allowed.includes(tensor.dtype)) {
    throw new DTypeError(`${op}: ${name} must be ${allowed.join(' or ')}, given ${tensor.dtype}; cast() converts`);
  }
}

const floats = ['float32', 'float64'] as const;

export function expectFloat(op: string, name: string, tensor: AnyTensor): void {
  if (tensor.dtype !== 'float32' && tensor.dtype !== 'float64') expectDtype(op, name, tensor, floats);
}

export function sameDtype(op: string, nameA: string, a: AnyTensor, nameB: string, b: AnyTensor): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(`${op}: ${nameA} is ${a.dtype}, ${nameB} is ${b.dtype}; they must be equal, cast() converts`);
  }
}

export function sameDevice(op: string, nameA: string, a: AnyTensor, nameB: string, b: AnyTensor): void {
  if (a._device !== b._device) {
    throw new DeviceError(`${op}: ${nameA} is on ${a.device}, ${nameB} on ${b.device}; to() moves a tensor`);
  }
}

/** `layout` describes the axes for the message, for example `[N, C, H, W]`. */
export function expectRank(op: string, name: string, tensor: AnyTensor, rank: number, layout?: string): void {
  if (tensor.shape.length !== rank) {
    const form = layout === undefined ? `rank ${rank}` : `rank ${rank} ${layout}`;
    throw new ShapeError(`${op}: ${name} must have ${form}, given shape ${shapeText(tensor.shape)}`);
  }
}

/** `reason` says where the expected shape comes from, for example `as input`. */
export function expectSameShape(
  op: string,
  name: string,
  tensor: AnyTensor,
  shape: readonly number[],
  reason: string,
): void {
  if (!sameShape(tensor.shape, shape)) {
    throw new ShapeError(
      `${op}: ${name} must have shape ${shapeText(shape)}, ${reason}, given ${shapeText(tensor.shape)}`,
    );
  }
}

const none: object = Object.freeze({});

/** An options object or undefined, whose own names are all among `allowed`. */
export function expectOptions<O extends object>(
  op: string,
  options: O | undefined,
  allowed: readonly (keyof O & string)[],
): Partial<O> {
  if (options === undefined) return none as Partial<O>;
  if (options === null || typeof options !== 'object' || Array.isArray(options) || options instanceof Tensor) {
    throw new ArgumentError(`${op}: options must be an object, given ${describe(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!(allowed as readonly string[]).includes(key)) {
      throw new ArgumentError(`${op}: unknown option '${key}', allowed are ${allowed.join(', ')}`);
    }
  }
  return options;
}

/** An integer from `low` to `high`, both included. */
export function expectInteger(
  op: string,
  name: string,
  value: unknown,
  low: number,
  high: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < low || value > high) {
    const range = high === Number.MAX_SAFE_INTEGER ? `>= ${low}` : `from ${low} to ${high}`;
    throw new ArgumentError(`${op}: ${name} must be an integer ${range}, given ${describe(value)}`);
  }
  return value + 0; // -0 becomes 0
}

/** A finite number from `low` to `high`, both included. */
export function expectFinite(op: string, name: string, value: unknown, low = -Infinity, high = Infinity): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < low || value > high) {
    let range = '';
    if (low !== -Infinity) range = high === Infinity ? ` >= ${low}` : ` from ${low} to ${high}`;
    throw new ArgumentError(`${op}: ${name} must be a finite number${range}, given ${describe(value)}`);
  }
  return value;
}

/** Any number; NaN and infinities are values like others. */
export function expectNumber(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number') {
    throw new ArgumentError(`${op}: ${name} must be a number, given ${describe(value)}`);
  }
  return value;
}

export function expectBoolean(op: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new ArgumentError(`${op}: ${name} must be true or false, given ${describe(value)}`);
  }
  return value;
}

export function expectOneOf<S extends string>(op: string, name: string, value: unknown, allowed: readonly S[]): S {
  if (!(allowed as readonly unknown[]).includes(value)) {
    throw new ArgumentError(`${op}: ${name} must be ${alternatives(allowed)}, given ${describe(value)}`);
  }
  return value as S;
}

/** Vertical and horizontal part of a window option. */
export interface Pair {
  readonly h: number;
  readonly w: number;
}

/** An integer for both axes, or `[h, w]`, each from `low` to `high`. */
export function expectPair(op: string, name: string, value: unknown, low: number, high?: number): Pair {
  if (!Array.isArray(value)) {
    if (typeof value !== 'number') {
      throw new ArgumentError(`${op}: ${name} must be an integer or [h, w], given ${describe(value)}`);
    }
    const both = expectInteger(op, name, value, low, high);
    return { h: both, w: both };
  }
  if (value.length !== 2) {
    throw new ArgumentError(`${op}: ${name} must be an integer or [h, w], given ${describe(value)}`);
  }
  return {
    h: expectInteger(op, `${name}[0]`, value[0], low, high),
    w: expectInteger(op, `${name}[1]`, value[1], low, high),
  };
}

/** The name of an element type, among `allowed` if given. */
export function expectDtypeName<D extends DType>(op: string, name: string, value: unknown, allowed?: readonly D[]): D {
  if (!isDType(value) || (allowed !== undefined && !(allowed as readonly DType[]).includes(value))) {
    const names = allowed ?? (['float32', 'float64', 'int32', 'uint8', 'bool'] as const);
    throw new DTypeError(`${op}: ${name} must be ${alternatives(names)}, given ${describe(value)}`);
  }
  return value as D;
}

// Checks of arguments. Each throws synchronously, naming the operation, the argument, what was given and what is allowed.
import { expectPlainOptions } from './checkValues';
import { type DType, isDType } from './dtype';
import { ArgumentError, DeviceError, DisposedError, DTypeError, ShapeError } from './errors';
import { sameShape, shapeText } from './shape';
import { type AnyTensor, Tensor } from './tensor';
import { alternatives, describe } from './text';

export {
  expectBoolean,
  expectFinite,
  expectInteger,
  expectNumber,
  expectOneOf,
  expectPair,
  type Pair,
} from './checkValues';

/** What `expectTensor` asks, for callers whose name of the value takes longer to make than the check. */
export function isLive(value: unknown): value is AnyTensor {
  return value instanceof Tensor && value._slot >= 0;
}

/** `value` is a tensor that has not been disposed. */
export function expectTensor(op: string, name: string, value: unknown): asserts value is AnyTensor {
  if (isLive(value)) return;
  if (!(value instanceof Tensor)) throw new ArgumentError(`${op}: ${name} must be a Tensor, given ${describe(value)}`);
  throw new DisposedError(`${op}: ${name} (${value.dtype} ${shapeText(value.shape)}) has been disposed`);
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

/** An options object or undefined, whose own names are all among `allowed`. */
export function expectOptions<O extends object>(
  op: string,
  options: O | undefined,
  allowed: readonly (keyof O & string)[],
): Partial<O> {
  if (options instanceof Tensor)
    throw new ArgumentError(`${op}: options must be an object, given ${describe(options)}`);
  return expectPlainOptions(op, options, allowed);
}

/** The name of an element type, among `allowed` if given. */
export function expectDtypeName<D extends DType>(op: string, name: string, value: unknown, allowed?: readonly D[]): D {
  if (!isDType(value) || (allowed !== undefined && !(allowed as readonly DType[]).includes(value))) {
    const names = allowed ?? (['float32', 'float64', 'int32', 'uint8', 'bool'] as const);
    throw new DTypeError(`${op}: ${name} must be ${alternatives(names)}, given ${describe(value)}`);
  }
  return value as D;
}

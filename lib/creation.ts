import { opNumber } from './boundary';
import { expectBoolean, expectDtypeName, expectFinite, expectInteger, expectOptions } from './check';
import { deviceOption } from './deviceTable';
import { type Attributes, create1, runInPlace } from './dispatch';
import { bytesPerElement, type DType, isFloat } from './dtype';
import { ArgumentError, DTypeError, ShapeError } from './errors';
import { cast, fromHost } from './move';
import { checkedSize, expectShape, sameShape, shapeText, sizeOf } from './shape';
import type { AnyTensor, Tensor } from './tensor';
import { describe } from './text';
import { type DTypeOf, flatten, type TensorValues } from './values';

/** Options of the functions that make tensors. */
export interface CreationOptions<D extends DType = DType> {
  /** Element type; float32 unless the function says otherwise. */
  dtype?: D;
  /** `cpu`, `cuda`, `cuda:1` or `auto`; the default device if left out. */
  device?: string;
  /** Mark the tensor as one whose gradient is wanted; float types only. */
  requiresGrad?: boolean;
}

/** Options of `tensor()`. */
export interface TensorOptions<D extends DType = DType> extends CreationOptions<D> {
  /** Extents for flat values; their product is the number of values. */
  shape?: readonly number[];
}

const common = ['dtype', 'device', 'requiresGrad'] as const;

const fillOp = opNumber('fill');
const eyeOp = opNumber('eye');
const arangeOp = opNumber('arange');
const linspaceOp = opNumber('linspace');

/** The option `requiresGrad` of a tensor that will have this type. @internal */
export function gradOption(op: string, value: boolean | undefined, dtype: DType): boolean {
  if (value === undefined) return false;
  if (expectBoolean(op, 'requiresGrad', value) && !isFloat(dtype)) {
    throw new DTypeError(`${op}: requiresGrad needs dtype float32 or float64, which have gradients, given ${dtype}`);
  }
  return value;
}

function shapeOption(op: string, given: unknown, flat: { shape: number[]; nested: boolean }): number[] {
  if (given === undefined) return flat.shape;
  const shape = expectShape(op, 'shape', given);
  if (sizeOf(shape) !== sizeOf(flat.shape) || (flat.nested && !sameShape(shape, flat.shape))) {
    const values = flat.nested ? `nested as ${shapeText(flat.shape)}` : `${sizeOf(flat.shape)} in number`;
    throw new ShapeError(
      `${op}: shape ${shapeText(shape)} holds ${sizeOf(shape)} elements, but the values are ${values}`,
    );
  }
  return shape;
}

/**
 * A tensor with the given values, copied at the call.
 *
 * @param values A number or boolean (a scalar), nested arrays of them, or a typed array. Numbers give float32, booleans
 *   bool; a Float32Array, Float64Array, Int32Array or Uint8Array (Buffer, Uint8ClampedArray) keeps its type.
 * @param options `shape` arranges flat values; another `dtype` converts as `cast()` does.
 * @throws ShapeError when nested arrays are ragged, with the path, or `shape` does not fit; DTypeError for other typed
 *   arrays; ArgumentError; DeviceError; OutOfMemoryError.
 * @example tensor([[1, 2], [3, 4]]); tensor(new Int32Array([1, 0, 2])); tensor(image, { shape: [1, 28, 28] });
 */
export function tensor<V extends TensorValues, D extends DType = DTypeOf<V>>(
  values: V,
  options?: TensorOptions<D>,
): Tensor<NoInfer<D>> {
  const { dtype, device: id, requiresGrad, shape } = expectOptions('tensor', options, ['shape', ...common]);
  const wanted = dtype === undefined ? undefined : expectDtypeName<D>('tensor', 'dtype', dtype);
  const device = deviceOption('tensor', id);
  const flat = flatten('tensor', values, wanted);
  const extents = shapeOption('tensor', shape, flat);
  const type = wanted ?? (flat.dtype as D);
  const wantsGrad = gradOption('tensor', requiresGrad, type);
  const made: Tensor<DType> = fromHost(flat.data, flat.dtype, extents, flat.data.length, device);
  const result = made.dtype === type ? (made as Tensor<D>) : convert(made, type);
  result._requiresGrad = wantsGrad;
  return result;
}

/** The values in another type; the tensor given is used up. */
function convert<D extends DType>(made: Tensor<DType>, dtype: D): Tensor<D> {
  try {
    return cast(made, dtype);
  } finally {
    made.dispose();
  }
}

function create<D extends DType>(
  name: string,
  op: number,
  shape: readonly number[],
  attrs: Attributes | undefined,
  options: CreationOptions<D> | undefined,
  standard: DType = 'float32',
  allowed?: readonly D[],
): Tensor<D> {
  const { dtype = standard as D, device, requiresGrad } = expectOptions(name, options, common);
  expectDtypeName(name, 'dtype', dtype, allowed);
  checkedSize(name, shape, bytesPerElement(dtype)); // so that the message names this function, not the kernel
  const wantsGrad = gradOption(name, requiresGrad, dtype);
  const result = create1(op, deviceOption(name, device), dtype, shape, attrs);
  result._requiresGrad = wantsGrad;
  return result;
}

/**
 * A tensor of zeros (false for bool).
 *
 * @throws ShapeError, DTypeError, ArgumentError, DeviceError, OutOfMemoryError.
 */
export function zeros<D extends DType = 'float32'>(
  shape: readonly number[],
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>> {
  return create('zeros', fillOp, expectShape('zeros', 'shape', shape), { value: 0 }, options);
}

/** A tensor of ones (true for bool). Throws as `zeros()` does. */
export function ones<D extends DType = 'float32'>(
  shape: readonly number[],
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>> {
  return create('ones', fillOp, expectShape('ones', 'shape', shape), { value: 1 }, options);
}

/**
 * A tensor with one value everywhere.
 *
 * @param value A number, converted to the dtype as `cast()` does, or a boolean, which gives bool unless `dtype` is named.
 * @throws As `zeros()` does.
 */
export function full<V extends number | boolean, D extends DType = V extends boolean ? 'bool' : 'float32'>(
  shape: readonly number[],
  value: V,
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>> {
  const isBool = typeof value === 'boolean';
  if (!isBool && typeof value !== 'number') {
    throw new ArgumentError(`full: value must be a number or a boolean, given ${describe(value)}`);
  }
  const extents = expectShape('full', 'shape', shape);
  return create('full', fillOp, extents, { value: Number(value) }, options, isBool ? 'bool' : 'float32');
}

/** Overwrites a tensor with one number, converted as `full()` does. @internal */
export function writeConstant(name: string, target: AnyTensor, value: number): void {
  runInPlace(fillOp, [], [target], { value }, name);
}

/**
 * A matrix `[n, m]` with ones on the main diagonal and zeros elsewhere.
 *
 * @param m `n` if left out.
 * @throws As `zeros()` does.
 */
export function eye<D extends DType = 'float32'>(n: number, options?: CreationOptions<D>): Tensor<NoInfer<D>>;
export function eye<D extends DType = 'float32'>(
  n: number,
  m: number,
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>>;
export function eye<D extends DType>(
  n: number,
  second?: number | CreationOptions<D>,
  third?: CreationOptions<D>,
): Tensor<D> {
  const [m, options] = typeof second === 'object' ? [n, second] : [second ?? n, third];
  const shape = [expectInteger('eye', 'n', n, 0), expectInteger('eye', 'm', m, 0)];
  return create('eye', eyeOp, shape, undefined, options);
}

const numeric = ['float32', 'float64', 'int32', 'uint8'] as const;

/** Element types with arithmetic. */
export type NumberDType = (typeof numeric)[number];

/**
 * `start`, `start + step`, … up to but not including `stop`: ceil((stop - start) / step) elements, none if that is
 * negative. Element i is `start + i * step`, computed in double precision and then converted to the dtype.
 *
 * @param start 0 if only one number is given.
 * @param step 1 if left out; may be negative, not 0.
 * @throws ArgumentError for a step of 0 and for numbers that are not finite; else as `zeros()` does.
 * @example arange(5); arange(2, 10); arange(1, 0, -0.25);
 */
export function arange<D extends NumberDType = 'float32'>(
  stop: number,
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>>;
export function arange<D extends NumberDType = 'float32'>(
  start: number,
  stop: number,
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>>;
export function arange<D extends NumberDType = 'float32'>(
  start: number,
  stop: number,
  step: number,
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>>;
export function arange<D extends NumberDType>(...args: (number | CreationOptions<D> | undefined)[]): Tensor<D> {
  const options = typeof args.at(-1) === 'number' ? undefined : (args.pop() as CreationOptions<D> | undefined);
  if (args.length < 1 || args.length > 3) {
    throw new ArgumentError(`arange: expects 1 to 3 numbers before the options, given ${args.length}`);
  }
  const [from, to, by = 1] = args.length === 1 ? [0, args[0]] : args;
  const start = expectFinite('arange', 'start', from);
  const stop = expectFinite('arange', 'stop', to);
  const step = expectFinite('arange', 'step', by);
  if (step === 0) throw new ArgumentError('arange: step must not be 0');
  const count = Math.max(Math.ceil((stop - start) / step), 0) + 0;
  if (!Number.isSafeInteger(count)) {
    throw new ShapeError(`arange: ceil((${stop} - ${start}) / ${step}) = ${count} elements cannot be counted`);
  }
  return create('arange', arangeOp, [count], { start, step }, options, 'float32', numeric as readonly DType[] as D[]);
}

/** Float types. */
const floats = ['float32', 'float64'] as const;

/**
 * `count` values from `start` to `stop`, both included, at equal distances.
 *
 * @throws ArgumentError for numbers that are not finite or a count that is no integer >= 0; DTypeError unless the dtype is
 *   float32 or float64; else as `zeros()` does.
 */
export function linspace<D extends 'float32' | 'float64' = 'float32'>(
  start: number,
  stop: number,
  count: number,
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>> {
  const attrs = { start: expectFinite('linspace', 'start', start), stop: expectFinite('linspace', 'stop', stop) };
  const shape = [expectInteger('linspace', 'count', count, 0)];
  return create('linspace', linspaceOp, shape, attrs, options, 'float32', floats as readonly DType[] as D[]);
}

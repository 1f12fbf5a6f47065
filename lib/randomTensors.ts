import { opNumber } from './boundary';
import { expectDtypeName, expectFinite, expectInteger, expectOptions } from './check';
import { type CreationOptions, gradOption } from './creation';
import { deviceOption } from './deviceTable';
import { type Attributes, create1, runInPlace } from './dispatch';
import { bytesPerElement, type DType, type FloatDType } from './dtype';
import { ArgumentError } from './errors';
import { drawRandom } from './random';
import { checkedSize, expectShape } from './shape';
import type { AnyTensor, Tensor } from './tensor';

const uniformOp = opNumber('randomUniform');
const normalOp = opNumber('randomNormal');
const integerOp = opNumber('randomInteger');

const common = ['dtype', 'device', 'requiresGrad'] as const;
const floats: readonly DType[] = ['float32', 'float64'];
const integers: readonly DType[] = ['int32', 'uint8'];

/** Draws one number of the stream per element. */
function draw<D extends DType>(
  name: string,
  op: number,
  shape: readonly number[],
  attrs: Attributes,
  dtype: D,
  options: Partial<CreationOptions<D>>,
): Tensor<D> {
  const device = deviceOption(name, options.device);
  const size = checkedSize(name, shape, bytesPerElement(dtype));
  const wantsGrad = gradOption(name, options.requiresGrad, dtype);
  const { seed, offset } = drawRandom(name, size);
  const result = create1(op, device, dtype, shape, { ...attrs, seed, offset });
  result._requiresGrad = wantsGrad;
  return result;
}

/** Overwrites a tensor with numbers of the stream, one per element. */
function drawInto(name: string, op: number, tensor: AnyTensor, attrs: Attributes): void {
  runInPlace(op, [], [tensor], { ...attrs, ...drawRandom(name, tensor.size) }, name);
}

/** Overwrites a float tensor with what `rand()` would give; low <= high are finite. @internal */
export function writeUniform(name: string, tensor: AnyTensor, low: number, high: number): void {
  drawInto(name, uniformOp, tensor, { low, high });
}

/** Overwrites a float tensor with what `randn()` would give; mean and std >= 0 are finite. @internal */
export function writeNormal(name: string, tensor: AnyTensor, mean: number, std: number): void {
  drawInto(name, normalOp, tensor, { mean, std });
}

/**
 * Independent numbers, uniform on [low, high).
 *
 * @param options `low` = 0, `high` = 1, dtype float32 or float64.
 * @throws DTypeError for another dtype; ArgumentError unless low <= high are finite; ShapeError, DeviceError,
 *   OutOfMemoryError.
 */
export function rand<D extends FloatDType = 'float32'>(
  shape: readonly number[],
  options?: CreationOptions<D> & { low?: number; high?: number },
): Tensor<NoInfer<D>> {
  const given = expectOptions('rand', options, ['low', 'high', ...common]);
  const dtype = expectDtypeName<D>('rand', 'dtype', given.dtype ?? 'float32', floats as readonly D[]);
  const low = expectFinite('rand', 'low', given.low ?? 0);
  const high = expectFinite('rand', 'high', given.high ?? 1);
  if (low > high) throw new ArgumentError(`rand: low ${low} must not exceed high ${high}`);
  return draw('rand', uniformOp, expectShape('rand', 'shape', shape), { low, high }, dtype, given);
}

/**
 * Independent numbers of the normal distribution.
 *
 * @param options `mean` = 0, `std` = 1 (>= 0), dtype float32 or float64.
 * @throws As `rand()` does.
 */
export function randn<D extends FloatDType = 'float32'>(
  shape: readonly number[],
  options?: CreationOptions<D> & { mean?: number; std?: number },
): Tensor<NoInfer<D>> {
  const given = expectOptions('randn', options, ['mean', 'std', ...common]);
  const dtype = expectDtypeName<D>('randn', 'dtype', given.dtype ?? 'float32', floats as readonly D[]);
  const mean = expectFinite('randn', 'mean', given.mean ?? 0);
  const std = expectFinite('randn', 'std', given.std ?? 1, 0);
  return draw('randn', normalOp, expectShape('randn', 'shape', shape), { mean, std }, dtype, given);
}

const limits: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31],
  uint8: [0, 2 ** 8],
};

/**
 * Independent integers, uniform on low … high - 1.
 *
 * @param options dtype int32 (the default) or uint8, which must be able to hold the bounds.
 * @throws DTypeError for another dtype; ArgumentError unless low < high are integers within the dtype's range; ShapeError,
 *   DeviceError, OutOfMemoryError.
 */
export function randint<D extends 'int32' | 'uint8' = 'int32'>(
  low: number,
  high: number,
  shape: readonly number[],
  options?: CreationOptions<D>,
): Tensor<NoInfer<D>> {
  const given = expectOptions('randint', options, common);
  const dtype = expectDtypeName<D>('randint', 'dtype', given.dtype ?? 'int32', integers as readonly D[]);
  const [least, limit] = limits[dtype];
  const from = expectInteger('randint', 'low', low, least, limit - 1);
  const to = expectInteger('randint', 'high', high, from + 1, limit);
  return draw('randint', integerOp, expectShape('randint', 'shape', shape), { low: from, high: to }, dtype, given);
}

// Initialisations of weights, in place. Each overwrites a float tensor, off the tape, with numbers of the thread's random
// stream (`manualSeed()`).
import { expectFinite, expectFloat, expectNumber, expectOptions, expectTensor } from '../check';
import { tensor as tensorOf, writeConstant } from '../creation';
import type { DType, FloatDType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { writeNormal, writeUniform } from '../randomTensors';
import { tidy } from '../scope';
import { shapeText, sizeOf } from '../shape';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor, Tensor } from '../tensor';
import { chosenFan, type FanMode, fansOf } from './fans';
import { orthogonalMatrix, truncatedNormals } from './hostInit';
import { initSkipped } from './skipInit';

/** Options of He's initialisations. */
export interface HeOptions {
  /** Slope a of the rectifier for negative inputs; 0 (ReLU) if left out. */
  readonly slope?: number;
  /** `'fanIn'` keeps the variance of activations, `'fanOut'` that of gradients; `'fanIn'` if left out. */
  readonly mode?: FanMode;
}

/** Options of Xavier's initialisations and of `orthogonal_`. */
export interface GainOptions {
  /** Factor on the numbers; 1 if left out. */
  readonly gain?: number;
}

function write<D extends DType>(op: string, tensor: Tensor<D>, overwrite: (tensor: AnyTensor) => void): Tensor<D> {
  expectTensor(op, 'tensor', tensor);
  expectFloat(op, 'tensor', tensor);
  if (!initSkipped()) noGrad(() => overwrite(tensor as AnyTensor));
  return tensor;
}

function writeNormals<D extends DType>(op: string, tensor: Tensor<D>, mean: number, std: number): Tensor<D> {
  return write(op, tensor, (target) => writeNormal(op, target, mean, std));
}

function writeUniforms<D extends DType>(op: string, tensor: Tensor<D>, low: number, high: number): Tensor<D> {
  return write(op, tensor, (target) => writeUniform(op, target, low, high));
}

/** Numbers computed on the host. */
function writeFrom<D extends DType>(op: string, tensor: Tensor<D>, values: () => Float64Array): Tensor<D> {
  return write(op, tensor, (target) => {
    const { shape, dtype, device } = target;
    tidy(() => target.copy_(tensorOf(values(), { shape, dtype: dtype as FloatDType, device }) as AnyTensor));
  });
}

/**
 * Every element the same number.
 *
 * @returns The same tensor.
 * @throws ArgumentError, DTypeError, DisposedError.
 */
export function constant_<D extends DType>(tensor: Tensor<D>, value: number): Tensor<D> {
  expectNumber('constant_', 'value', value);
  return write('constant_', tensor, (target) => writeConstant('constant_', target, value));
}

/**
 * Uniform on [low, high).
 *
 * @param options `low` (0), `high` (1), finite.
 * @returns The same tensor.
 * @throws ArgumentError, DTypeError, DisposedError.
 */
export function uniform_<D extends DType>(tensor: Tensor<D>, options?: { low?: number; high?: number }): Tensor<D> {
  const { low = 0, high = 1 } = expectOptions('uniform_', options, ['low', 'high']);
  expectFinite('uniform_', 'low', low);
  expectFinite('uniform_', 'high', high, low);
  return writeUniforms('uniform_', tensor, low, high);
}

/**
 * Normal numbers.
 *
 * @param options `mean` (0), `std` (1, >= 0), finite.
 * @returns The same tensor.
 * @throws ArgumentError, DTypeError, DisposedError.
 */
export function normal_<D extends DType>(tensor: Tensor<D>, options?: { mean?: number; std?: number }): Tensor<D> {
  const { mean = 0, std = 1 } = expectOptions('normal_', options, ['mean', 'std']);
  return writeNormals('normal_', tensor, expectFinite('normal_', 'mean', mean), expectFinite('normal_', 'std', std, 0));
}

/**
 * Normal numbers, those outside of [low, high] drawn again.
 *
 * @param options `mean` (0), `std` (1, > 0), `low` (-2), `high` (2): finite; low and high are values, not multiples of std.
 * @returns The same tensor.
 * @throws ArgumentError, DTypeError, DisposedError.
 */
export function truncatedNormal_<D extends DType>(
  tensor: Tensor<D>,
  options?: { mean?: number; std?: number; low?: number; high?: number },
): Tensor<D> {
  const op = 'truncatedNormal_';
  const { mean = 0, std = 1, low = -2, high = 2 } = expectOptions(op, options, ['mean', 'std', 'low', 'high']);
  expectFinite(op, 'mean', mean);
  if (expectFinite(op, 'std', std) <= 0) throw new ArgumentError(`${op}: std must be positive, given ${std}`);
  expectFinite(op, 'low', low);
  if (expectFinite(op, 'high', high) <= low) {
    throw new ArgumentError(`${op}: low ${low} must be below high ${high}`);
  }
  return writeFrom(op, tensor, () =>
    truncatedNormals(tensor.size, (low - mean) / std, (high - mean) / std).map((x) =>
      Math.min(Math.max(mean + std * x, low), high),
    ),
  );
}

function xavierStd(op: string, tensor: AnyTensor, options: GainOptions | undefined): number {
  expectTensor(op, 'tensor', tensor);
  const { gain = 1 } = expectOptions(op, options, ['gain']);
  const { fanIn, fanOut } = fansOf(op, tensor);
  return expectFinite(op, 'gain', gain, 0) * Math.sqrt(2 / (fanIn + fanOut));
}

/**
 * Uniform with variance gain^2 * 2 / (fan-in + fan-out) (Glorot & Bengio 2010, equation 16): on [-b, b), b = sqrt(3 variance).
 *
 * @param tensor [outputs, inputs, …kernel].
 * @param options `gain` (1).
 * @returns The same tensor.
 * @throws ShapeError for fewer than two axes; ArgumentError, DTypeError, DisposedError.
 */
export function xavierUniform_<D extends DType>(tensor: Tensor<D>, options?: GainOptions): Tensor<D> {
  const bound = Math.sqrt(3) * xavierStd('xavierUniform_', tensor, options);
  return writeUniforms('xavierUniform_', tensor, -bound, bound);
}

/** Normal with mean 0 and the variance of `xavierUniform_`; arguments and errors are its too. */
export function xavierNormal_<D extends DType>(tensor: Tensor<D>, options?: GainOptions): Tensor<D> {
  return writeNormals('xavierNormal_', tensor, 0, xavierStd('xavierNormal_', tensor, options));
}

function heStd(op: string, tensor: AnyTensor, options: HeOptions | undefined): number {
  expectTensor(op, 'tensor', tensor);
  const { slope = 0, mode } = expectOptions(op, options, ['slope', 'mode']);
  return Math.sqrt(2 / ((1 + expectFinite(op, 'slope', slope) ** 2) * chosenFan(op, tensor, mode)));
}

/**
 * Uniform with variance 2 / ((1 + a^2) fan) for rectifiers of slope a (He et al. 2015, Delving deep into rectifiers, equations
 * 10, 14 and 15): on [-b, b), b = sqrt(3 variance).
 *
 * @param tensor [outputs, inputs, …kernel].
 * @param options `slope` a (0), `mode` ('fanIn').
 * @returns The same tensor.
 * @throws ShapeError for fewer than two axes; ArgumentError, DTypeError, DisposedError.
 */
export function heUniform_<D extends DType>(tensor: Tensor<D>, options?: HeOptions): Tensor<D> {
  const bound = Math.sqrt(3) * heStd('heUniform_', tensor, options);
  return writeUniforms('heUniform_', tensor, -bound, bound);
}

/** Normal with mean 0 and the variance of `heUniform_`; arguments and errors are its too. */
export function heNormal_<D extends DType>(tensor: Tensor<D>, options?: HeOptions): Tensor<D> {
  return writeNormals('heNormal_', tensor, 0, heStd('heNormal_', tensor, options));
}

/**
 * A random matrix [outputs, rest] with orthonormal rows, or columns where there are more rows, times `gain` (Saxe et al. 2014,
 * Exact solutions to the nonlinear dynamics of learning). Computed on the host, in time rows * columns * min(rows, columns).
 *
 * @param tensor Two axes or more; those behind the first are taken as one.
 * @param options `gain` (1).
 * @returns The same tensor.
 * @throws ShapeError for fewer than two axes; ArgumentError, DTypeError, DisposedError.
 */
export function orthogonal_<D extends DType>(tensor: Tensor<D>, options?: GainOptions): Tensor<D> {
  const op = 'orthogonal_';
  expectTensor(op, 'tensor', tensor);
  const { gain = 1 } = expectOptions(op, options, ['gain']);
  expectFinite(op, 'gain', gain);
  const { shape } = tensor;
  if (shape.length < 2) {
    throw new ShapeError(`${op}: tensor must have two axes or more, given shape ${shapeText(shape)}`);
  }
  return writeFrom(op, tensor, () => orthogonalMatrix(shape[0], sizeOf(shape.slice(1)), gain));
}

// Scaling of values: bytes to 0 … 1, and to zero mean and unit variance.
import { expectFinite } from '../../checkValues';
import { ArgumentError, ShapeError } from '../../errors';
import { describe } from '../../text';
import type { HostImage } from '../sample';
import type { TransformFunction } from './pixels';

/** Made by `toFloat()`. */
export interface ToFloat {
  readonly kind: 'toFloat';
}

/**
 * Bytes 0 … 255 to float32 0 … 1: x / 255. Float32 images are left as they are.
 *
 * A batch of float32 images does the same by itself with samples that are still bytes, and `normalise()` includes it; it is
 * needed before steps of your own that want floats.
 */
export function toFloat(): ToFloat {
  return { kind: 'toFloat' };
}

/** x / 255 of each byte, as float32. @internal */
export const byteValues: Float32Array = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

export function buildToFloat(): TransformFunction {
  return (image) => {
    const { data, shape } = image;
    if (!(data instanceof Uint8Array)) return image;
    const result = new Float32Array(data.length);
    for (let i = 0; i < result.length; i++) result[i] = byteValues[data[i]];
    return { data: result, shape };
  };
}

/** Made by `normalise()`. */
export interface Normalise {
  readonly kind: 'normalise';
  /** One value per channel, or one for all. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Zero mean and unit variance, given the data set's: `(x - mean[c]) / std[c]` as float32, where x is the value of a float32
 * image, or a byte / 255.
 *
 * @param mean One number per channel, or one for all channels.
 * @param std The same for the standard deviation; > 0.
 * @throws ArgumentError; while loading, ShapeError where an image has another number of channels.
 * @example normalise([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) // ImageNet, RGB
 */
export function normalise(mean: number | readonly number[], std: number | readonly number[]): Normalise {
  const means = numberList('mean', mean);
  const stds = numberList('std', std);
  stds.forEach((value, i) => {
    if (value <= 0) throw new ArgumentError(`normalise: std[${i}] must be > 0, given ${value}`);
  });
  if (means.length !== stds.length && means.length !== 1 && stds.length !== 1) {
    throw new ArgumentError(
      `normalise: mean and std must have one number per channel each, given ${means.length} and ${stds.length}`,
    );
  }
  return { kind: 'normalise', mean: means, std: stds };
}

function numberList(name: string, value: number | readonly number[]): number[] {
  if (typeof value === 'number') return [expectFinite('normalise', name, value)];
  if (!Array.isArray(value) || value.length === 0) {
    throw new ArgumentError(`normalise: ${name} must be a number or a list of numbers, given ${describe(value)}`);
  }
  return value.map((element, i) => expectFinite('normalise', `${name}[${i}]`, element));
}

export function buildNormalise({ mean, std }: Normalise): TransformFunction {
  const channels = Math.max(mean.length, std.length);
  const meanOf = (c: number): number => mean[mean.length === 1 ? 0 : c];
  const stdOf = (c: number): number => std[std.length === 1 ? 0 : c];
  // A byte has 256 values: a look-up per pixel instead of a division.
  const tables = Array.from({ length: channels }, (_, c) =>
    Float32Array.from({ length: 256 }, (__, byte) => (byte / 255 - meanOf(c)) / stdOf(c)),
  );
  return ({ data, shape }: HostImage): HostImage => {
    if (channels !== 1 && channels !== shape[0]) {
      throw new ShapeError(`normalise: mean and std are of ${channels} channels, the image has ${shape[0]}`);
    }
    const plane = shape[1] * shape[2];
    const result = new Float32Array(data.length);
    for (let c = 0; c < shape[0]; c++) {
      const i = c * plane;
      const end = i + plane;
      if (data instanceof Uint8Array) lookUp(data, tables[channels === 1 ? 0 : c], result, i, end);
      else scale(data, meanOf(c), stdOf(c), result, i, end);
    }
    return { data: result, shape };
  };
}

function lookUp(data: Uint8Array, table: Float32Array, result: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) result[i] = table[data[i]];
}

function scale(data: Float32Array, mean: number, std: number, result: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) result[i] = (data[i] - mean) / std;
}

// Changing the size of an image, whole or of a part.
import { expectFinite, expectInteger, expectPair, expectPlainOptions, type Pair } from '../../checkValues';
import { ArgumentError } from '../../errors';
import { describe } from '../../text';
import type { SampleRandom } from '../random';
import type { HostImage, ImageShape } from '../sample';
import type { Size } from './crop';
import { expectNotEmpty, type TransformFunction } from './pixels';
import { type Box, resample } from './resample';

/** Made by `resize()`. */
export interface Resize {
  readonly kind: 'resize';
  /** Of the shorter side, or of both. */
  readonly size: number | Pair;
}

/**
 * The image in another size: bilinear, antialiased where it shrinks. Along each axis, output o is the weighted mean of the
 * inputs i with weights max(0, 1 - |i + 0.5 - center| / support), center = (o + 0.5) * scale, scale = in / out,
 * support = max(scale, 1). That is the usual interpolation between two pixels where the axis grows, and a triangle as wide as
 * two output pixels where it shrinks (the rule of Pillow, and of torchvision with `antialias`). Bytes are rounded to nearest.
 *
 * @param size A number for the shorter side, the longer one in proportion, rounded down; or [h, w].
 * @throws ArgumentError; while loading, ShapeError for an image without pixels.
 */
export function resize(size: Size): Resize {
  if (typeof size === 'number') return { kind: 'resize', size: expectInteger('resize', 'size', size, 1) };
  return { kind: 'resize', size: expectPair('resize', 'size', size, 1) };
}

/** The size that `resize(size)` gives to an image. @internal */
export function resizedTo([, height, width]: ImageShape, size: number | Pair): Pair {
  if (typeof size !== 'number') return size;
  return height <= width
    ? { h: size, w: Math.floor((size * width) / height) }
    : { h: Math.floor((size * height) / width), w: size };
}

export function buildResize({ size }: Resize): TransformFunction {
  return (image) => {
    expectNotEmpty('resize', image);
    const [, h, w] = image.shape;
    const to = resizedTo(image.shape, size);
    // Every output is its input then: the weights of all others are 0.
    if (to.h === h && to.w === w) return image;
    return resample(image, { top: 0, left: 0, h, w }, to);
  };
}

/** Options of `randomResizedCrop()`. */
export interface RandomResizedCropOptions {
  /** Smallest and largest part of the image's area; [0.08, 1] if left out. */
  scale?: readonly [low: number, high: number];
  /** Smallest and largest width / height of the part; [3/4, 4/3] if left out. */
  ratio?: readonly [low: number, high: number];
}

/** Made by `randomResizedCrop()`. */
export interface RandomResizedCrop {
  readonly kind: 'randomResizedCrop';
  readonly size: Pair;
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
}

/**
 * A random part of the image, resized (Szegedy et al., "Going deeper with convolutions", arXiv:1409.4842, section 6).
 *
 * Its area is a = H * W * s, s uniform on `scale`, its ratio r = exp(u), u uniform on [ln ratio[0], ln ratio[1]], its size
 * h = round(sqrt(a / r)), w = round(sqrt(a * r)), its place uniform. Drawn again, up to ten times, where that is no part of the
 * image; then the largest part in the middle whose ratio is within `ratio` (torchvision's rule). Resized as `resize()` does.
 *
 * @param size Of the result: a number for a square, or [h, w].
 * @throws ArgumentError; while loading, ShapeError for an image without pixels.
 */
export function randomResizedCrop(size: Size, options?: RandomResizedCropOptions): RandomResizedCrop {
  const op = 'randomResizedCrop';
  const given = expectPlainOptions(op, options, ['scale', 'ratio']);
  return {
    kind: op,
    size: expectPair(op, 'size', size, 1),
    scale: positiveRange('scale', given.scale ?? [0.08, 1]),
    ratio: positiveRange('ratio', given.ratio ?? [3 / 4, 4 / 3]),
  };
}

function positiveRange(name: string, value: readonly [number, number]): [number, number] {
  if (!Array.isArray(value) || value.length !== 2 || !(value[0] > 0) || !(value[0] <= value[1])) {
    throw new ArgumentError(
      `randomResizedCrop: ${name} must be [low, high], 0 < low <= high, given ${describe(value)}`,
    );
  }
  return [
    expectFinite('randomResizedCrop', `${name}[0]`, value[0]),
    expectFinite('randomResizedCrop', `${name}[1]`, value[1], 0, name === 'scale' ? 1 : Infinity),
  ];
}

export function buildRandomResizedCrop(spec: RandomResizedCrop): TransformFunction {
  return (image: HostImage, random: SampleRandom) => {
    expectNotEmpty('randomResizedCrop', image);
    return resample(image, randomBox(image.shape, spec, random), spec.size);
  };
}

const attempts = 10;

function randomBox([, height, width]: ImageShape, { scale, ratio }: RandomResizedCrop, random: SampleRandom): Box {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const area = height * width * random.uniform(scale[0], scale[1]);
    const r = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const h = Math.round(Math.sqrt(area / r));
    const w = Math.round(Math.sqrt(area * r));
    if (h < 1 || w < 1 || h > height || w > width) continue;
    return { top: random.integer(0, height - h), left: random.integer(0, width - w), h, w };
  }
  let h = height;
  let w = width;
  if (width / height < ratio[0]) h = Math.max(1, Math.round(width / ratio[0]));
  else if (width / height > ratio[1]) w = Math.max(1, Math.round(height * ratio[1]));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), h, w };
}

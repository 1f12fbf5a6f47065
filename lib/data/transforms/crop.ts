// Cutting a part out of an image, which may reach over its edges.
import { expectFinite, expectPair, expectPlainOptions, type Pair } from '../../checkValues';
import { ShapeError } from '../../errors';
import { shapeText } from '../../shape';
import type { SampleRandom } from '../random';
import type { HostImage } from '../sample';
import { imageOf, pixelsLike, type TransformFunction } from './pixels';

/** A number for height and width, or [height, width]. */
export type Size = number | readonly [height: number, width: number];

/** Made by `centerCrop()`. */
export interface CenterCrop {
  readonly kind: 'centerCrop';
  readonly size: Pair;
}

/**
 * The middle of the image: rows from floor((H - h) / 2), columns from floor((W - w) / 2).
 *
 * @param size A number for a square, or [h, w].
 * @throws ArgumentError; while loading, ShapeError for an image smaller than `size`.
 */
export function centerCrop(size: Size): CenterCrop {
  return { kind: 'centerCrop', size: expectPair('centerCrop', 'size', size, 1) };
}

export function buildCenterCrop({ size }: CenterCrop): TransformFunction {
  return (image) => {
    const [, height, width] = image.shape;
    expectRoom('centerCrop', image, size, { h: 0, w: 0 });
    return crop(image, Math.floor((height - size.h) / 2), Math.floor((width - size.w) / 2), size, 0);
  };
}

/** Options of `randomCrop()`. */
export interface RandomCropOptions {
  /** Rows and columns of `fill` added on each side first: a number for both, or [rows, columns]; 0 if left out. */
  padding?: Size;
  /** The value of added pixels, in the image's own units (0 … 255 for bytes); 0 if left out. */
  fill?: number;
}

/** Made by `randomCrop()`. */
export interface RandomCrop {
  readonly kind: 'randomCrop';
  readonly size: Pair;
  readonly padding: Pair;
  readonly fill: number;
}

/**
 * A part of the image, at a place drawn uniformly: the top row from 0 … H + 2*padding - h of the padded image, the left column
 * from 0 … W + 2*padding - w.
 *
 * @param size A number for a square, or [h, w].
 * @throws ArgumentError; while loading, ShapeError for an image that is smaller with its padding.
 * @example randomCrop(32, { padding: 4 }) // CIFAR's usual augmentation (He et al., arXiv:1512.03385, section 4.2)
 */
export function randomCrop(size: Size, options?: RandomCropOptions): RandomCrop {
  const { padding = 0, fill = 0 } = expectPlainOptions('randomCrop', options, ['padding', 'fill']);
  return {
    kind: 'randomCrop',
    size: expectPair('randomCrop', 'size', size, 1),
    padding: expectPair('randomCrop', 'padding', padding, 0),
    fill: expectFinite('randomCrop', 'fill', fill),
  };
}

export function buildRandomCrop({ size, padding, fill }: RandomCrop): TransformFunction {
  return (image: HostImage, random: SampleRandom) => {
    const [, height, width] = image.shape;
    expectRoom('randomCrop', image, size, padding);
    const top = random.integer(0, height + 2 * padding.h - size.h) - padding.h;
    const left = random.integer(0, width + 2 * padding.w - size.w) - padding.w;
    return crop(image, top, left, size, fill);
  };
}

function expectRoom(transform: string, { shape }: HostImage, size: Pair, padding: Pair): void {
  const height = shape[1] + 2 * padding.h;
  const width = shape[2] + 2 * padding.w;
  if (height >= size.h && width >= size.w) return;
  const padded = padding.h + padding.w > 0 ? `, padded to ${height}x${width},` : '';
  throw new ShapeError(
    `${transform}: the image ${shapeText(shape)}${padded} is smaller than the size ${size.h}x${size.w}`,
  );
}

/** The part of `size` from row `top` and column `left` on; `fill` where that is outside of the image. @internal */
export function crop(image: HostImage, top: number, left: number, size: Pair, fill: number): HostImage {
  const { data, shape } = image;
  const [channels, height, width] = shape;
  const result = pixelsLike(image, channels * size.h * size.w);
  if (fill !== 0) result.fill(fill);
  const rowBegin = Math.max(0, -top);
  const rowEnd = Math.min(size.h, height - top);
  const columnBegin = Math.max(0, -left);
  const columnEnd = Math.min(size.w, width - left);
  for (let c = 0; c < channels; c++) {
    for (let y = rowBegin; y < rowEnd; y++) {
      const source = (c * height + top + y) * width + left;
      const target = (c * size.h + y) * size.w;
      for (let x = columnBegin; x < columnEnd; x++) result[target + x] = data[source + x];
    }
  }
  return imageOf(result, [channels, size.h, size.w]);
}

// What the transforms share: making images of the element type of another.
import { ShapeError } from '../../errors';
import { shapeText } from '../../shape';
import type { SampleRandom } from '../random';
import type { HostImage, ImageShape } from '../sample';

/**
 * One step on one image. It must not write to the image it is given, and must depend on the image and on the numbers it draws
 * from `random` only: then a sample comes out the same whenever and wherever it is prepared.
 */
export type TransformFunction = (image: HostImage, random: SampleRandom) => HostImage;

/** Values of an image in the making. Bytes are clamped: a number written to them is rounded to 0 … 255, ties to even. */
export type Pixels = Uint8ClampedArray | Float32Array;

/** Zeros of the element type of `image`. */
export function pixelsLike(image: HostImage, size: number): Pixels {
  return image.data instanceof Uint8Array ? new Uint8ClampedArray(size) : new Float32Array(size);
}

export function imageOf(pixels: Pixels, shape: ImageShape): HostImage {
  return { data: pixels instanceof Float32Array ? pixels : new Uint8Array(pixels.buffer), shape };
}

/** What the value 1 is in an image's own units. */
export function unitOf(image: HostImage): 1 | 255 {
  return image.data instanceof Uint8Array ? 255 : 1;
}

export function expectChannels(transform: string, image: HostImage, allowed: readonly number[]): void {
  if (!allowed.includes(image.shape[0])) {
    throw new ShapeError(
      `${transform}: the image must have ${allowed.join(' or ')} channels, given ${shapeText(image.shape)}`,
    );
  }
}

/** Transforms that interpolate need something to interpolate. */
export function expectNotEmpty(transform: string, { shape }: HostImage): void {
  if (shape[1] === 0 || shape[2] === 0) {
    throw new ShapeError(`${transform}: the image must have at least one pixel, given ${shapeText(shape)}`);
  }
}

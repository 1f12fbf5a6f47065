// Transforms that move every pixel: rotation and lens distortion.
import { expectFinite, expectPlainOptions } from '../../checkValues';
import type { HostImage } from '../sample';
import { imageOf, pixelsLike, type TransformFunction } from './pixels';

/** Options of `randomRotation()` and `lensDistortion()`. */
export interface WarpOptions {
  /** The value of what lies outside of the image, in its own units (0 … 255 for bytes); 0 if left out. */
  fill?: number;
}

/** Made by `randomRotation()`. */
export interface RandomRotation {
  readonly kind: 'randomRotation';
  readonly degrees: number;
  readonly fill: number;
}

/**
 * The image turned about its middle by an angle t uniform on [-degrees, degrees], counter-clockwise where positive; its size
 * stays. With (dx, dy) from the middle ((W - 1) / 2, (H - 1) / 2), the value at (dx, dy) is that of the image at
 * (dx cos t - dy sin t, dx sin t + dy cos t), bilinear between the four pixels around it; `fill` outside.
 *
 * @param degrees From 0 to 180.
 * @throws ArgumentError.
 */
export function randomRotation(degrees: number, options?: WarpOptions): RandomRotation {
  const { fill = 0 } = expectPlainOptions('randomRotation', options, ['fill']);
  return {
    kind: 'randomRotation',
    degrees: expectFinite('randomRotation', 'degrees', degrees, 0, 180),
    fill: expectFinite('randomRotation', 'fill', fill),
  };
}

export function buildRandomRotation({ degrees, fill }: RandomRotation): TransformFunction {
  return (image, random) => rotate(image, random.uniform(-degrees, degrees), fill);
}

/** @internal */
export function rotate(image: HostImage, degrees: number, fill: number): HostImage {
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  return warp(image, fill, (dx, dy, place) => {
    place.x = dx * cos - dy * sin;
    place.y = dx * sin + dy * cos;
  });
}

/** Made by `lensDistortion()`. */
export interface LensDistortion {
  readonly kind: 'lensDistortion';
  readonly strength: number;
  readonly fill: number;
}

/**
 * What a lens does that keeps no straight lines, after "Deep Image" (Wu et al., arXiv:1501.02876), with the first term of
 * Brown's radial model (1966): the value at distance r from the middle, as a part of the distance to the corner, is that of the
 * image at r * (1 + k r^2) in the same direction, k uniform on [-strength, strength]; k > 0 is a barrel, k < 0 a pincushion.
 * Bilinear; `fill` outside.
 *
 * @param strength From 0 to 1/3, beyond which the image would fold over itself; 0.2 if left out.
 * @throws ArgumentError.
 */
export function lensDistortion(strength = 0.2, options?: WarpOptions): LensDistortion {
  const { fill = 0 } = expectPlainOptions('lensDistortion', options, ['fill']);
  return {
    kind: 'lensDistortion',
    strength: expectFinite('lensDistortion', 'strength', strength, 0, 1 / 3),
    fill: expectFinite('lensDistortion', 'fill', fill),
  };
}

export function buildLensDistortion({ strength, fill }: LensDistortion): TransformFunction {
  return (image, random) => distort(image, random.uniform(-strength, strength), fill);
}

/** @internal */
export function distort(image: HostImage, k: number, fill: number): HostImage {
  const [, height, width] = image.shape;
  // The corner's distance; an image of one pixel has none, and its pixel lies in the middle.
  const corner = ((height - 1) ** 2 + (width - 1) ** 2) / 4 || 1;
  return warp(image, fill, (dx, dy, place) => {
    const factor = 1 + (k * (dx * dx + dy * dy)) / corner;
    place.x = dx * factor;
    place.y = dy * factor;
  });
}

interface Place {
  x: number;
  y: number;
}

/** Every pixel from where `source` says, both as distances from the middle. */
function warp(image: HostImage, fill: number, source: (dx: number, dy: number, place: Place) => void): HostImage {
  const { data, shape } = image;
  const [channels, height, width] = shape;
  const plane = height * width;
  const centerX = (width - 1) / 2;
  const centerY = (height - 1) / 2;
  const result = pixelsLike(image, data.length);
  const place: Place = { x: 0, y: 0 };
  const at = (c: number, y: number, x: number): number =>
    y >= 0 && y < height && x >= 0 && x < width ? data[c * plane + y * width + x] : fill;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      source(x - centerX, y - centerY, place);
      const fromX = place.x + centerX;
      const fromY = place.y + centerY;
      const left = Math.floor(fromX);
      const top = Math.floor(fromY);
      const u = fromX - left;
      const v = fromY - top;
      for (let c = 0; c < channels; c++) {
        const upper = at(c, top, left) * (1 - u) + at(c, top, left + 1) * u;
        const lower = at(c, top + 1, left) * (1 - u) + at(c, top + 1, left + 1) * u;
        result[c * plane + y * width + x] = upper * (1 - v) + lower * v;
      }
    }
  }
  return imageOf(result, shape);
}

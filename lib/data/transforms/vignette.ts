// Edges darker than the middle.
import { expectFinite, expectPlainOptions } from '../../checkValues';
import type { HostImage } from '../sample';
import { imageOf, pixelsLike, type TransformFunction } from './pixels';

/** Options of `vignette()`. */
export interface VignetteOptions {
  /** Largest part of the light that is lost in the corners, from 0 to 1; 0.5 if left out. */
  strength?: number;
  /** Smallest distance from the middle, as a part of the corner's, at which light is lost, from 0 to 1; 0.5 if left out. */
  radius?: number;
}

/** Made by `vignette()`. */
export interface Vignette {
  readonly kind: 'vignette';
  readonly strength: number;
  readonly radius: number;
}

/**
 * An image whose edges are darker than its middle, after "Deep Image" (Wu et al., arXiv:1501.02876): which area, and how much
 * darker, are random. Values at distance r from the middle, as a part of the distance to the corner, are multiplied by
 * 1 - s * t^2, t = max(0, r - q) / (1 - q), with s uniform on [0, strength] and q uniform on [radius, 1).
 *
 * @throws ArgumentError.
 */
export function vignette(options?: VignetteOptions): Vignette {
  const { strength = 0.5, radius = 0.5 } = expectPlainOptions('vignette', options, ['strength', 'radius']);
  return {
    kind: 'vignette',
    strength: expectFinite('vignette', 'strength', strength, 0, 1),
    radius: expectFinite('vignette', 'radius', radius, 0, 1),
  };
}

export function buildVignette({ strength, radius }: Vignette): TransformFunction {
  return (image, random) => darkenEdges(image, random.uniform(0, strength), random.uniform(radius, 1));
}

/** @internal */
export function darkenEdges(image: HostImage, strength: number, radius: number): HostImage {
  const { data, shape } = image;
  const [channels, height, width] = shape;
  const plane = height * width;
  const corner = Math.hypot(height - 1, width - 1) / 2 || 1;
  const result = pixelsLike(image, data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const beyond = Math.hypot(y - (height - 1) / 2, x - (width - 1) / 2) / corner - radius;
      // At radius 1 the corner itself is the edge of the dark area, and not in it.
      const factor = beyond > 0 ? 1 - strength * (beyond / (1 - radius)) ** 2 : 1;
      for (let i = y * width + x; i < channels * plane; i += plane) result[i] = data[i] * factor;
    }
  }
  return imageOf(result, shape);
}

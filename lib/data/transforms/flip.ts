import { expectFinite } from '../../checkValues';
import { imageOf, pixelsLike, type TransformFunction } from './pixels';

/** Made by `randomHorizontalFlip()`. */
export interface RandomHorizontalFlip {
  readonly kind: 'randomHorizontalFlip';
  readonly p: number;
}

/**
 * Left and right exchanged, with probability `p`: y[.., x] = image[.., W - 1 - x].
 *
 * @param p From 0 to 1; 0.5 if left out.
 * @throws ArgumentError.
 */
export function randomHorizontalFlip(p = 0.5): RandomHorizontalFlip {
  return { kind: 'randomHorizontalFlip', p: expectFinite('randomHorizontalFlip', 'p', p, 0, 1) };
}

export function buildRandomHorizontalFlip({ p }: RandomHorizontalFlip): TransformFunction {
  return (image, random) => {
    if (random.uniform() >= p) return image;
    const { data, shape } = image;
    const width = shape[2];
    const result = pixelsLike(image, data.length);
    for (let row = 0; row < data.length; row += width) {
      for (let x = 0; x < width; x++) result[row + x] = data[row + width - 1 - x];
    }
    return imageOf(result, shape);
  };
}

import { fashionMnist } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { SUBSET_DIRECTORY } from '../../examples/lib/dataset.mjs';
import { BINS, BLOCK, EPSILON, hog, hogDataset, LIMIT } from '../../examples/lib/hog';
import { hog as reference } from '../reference/hog';
import { type NdArray, ndarray } from '../reference/ndarray';
import { expectClose } from '../support/compare';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const settings = { bins: BINS, block: BLOCK, limit: LIMIT, epsilon: EPSILON };

/** Features of grey images [N, H, W] one after another. */
function features(images: NdArray, cellSize: number): NdArray {
  const [count, height, width] = images.shape;
  const { shape, data } = evaluate(
    () => hog(toTensor({ ...images, shape: [count, 1, height, width] }, 'float32'), { cellSize }) as AnyTensor,
  );
  return { shape, data };
}

function expected({ shape, data }: NdArray, cellSize: number): NdArray {
  const [count, height, width] = shape;
  const size = height * width;
  const each = Array.from({ length: count }, (_, n) =>
    reference(ndarray([height, width], data.slice(n * size, (n + 1) * size)), { ...settings, cellSize }),
  );
  return ndarray(
    [count, each[0].data.length],
    each.flatMap((one) => [...one.data]),
  );
}

/** The features are at most 1. Angles and lengths are sums of a few hundred rounded terms, which small blocks magnify. */
const closeness = { dtype: 'float32', terms: 300 } as const;

describe('hog', () => {
  it.each([
    [3, 12, 17],
    [4, 28, 28],
    [7, 28, 21],
  ])('is that of the definition, with cells of %i, for images of %i x %i', (cellSize, height, width) => {
    const random = new Random(`hog ${cellSize}`);
    const images = ndarray(
      [3, height, width],
      Array.from({ length: 3 * height * width }, () => random.uniform(0, 1)),
    );
    expectClose(features(images, cellSize), expected(images, cellSize), closeness);
  });

  it('is that of the definition for images of clothes, in batches too', async () => {
    const split = await fashionMnist({ folder: SUBSET_DIRECTORY, split: 'test', subset: 1 });
    const images = ndarray(
      [10, 28, 28],
      Array.from(split.images, (byte) => byte / 255),
    );
    const { images: values, shape, labels } = await hogDataset(split, { cellSize: 4 });
    expect(shape).toEqual([4 * 9 * 36, 1, 1]);
    expect(labels).toEqual(split.labels);
    expectClose(ndarray([10, 1296], values), expected(images, 4), closeness);
  });

  it('sees the orientation of edges, whatever side is bright', () => {
    // Planes that rise towards an angle, and their opposites.
    const angles = [0, 10, 20, 45, 90, 135, 170, 180, 190, 270, 355];
    const size = 12;
    const images = ndarray(
      [angles.length, size, size],
      angles.flatMap((degrees) => {
        const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
        return Array.from({ length: size * size }, (_, i) => 0.5 + 0.02 * (c * (i % size) + s * Math.floor(i / size)));
      }),
    );
    const found = features(images, 4);
    const perImage = found.data.length / angles.length;
    for (const [n, degrees] of angles.entries()) {
      // The four blocks lie last; of block (0, 0) the cell (1, 1), which has no border.
      const bins = Array.from({ length: BINS }, (_, bin) => found.data[n * perImage + (bin * 4 + 3) * 4]);
      const weight = bins.reduce((total, value) => total + value, 0);
      const place = (degrees % 180) / 20 - 0.5;
      for (const [bin, value] of bins.entries()) {
        const apart = Math.abs(place - bin);
        const share = Math.max(0, 1 - Math.min(apart, BINS - apart));
        // Where the share is small or large the limit changes the proportion.
        if (share === 0) expect(value / weight, `${degrees} degrees, bin ${bin}`).toBeLessThan(2e-3);
        else if (share > 0.05) expect(value / weight, `${degrees} degrees, bin ${bin}`).toBeGreaterThan(0.02);
      }
    }
  });

  it('is 0 for a flat image, and finite for an empty batch', () => {
    expect(features(ndarray([1, 12, 12], new Float64Array(144).fill(0.5)), 4).data.every((value) => value === 0)).toBe(
      true,
    );
    expect(features(ndarray([0, 12, 12]), 4).shape).toEqual([0, 144]);
  });
});

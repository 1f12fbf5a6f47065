// Histograms of oriented gradients (N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005) by
// operations of receptive: what computer vision engineered by hand before features were learned.

import type { Tensor } from 'receptive';
import * as r from 'receptive';
import { arrayDataset, DataLoader, type MemoryDataset } from 'receptive/data';

export interface HogOptions {
  /** Height and width of a cell, in pixels. */
  readonly cellSize: number;
}

/** Bins of 20 degrees over 180: a gradient and its opposite are the same orientation. */
export const BINS = 9;
/** Cells along each side of a block, within which is normalised. Blocks overlap: they lie one cell apart. */
export const BLOCK = 2;
/** No component of a normalised block is larger ("L2-Hys"), so that one strong edge does not hide the others. */
export const LIMIT = 0.2;
/** In units of a cell's mean gradient, whose largest value is about 1: blocks with less than that in them stay small. */
export const EPSILON = 0.01;

/**
 * Features of grey images.
 *
 * @param images float32 [N, 1, H, W] in 0 … 1.
 * @returns [N, F], F = BINS * BLOCK^2 * the number of blocks.
 */
export function hog(images: Tensor, { cellSize }: HogOptions): Tensor {
  return r.tidy(() => {
    const { magnitude, angle } = gradient(images);
    const votes = r.mul(magnitude, binShares(angle)); // [N, BINS, H, W]
    const cells = r.avgPool2d(votes, { kernelSize: cellSize });
    const blocks = r.im2col(cells, { kernelSize: BLOCK }); // [N, BINS * BLOCK^2, blocks]: each block is a column
    const normalised = unitLength(r.clamp(unitLength(blocks), 0, LIMIT));
    return normalised.reshape([images.shape[0], normalised.shape[1] * normalised.shape[2]]);
  });
}

/** Central differences; on the border, which has a neighbour on one side only, 0. The angle is in half turns, 0 … 1. */
function gradient(images: Tensor): { magnitude: Tensor; angle: Tensor } {
  const difference = r.tensor([-1, 0, 1]);
  const dx = r.pad(r.conv2d(images, difference.reshape([1, 1, 1, 3])), sides({ left: 1, right: 1 }));
  const dy = r.pad(r.conv2d(images, difference.reshape([1, 1, 3, 1])), sides({ top: 1, bottom: 1 }));
  const [x, y] = [r.abs(dx), r.abs(dy)];
  const larger = r.maximum(x, y);
  const slope = r.div(r.minimum(x, y), r.maximum(larger, 1e-12));
  const octant = r.div(arctangent(slope), Math.PI);
  const quadrant = r.where(r.less(x, y), r.sub(0.5, octant), octant);
  const angle = r.where(r.less(r.mul(dx, dy), 0), r.sub(1, quadrant), quadrant);
  return { magnitude: r.sqrt(r.add(r.square(dx), r.square(dy))), angle };
}

function sides({ top = 0, bottom = 0, left = 0, right = 0 }): [number, number][] {
  return [
    [0, 0],
    [0, 0],
    [top, bottom],
    [left, right],
  ];
}

/** For 0 … 1, to 2e-8: M. Abramowitz, I. Stegun, "Handbook of mathematical functions", 4.4.49. */
function arctangent(x: Tensor): Tensor {
  const coefficients = [
    ...[0.0028662257, -0.0161657367, 0.0429096138, -0.07528964],
    ...[0.1065626393, -0.1420889944, 0.1999355085, -0.3333314528, 1],
  ];
  const squared = r.square(x);
  const [first, ...rest] = coefficients;
  const series = rest.reduce((sum, c) => r.add(r.mul(sum, squared), c), r.full(x.shape, first));
  return r.mul(x, series);
}

/** Of each pixel's vote: shared by the two bins whose centres are nearest, in proportion; the last bin's neighbour is the first. */
function binShares(angle: Tensor): Tensor {
  const centres = r.arange(BINS, { dtype: 'float32' }).reshape([1, BINS, 1, 1]);
  const distance = r.abs(r.sub(r.sub(r.mul(angle, BINS), 0.5), centres));
  return r.relu(r.sub(1, r.minimum(distance, r.sub(BINS, distance))));
}

/** Each column at length 1. */
function unitLength(blocks: Tensor): Tensor {
  const squares = r.sum(r.square(blocks), { axis: 1, keepDims: true });
  return r.mul(blocks, r.rsqrt(r.add(squares, EPSILON ** 2)));
}

/** The features of each image of a data set, as a data set of "images" [F, 1, 1] with the same labels. */
export async function hogDataset(
  images: MemoryDataset<Uint8Array>,
  options: HogOptions,
): Promise<MemoryDataset<Float32Array>> {
  let all = new Float32Array();
  let count = 0;
  for await (using batch of new DataLoader(images, { batchSize: 500 })) {
    using features = hog(batch.images, options);
    count = features.shape[1];
    if (all.length === 0) all = new Float32Array(images.length * count);
    all.set(await features.data(), batch.indices[0] * count);
  }
  return arrayDataset(all, images.labels, [count, 1, 1]);
}

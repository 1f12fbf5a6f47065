// Separable resampling with a triangle: first along rows, then along columns. The rule is stated at `resize()`.
import type { Pair } from '../../checkValues';
import type { HostImage } from '../sample';
import { imageOf, pixelsLike } from './pixels';

/** A part of an image. */
export interface Box extends Pair {
  readonly top: number;
  readonly left: number;
}

/** Which inputs make each output of an axis, and how much of each. */
interface AxisWeights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `taps` per output. */
  readonly weights: Float64Array;
  readonly taps: number;
}

/** Weights of max(0, 1 - |i + 0.5 - center| / support), scaled to the sum 1. */
function axisWeights(input: number, output: number): AxisWeights {
  const scale = input / output;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(2 * support) + 1;
  const first = new Int32Array(output);
  const count = new Int32Array(output);
  const weights = new Float64Array(output * taps);
  for (let o = 0; o < output; o++) {
    const center = (o + 0.5) * scale;
    const begin = Math.max(0, Math.ceil(center - support - 0.5));
    const end = Math.min(input - 1, Math.floor(center + support - 0.5));
    let sum = 0;
    for (let i = begin; i <= end; i++) {
      const weight = Math.max(0, 1 - Math.abs(i + 0.5 - center) / support);
      weights[o * taps + i - begin] = weight;
      sum += weight;
    }
    for (let t = 0; t <= end - begin; t++) weights[o * taps + t] /= sum;
    first[o] = begin;
    count[o] = end - begin + 1;
  }
  return { first, count, weights, taps };
}

/** The part `box` of the image, which has pixels, in the size `to`. */
export function resample(image: HostImage, box: Box, to: Pair): HostImage {
  const { data, shape } = image;
  const [channels, height, width] = shape;
  const columns = axisWeights(box.w, to.w);
  const rows = axisWeights(box.h, to.h);
  const between = new Float32Array(box.h * to.w);
  const result = pixelsLike(image, channels * to.h * to.w);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < box.h; y++) {
      const source = (c * height + box.top + y) * width + box.left;
      for (let x = 0; x < to.w; x++) {
        let sum = 0;
        const begin = source + columns.first[x];
        for (let t = 0; t < columns.count[x]; t++) sum += columns.weights[x * columns.taps + t] * data[begin + t];
        between[y * to.w + x] = sum;
      }
    }
    for (let y = 0; y < to.h; y++) {
      const target = (c * to.h + y) * to.w;
      for (let x = 0; x < to.w; x++) {
        let sum = 0;
        const begin = rows.first[y] * to.w + x;
        for (let t = 0; t < rows.count[y]; t++) sum += rows.weights[y * rows.taps + t] * between[begin + t * to.w];
        result[target + x] = sum;
      }
    }
  }
  return imageOf(result, [channels, to.h, to.w]);
}

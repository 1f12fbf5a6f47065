import { fromNchw, toNchw } from './conv2d';
import { fill, type NdArray, ndarray, offsetOf } from './ndarray';
import { type AxisWindow, type Geometry, geometry, inside, tap, type WindowOptions } from './window';

export interface PoolOptions extends WindowOptions {
  readonly kernelSize: number | readonly [number, number];
  readonly countIncludePad?: boolean;
}

const nchwShape = (shape: readonly number[], layout?: string): readonly number[] =>
  layout === 'NHWC' ? [shape[0], shape[3], shape[1], shape[2]] : shape;

export function poolGeometry(height: number, width: number, options: PoolOptions): Geometry {
  const { kernelSize } = options;
  const kernel: readonly [number, number] = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
  return geometry([height, width], kernel, options, kernel);
}

export function poolOutputShape(inputShape: readonly number[], options: PoolOptions): number[] {
  const [n, c, height, width] = nchwShape(inputShape, options.layout);
  const { h, w } = poolGeometry(height, width, options);
  return options.layout === 'NHWC' ? [n, h.output, w.output, c] : [n, c, h.output, w.output];
}

/** The positions of a window's taps that lie inside the input, in row-major order. */
function* windowTaps({ h, w }: Geometry, oy: number, ox: number): Generator<[number, number]> {
  for (let r = 0; r < h.kernel; r++)
    for (let s = 0; s < w.kernel; s++) {
      const iy = tap(h, oy, r);
      const ix = tap(w, ox, s);
      if (inside(h, iy) && inside(w, ix)) yield [iy, ix];
    }
}

/**
 * Largest element of each window. A NaN wins, the first one's index; among equals the first index, in row-major order.
 * Indices are flat positions within the input plane, iy * W + ix.
 */
export function maxPool2dWithIndices(input: NdArray, options: PoolOptions): { output: NdArray; indices: NdArray } {
  const x = toNchw(input, options.layout);
  const [batch, channels, height, width] = x.shape;
  const g = poolGeometry(height, width, options);
  const indices = fill([batch, channels, g.h.output, g.w.output], ([n, c, oy, ox]) => {
    let best = -1;
    let bestValue = Number.NaN;
    for (const [iy, ix] of windowTaps(g, oy, ox)) {
      const value = x.data[offsetOf(x.shape, [n, c, iy, ix])];
      if (Number.isNaN(value)) return iy * width + ix;
      if (best < 0 || value > bestValue) {
        best = iy * width + ix;
        bestValue = value;
      }
    }
    if (best < 0) throw new Error('reference maxPool2d: a window lies wholly in the padding');
    return best;
  });
  const output = fill(indices.shape, ([n, c, oy, ox]) => {
    const position = indices.data[offsetOf(indices.shape, [n, c, oy, ox])];
    return x.data[(n * channels + c) * height * width + position];
  });
  return { output: fromNchw(output, options.layout), indices: fromNchw(indices, options.layout) };
}

/** Each output's gradient goes to the element that was the maximum. */
export function maxPool2dGradient(
  gradOutput: NdArray,
  indices: NdArray,
  inputShape: readonly number[],
  options: PoolOptions,
): NdArray {
  const gy = toNchw(gradOutput, options.layout);
  const index = toNchw(indices, options.layout);
  const gx = ndarray(nchwShape(inputShape, options.layout));
  const plane = gx.shape[2] * gx.shape[3];
  const windows = gy.shape[2] * gy.shape[3];
  for (let i = 0; i < gy.data.length; i++) gx.data[Math.floor(i / windows) * plane + index.data[i]] += gy.data[i];
  return fromNchw(gx, options.layout);
}

/** Taps of one axis that count towards an average's divisor: those up to the end of the trailing padding. */
function countedTaps(axis: AxisWindow, o: number): number {
  let count = 0;
  for (let k = 0; k < axis.kernel; k++) if (tap(axis, o, k) < axis.input + axis.after) count++;
  return count;
}

function averageDivisor(g: Geometry, oy: number, ox: number, countIncludePad: boolean): number {
  if (countIncludePad) return countedTaps(g.h, oy) * countedTaps(g.w, ox);
  return [...windowTaps(g, oy, ox)].length;
}

export function avgPool2d(input: NdArray, options: PoolOptions): NdArray {
  const x = toNchw(input, options.layout);
  const [batch, channels, height, width] = x.shape;
  const g = poolGeometry(height, width, options);
  const y = fill([batch, channels, g.h.output, g.w.output], ([n, c, oy, ox]) => {
    let sum = 0;
    for (const [iy, ix] of windowTaps(g, oy, ox)) sum += x.data[offsetOf(x.shape, [n, c, iy, ix])];
    return sum / averageDivisor(g, oy, ox, options.countIncludePad ?? true);
  });
  return fromNchw(y, options.layout);
}

export function avgPool2dGradient(gradOutput: NdArray, inputShape: readonly number[], options: PoolOptions): NdArray {
  const gy = toNchw(gradOutput, options.layout);
  const gx = ndarray(nchwShape(inputShape, options.layout));
  const [, , height, width] = gx.shape;
  const g = poolGeometry(height, width, options);
  const [batch, channels] = gy.shape;
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let oy = 0; oy < g.h.output; oy++)
        for (let ox = 0; ox < g.w.output; ox++) {
          const share =
            gy.data[offsetOf(gy.shape, [n, c, oy, ox])] / averageDivisor(g, oy, ox, options.countIncludePad ?? true);
          for (const [iy, ix] of windowTaps(g, oy, ox)) gx.data[offsetOf(gx.shape, [n, c, iy, ix])] += share;
        }
  return fromNchw(gx, options.layout);
}

/** Rows that adaptive pooling averages for output row `o`: floor(o*in/out) to ceil((o+1)*in/out). */
function adaptiveRange(input: number, output: number, o: number): [number, number] {
  return [Math.floor((o * input) / output), Math.ceil(((o + 1) * input) / output)];
}

export function adaptiveAvgPool2d(input: NdArray, outputSize: readonly [number, number], layout?: string): NdArray {
  const x = toNchw(input, layout);
  const [batch, channels, height, width] = x.shape;
  const y = fill([batch, channels, ...outputSize], ([n, c, oy, ox]) => {
    const [top, bottom] = adaptiveRange(height, outputSize[0], oy);
    const [left, right] = adaptiveRange(width, outputSize[1], ox);
    let sum = 0;
    for (let iy = top; iy < bottom; iy++)
      for (let ix = left; ix < right; ix++) sum += x.data[offsetOf(x.shape, [n, c, iy, ix])];
    return sum / ((bottom - top) * (right - left));
  });
  return fromNchw(y, layout);
}

export function adaptiveAvgPool2dGradient(
  gradOutput: NdArray,
  inputShape: readonly number[],
  layout?: string,
): NdArray {
  const gy = toNchw(gradOutput, layout);
  const gx = ndarray(nchwShape(inputShape, layout));
  const [, , height, width] = gx.shape;
  const [batch, channels, outH, outW] = gy.shape;
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let oy = 0; oy < outH; oy++)
        for (let ox = 0; ox < outW; ox++) {
          const [top, bottom] = adaptiveRange(height, outH, oy);
          const [left, right] = adaptiveRange(width, outW, ox);
          const share = gy.data[offsetOf(gy.shape, [n, c, oy, ox])] / ((bottom - top) * (right - left));
          for (let iy = top; iy < bottom; iy++)
            for (let ix = left; ix < right; ix++) gx.data[offsetOf(gx.shape, [n, c, iy, ix])] += share;
        }
  return fromNchw(gx, layout);
}

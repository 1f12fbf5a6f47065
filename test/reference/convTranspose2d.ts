import { fromNchw, toNchw } from './conv2d';
import { fill, type NdArray, ndarray, offsetOf } from './ndarray';

export interface ConvTranspose2dOptions {
  readonly stride?: number | readonly [number, number];
  readonly padding?:
    | number
    | readonly [number, number]
    | { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number }
    | 'same'
    | 'valid';
  readonly outputPadding?: number | readonly [number, number];
  readonly dilation?: number | readonly [number, number];
  readonly groups?: number;
  readonly layout?: 'NCHW' | 'NHWC';
}

interface Axis {
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly output: number;
}

const pair = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : value;

/** Vertical and horizontal geometry; `extents` are the input's. */
function axes(extents: readonly number[], kernel: readonly number[], options: ConvTranspose2dOptions): Axis[] {
  const [stride, dilation] = [pair(options.stride ?? 1), pair(options.dilation ?? 1)];
  const more = pair(options.outputPadding ?? 0);
  return [0, 1].map((i) => {
    const reach = (kernel[i] - 1) * dilation[i] + 1;
    const shared = { stride: stride[i], dilation: dilation[i] };
    const { padding = 0 } = options;
    if (padding === 'same') {
      // The output has input * stride elements; what is more is cut off, the odd element at the end.
      const cut = Math.max(reach - stride[i], 0);
      return { ...shared, before: Math.floor(cut / 2), output: extents[i] * stride[i] };
    }
    let [before, after] = [0, 0];
    if (typeof padding === 'object' && 'top' in padding) {
      [before, after] = i === 0 ? [padding.top, padding.bottom] : [padding.left, padding.right];
    } else if (padding !== 'valid') {
      before = pair(padding)[i];
      after = before;
    }
    return { ...shared, before, output: (extents[i] - 1) * stride[i] + reach - before - after + more[i] };
  });
}

/**
 * Calls `visit(output, weight, input)` with the flat offsets of every product x[n,c,iy,ix] * w[c,k',r,s] that is added to
 * y[n,k,oy,ox], in NCHW. Returns the shape of y.
 */
function forEachProduct(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options: ConvTranspose2dOptions,
  visit: (output: number, weight: number, input: number) => void,
): readonly number[] {
  const [batch, channels, height, width] = inputShape;
  const [, perGroup, R, S] = weightShape;
  const groups = options.groups ?? 1;
  const [h, w] = axes([height, width], [R, S], options);
  const outputShape = [batch, perGroup * groups, h.output, w.output];
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let j = 0; j < perGroup; j++)
        for (let iy = 0; iy < height; iy++)
          for (let ix = 0; ix < width; ix++)
            for (let r = 0; r < R; r++)
              for (let s = 0; s < S; s++) {
                const k = Math.floor(c / (channels / groups)) * perGroup + j;
                const oy = iy * h.stride - h.before + r * h.dilation;
                const ox = ix * w.stride - w.before + s * w.dilation;
                if (oy < 0 || oy >= h.output || ox < 0 || ox >= w.output) continue;
                visit(
                  offsetOf(outputShape, [n, k, oy, ox]),
                  offsetOf(weightShape, [c, j, r, s]),
                  offsetOf(inputShape, [n, c, iy, ix]),
                );
              }
  return outputShape;
}

const nchw = (shape: readonly number[], layout?: string): readonly number[] =>
  layout === 'NHWC' ? [shape[0], shape[3], shape[1], shape[2]] : shape;

export function convTranspose2dShape(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options: ConvTranspose2dOptions = {},
): number[] {
  const [n, , height, width] = nchw(inputShape, options.layout);
  const [h, w] = axes([height, width], weightShape.slice(2), options);
  const k = weightShape[1] * (options.groups ?? 1);
  return options.layout === 'NHWC' ? [n, h.output, w.output, k] : [n, k, h.output, w.output];
}

export function convTranspose2d(
  input: NdArray,
  weight: NdArray,
  options: ConvTranspose2dOptions = {},
  bias: NdArray | null = null,
): NdArray {
  const x = toNchw(input, options.layout);
  const shape = nchw(convTranspose2dShape(input.shape, weight.shape, options), options.layout);
  const y = fill(shape, ([, k]) => bias?.data[k] ?? 0);
  forEachProduct(x.shape, weight.shape, options, (o, w, i) => {
    y.data[o] += x.data[i] * weight.data[w];
  });
  return fromNchw(y, options.layout);
}

export function convTranspose2dInput(
  inputShape: readonly number[],
  weight: NdArray,
  gradOutput: NdArray,
  options: ConvTranspose2dOptions = {},
): NdArray {
  const gy = toNchw(gradOutput, options.layout);
  const gx = ndarray(nchw(inputShape, options.layout));
  forEachProduct(gx.shape, weight.shape, options, (o, w, i) => {
    gx.data[i] += gy.data[o] * weight.data[w];
  });
  return fromNchw(gx, options.layout);
}

export function convTranspose2dWeight(
  input: NdArray,
  weightShape: readonly number[],
  gradOutput: NdArray,
  options: ConvTranspose2dOptions = {},
): NdArray {
  const x = toNchw(input, options.layout);
  const gy = toNchw(gradOutput, options.layout);
  const gw = ndarray(weightShape);
  forEachProduct(x.shape, weightShape, options, (o, w, i) => {
    gw.data[w] += gy.data[o] * x.data[i];
  });
  return gw;
}

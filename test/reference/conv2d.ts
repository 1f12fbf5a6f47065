import { fill, type NdArray, ndarray, offsetOf, permute } from './ndarray';
import { type Geometry, geometry, inside, tap, type WindowOptions } from './window';

export interface Conv2dOptions extends WindowOptions {
  readonly groups?: number;
}

/** NHWC to NCHW when the layout asks for it, and back. */
export const toNchw = (x: NdArray, layout?: string): NdArray => (layout === 'NHWC' ? permute(x, [0, 3, 1, 2]) : x);
export const fromNchw = (x: NdArray, layout?: string): NdArray => (layout === 'NHWC' ? permute(x, [0, 2, 3, 1]) : x);

const nchwShape = (shape: readonly number[], layout?: string): readonly number[] =>
  layout === 'NHWC' ? [shape[0], shape[3], shape[1], shape[2]] : shape;

function conv2dGeometry(input: readonly number[], weight: readonly number[], options: Conv2dOptions): Geometry {
  return geometry([input[2], input[3]], [weight[2], weight[3]], options);
}

/**
 * Calls `visit(output, weight, input)` with the flat offsets of every product x[n,c,iy,ix] * w[k,c',r,s] that enters
 * y[n,k,oy,ox]; the input's offset is -1 where the tap lies in the padding. Shapes are NCHW and [K, C/groups, R, S].
 */
function forEachProduct(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options: Conv2dOptions,
  visit: (output: number, weight: number, input: number) => void,
): readonly number[] {
  const { h, w } = conv2dGeometry(inputShape, weightShape, options);
  const [batch, channels] = inputShape;
  const [filters, channelsPerGroup, R, S] = weightShape;
  const groups = options.groups ?? 1;
  if (channels !== channelsPerGroup * groups) throw new Error('reference conv2d: channels do not match');
  const filtersPerGroup = filters / groups;
  const outputShape = [batch, filters, h.output, w.output];
  for (let n = 0; n < batch; n++)
    for (let k = 0; k < filters; k++) {
      const firstChannel = Math.floor(k / filtersPerGroup) * channelsPerGroup;
      for (let oy = 0; oy < h.output; oy++)
        for (let ox = 0; ox < w.output; ox++) {
          const output = offsetOf(outputShape, [n, k, oy, ox]);
          for (let c = 0; c < channelsPerGroup; c++)
            for (let r = 0; r < R; r++)
              for (let s = 0; s < S; s++) {
                const iy = tap(h, oy, r);
                const ix = tap(w, ox, s);
                const valid = inside(h, iy) && inside(w, ix);
                const input = valid ? offsetOf(inputShape, [n, firstChannel + c, iy, ix]) : -1;
                visit(output, offsetOf(weightShape, [k, c, r, s]), input);
              }
        }
    }
  return outputShape;
}

export function conv2dOutputShape(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options: Conv2dOptions = {},
): number[] {
  const input = nchwShape(inputShape, options.layout);
  const { h, w } = conv2dGeometry(input, weightShape, options);
  const [n, k] = [input[0], weightShape[0]];
  return options.layout === 'NHWC' ? [n, h.output, w.output, k] : [n, k, h.output, w.output];
}

/** y[n,k,oy,ox] = bias[k] + sum over c,r,s of x[n,c,oy*stride - pad + r*dilation,...] * w[k,c,r,s]; padding is 0 * w. */
export function conv2d(
  input: NdArray,
  weight: NdArray,
  options: Conv2dOptions = {},
  bias: NdArray | null = null,
): NdArray {
  const x = toNchw(input, options.layout);
  const { h, w } = conv2dGeometry(x.shape, weight.shape, options);
  const y = fill([x.shape[0], weight.shape[0], h.output, w.output], ([, k]) => bias?.data[k] ?? 0);
  forEachProduct(x.shape, weight.shape, options, (o, wi, i) => {
    y.data[o] += (i < 0 ? 0 : x.data[i]) * weight.data[wi];
  });
  return fromNchw(y, options.layout);
}

export function conv2dInput(
  inputShape: readonly number[],
  weight: NdArray,
  gradOutput: NdArray,
  options: Conv2dOptions = {},
): NdArray {
  const gy = toNchw(gradOutput, options.layout);
  const gx = ndarray(nchwShape(inputShape, options.layout));
  forEachProduct(gx.shape, weight.shape, options, (o, wi, i) => {
    if (i >= 0) gx.data[i] += gy.data[o] * weight.data[wi];
  });
  return fromNchw(gx, options.layout);
}

export function conv2dWeight(
  input: NdArray,
  weightShape: readonly number[],
  gradOutput: NdArray,
  options: Conv2dOptions = {},
): NdArray {
  const x = toNchw(input, options.layout);
  const gy = toNchw(gradOutput, options.layout);
  const gw = ndarray(weightShape);
  forEachProduct(x.shape, weightShape, options, (o, wi, i) => {
    if (i >= 0) gw.data[wi] += gy.data[o] * x.data[i];
  });
  return gw;
}

export function conv2dBias(gradOutput: NdArray, options: Conv2dOptions = {}): NdArray {
  const gy = toNchw(gradOutput, options.layout);
  const [batch, filters, height, width] = gy.shape;
  return fill([filters], ([k]) => {
    let sum = 0;
    for (let n = 0; n < batch; n++)
      for (let oy = 0; oy < height; oy++)
        for (let ox = 0; ox < width; ox++) sum += gy.data[offsetOf(gy.shape, [n, k, oy, ox])];
    return sum;
  });
}

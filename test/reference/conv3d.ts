import { fill, type NdArray, ndarray, offsetOf } from './ndarray';

/** Convolution over volumes from its definition: seven loops and the taps, in float64. */

type Triple = readonly [number, number, number];

export interface Conv3dOptions {
  readonly stride?: number | Triple;
  readonly padding?:
    | number
    | Triple
    | { front: number; back: number; top: number; bottom: number; left: number; right: number }
    | 'same'
    | 'valid';
  readonly dilation?: number | Triple;
  readonly groups?: number;
}

const triple = (value: number | Triple): Triple => (typeof value === 'number' ? [value, value, value] : value);

/** Padding before and after each axis. */
function sides(
  input: readonly number[],
  kernel: readonly number[],
  stride: Triple,
  dilation: Triple,
  padding: Conv3dOptions['padding'] = 0,
): (readonly [number, number])[] {
  if (padding === 'same') {
    return [0, 1, 2].map((i) => {
      const reach = (kernel[i] - 1) * dilation[i] + 1;
      const total = Math.max((Math.ceil(input[i] / stride[i]) - 1) * stride[i] + reach - input[i], 0);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
  }
  if (typeof padding === 'object' && 'front' in padding) {
    const { front, back, top, bottom, left, right } = padding;
    return [
      [front, back],
      [top, bottom],
      [left, right],
    ];
  }
  return triple(padding === 'valid' ? 0 : padding).map((both) => [both, both]);
}

export function conv3dOutputShape(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options: Conv3dOptions = {},
): number[] {
  const [stride, dilation] = [triple(options.stride ?? 1), triple(options.dilation ?? 1)];
  const [input, kernel] = [inputShape.slice(2), weightShape.slice(2)];
  const padding = sides(input, kernel, stride, dilation, options.padding);
  const output = [0, 1, 2].map(
    (i) => Math.floor((input[i] + padding[i][0] + padding[i][1] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1,
  );
  return [inputShape[0], weightShape[0], ...output];
}

/**
 * Calls `visit(output, weight, input)` with the flat offsets of every product x[n,c,iz,iy,ix] * w[k,c',t,r,s] that enters
 * y[n,k,oz,oy,ox]; the input's offset is -1 where the tap lies in the padding.
 */
function forEachProduct(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options: Conv3dOptions,
  visit: (output: number, weight: number, input: number) => void,
): readonly number[] {
  const [stride, dilation] = [triple(options.stride ?? 1), triple(options.dilation ?? 1)];
  const [front, top, left] = sides(inputShape.slice(2), weightShape.slice(2), stride, dilation, options.padding).map(
    ([before]) => before,
  );
  const outputShape = conv3dOutputShape(inputShape, weightShape, options);
  const [N, K, OD, OH, OW] = outputShape;
  const [, C, D, H, W] = inputShape;
  const [, channels, T, R, S] = weightShape;
  const filtersPerGroup = K / (options.groups ?? 1);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++)
      for (let oz = 0; oz < OD; oz++)
        for (let oy = 0; oy < OH; oy++)
          for (let ox = 0; ox < OW; ox++) {
            const output = (((n * K + k) * OD + oz) * OH + oy) * OW + ox;
            for (let c = 0; c < channels; c++)
              for (let t = 0; t < T; t++)
                for (let r = 0; r < R; r++)
                  for (let s = 0; s < S; s++) {
                    const iz = oz * stride[0] - front + t * dilation[0];
                    const iy = oy * stride[1] - top + r * dilation[1];
                    const ix = ox * stride[2] - left + s * dilation[2];
                    const inside = iz >= 0 && iz < D && iy >= 0 && iy < H && ix >= 0 && ix < W;
                    const channel = Math.floor(k / filtersPerGroup) * channels + c;
                    const weight = (((k * channels + c) * T + t) * R + r) * S + s;
                    visit(output, weight, inside ? (((n * C + channel) * D + iz) * H + iy) * W + ix : -1);
                  }
          }
  return outputShape;
}

/** y = bias + the sum of all products; padding is 0 * w. */
export function conv3d(x: NdArray, weight: NdArray, options: Conv3dOptions = {}, bias?: NdArray): NdArray {
  const y = fill(conv3dOutputShape(x.shape, weight.shape, options), ([, k]) => bias?.data[k] ?? 0);
  forEachProduct(x.shape, weight.shape, options, (o, w, i) => {
    y.data[o] += (i < 0 ? 0 : x.data[i]) * weight.data[w];
  });
  return y;
}

export function conv3dInput(
  inputShape: readonly number[],
  weight: NdArray,
  gradOutput: NdArray,
  options: Conv3dOptions = {},
): NdArray {
  const gx = ndarray(inputShape);
  forEachProduct(inputShape, weight.shape, options, (o, w, i) => {
    if (i >= 0) gx.data[i] += gradOutput.data[o] * weight.data[w];
  });
  return gx;
}

export function conv3dWeight(
  x: NdArray,
  weightShape: readonly number[],
  gradOutput: NdArray,
  options: Conv3dOptions = {},
): NdArray {
  const gw = ndarray(weightShape);
  forEachProduct(x.shape, weightShape, options, (o, w, i) => {
    if (i >= 0) gw.data[w] += gradOutput.data[o] * x.data[i];
  });
  return gw;
}

export function conv3dBias(gradOutput: NdArray): NdArray {
  const [N, K, OD, OH, OW] = gradOutput.shape;
  return fill([K], ([k]) => {
    let sum = 0;
    for (let n = 0; n < N; n++)
      for (let oz = 0; oz < OD; oz++)
        for (let oy = 0; oy < OH; oy++)
          for (let ox = 0; ox < OW; ox++) sum += gradOutput.data[offsetOf(gradOutput.shape, [n, k, oz, oy, ox])];
    return sum;
  });
}

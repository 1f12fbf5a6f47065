// References along one axis: those of two, on planes that are 1 high.
import * as conv from './conv2d';
import { type NdArray, reshape } from './ndarray';
import * as pool from './pool';

export interface WindowOptions1d {
  readonly stride?: number;
  readonly padding?: number | readonly [number, number] | 'same' | 'valid';
  readonly dilation?: number;
  readonly ceilMode?: boolean;
  readonly layout?: 'NCW' | 'NWC';
}

export interface Conv1dOptions extends WindowOptions1d {
  readonly groups?: number;
}

export interface Pool1dOptions extends WindowOptions1d {
  readonly kernelSize: number;
  readonly countIncludePad?: boolean;
}

function window({ stride, padding = 0, dilation = 1, layout = 'NCW', ...rest }: WindowOptions1d & { groups?: number }) {
  const [left, right] =
    typeof padding === 'number' ? [padding, padding] : typeof padding === 'string' ? [0, 0] : padding;
  return {
    ...rest,
    ...(stride === undefined ? {} : { stride: [1, stride] as const }),
    padding: typeof padding === 'string' ? padding : { top: 0, bottom: 0, left, right },
    dilation: [1, dilation] as const,
    layout: layout === 'NWC' ? ('NHWC' as const) : ('NCHW' as const),
  };
}

const pooling = ({ kernelSize, countIncludePad, ...rest }: Pool1dOptions) => ({
  ...window(rest),
  kernelSize: [1, kernelSize] as const,
  ...(countIncludePad === undefined ? {} : { countIncludePad }),
});

/** A shape with the height put in: before the last axis, or with channels last before the width. */
const tall = (shape: readonly number[], layout?: string): number[] =>
  layout === 'NWC' ? [shape[0], 1, shape[1], shape[2]] : [shape[0], shape[1], 1, shape[2]];
const plane = (x: NdArray, layout?: string): NdArray => reshape(x, tall(x.shape, layout));
const flat = (x: NdArray, layout?: string): NdArray => {
  const [a, b, c, d] = x.shape;
  return reshape(x, layout === 'NWC' ? [a, c, d] : [a, b, d]);
};

export function conv1d(x: NdArray, w: NdArray, options: Conv1dOptions, bias: NdArray | null = null): NdArray {
  const { layout } = options;
  return flat(conv.conv2d(plane(x, layout), plane(w), window(options), bias), layout);
}

export function conv1dInput(shape: readonly number[], w: NdArray, g: NdArray, options: Conv1dOptions): NdArray {
  const { layout } = options;
  return flat(conv.conv2dInput(tall(shape, layout), plane(w), plane(g, layout), window(options)), layout);
}

export function conv1dWeight(x: NdArray, shape: readonly number[], g: NdArray, options: Conv1dOptions): NdArray {
  const { layout } = options;
  return flat(conv.conv2dWeight(plane(x, layout), tall(shape), plane(g, layout), window(options)));
}

export function conv1dBias(g: NdArray, options: Conv1dOptions): NdArray {
  return conv.conv2dBias(plane(g, options.layout), window(options));
}

export function maxPool1d(x: NdArray, options: Pool1dOptions): { output: NdArray; indices: NdArray } {
  const { layout } = options;
  const { output, indices } = pool.maxPool2dWithIndices(plane(x, layout), pooling(options));
  return { output: flat(output, layout), indices: flat(indices, layout) };
}

export function maxPool1dGradient(
  g: NdArray,
  indices: NdArray,
  shape: readonly number[],
  options: Pool1dOptions,
): NdArray {
  const { layout } = options;
  const [gradient, chosen] = [plane(g, layout), plane(indices, layout)];
  return flat(pool.maxPool2dGradient(gradient, chosen, tall(shape, layout), pooling(options)), layout);
}

export function avgPool1d(x: NdArray, options: Pool1dOptions): NdArray {
  const { layout } = options;
  return flat(pool.avgPool2d(plane(x, layout), pooling(options)), layout);
}

export function avgPool1dGradient(g: NdArray, shape: readonly number[], options: Pool1dOptions): NdArray {
  const { layout } = options;
  return flat(pool.avgPool2dGradient(plane(g, layout), tall(shape, layout), pooling(options)), layout);
}

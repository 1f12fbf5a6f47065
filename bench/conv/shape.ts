// A convolution as benchmarks describe it: padding alike on both sides, no dilation, NCHW.

/** `[height, width]`. */
export type Pair = readonly [number, number];

export interface ConvShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly k: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly groups: number;
}

export const directions = ['fwd', 'bwd_d', 'bwd_w'] as const;
/** Forward, gradient of the input ("data"), gradient of the weights. */
export type Direction = (typeof directions)[number];

const outputExtent = (input: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((input + 2 * padding - kernel) / stride) + 1;

/** Shapes of the three tensors: [N, C, H, W], [K, C/groups, R, S], [N, K, OH, OW]. */
export interface ConvTensors<T> {
  readonly input: T;
  readonly weight: T;
  readonly output: T;
}

export function tensorShapes({ n, c, h, w, k, kernel, stride, padding, groups }: ConvShape): ConvTensors<number[]> {
  const oh = outputExtent(h, kernel[0], stride[0], padding[0]);
  const ow = outputExtent(w, kernel[1], stride[1], padding[1]);
  return { input: [n, c, h, w], weight: [k, c / groups, ...kernel], output: [n, k, oh, ow] };
}

export const elements = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** The tensor that a direction computes; the other two are what it reads. */
export const resultOf: Readonly<Record<Direction, keyof ConvTensors<unknown>>> = {
  fwd: 'output',
  bwd_d: 'input',
  bwd_w: 'weight',
};

/** 2 N K OH OW (C/groups) R S, the same for each direction; taps in the padding count too. */
export function operations(shape: ConvShape): number {
  const { weight, output } = tensorShapes(shape);
  return 2 * elements(output) * elements(weight.slice(1));
}

/** Bytes of the three float32 tensors, each read or written once: the least that has to move. */
export function leastBytes(shape: ConvShape): number {
  return Object.values(tensorShapes(shape)).reduce(
    (bytes: number, extents: number[]) => bytes + 4 * elements(extents),
    0,
  );
}

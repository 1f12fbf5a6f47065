// The convolution algorithms: which of them can compute a problem, and which one 'auto' means.
import { deviceTable } from '../deviceTable';
import type { DType } from '../dtype';
import { algorithmNames } from '../trace';
import type { Window } from './window';

/** What is computed: the output, or the gradient by input or by weight. @internal */
export type Direction = 'forward' | 'input' | 'weight';

/** The variants of `'winograd'`: F(2x2, 3x3) and F(4x4, 3x3). */
export type WinogradVariant = 'winogradF2' | 'winogradF4';

/**
 * Algorithms of this version: `'winograd'` takes the faster of its variants, which can also be named; `'auto'`, where it
 * is allowed, chooses by target and problem.
 */
export type ConvAlgorithmName = 'implicit' | 'im2col' | 'direct' | 'winograd';

/** Names that this version knows and does not have: an UnsupportedError, not a misspelling. */
export const plannedAlgorithms = ['cudnn'] as const;
export type PlannedAlgorithmName = (typeof plannedAlgorithms)[number];

/** An algorithm as the addon numbers them. @internal */
export type Kernel = (typeof algorithmNames)[number]['kernel'];

/** What decides about algorithms; of the batch only that it does not matter. @internal */
export interface ConvProblem {
  readonly direction: Direction;
  readonly dtype: DType;
  readonly device: number;
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly nhwc: boolean;
  readonly window: Window;
}

const kernels: readonly Kernel[] = algorithmNames.map(({ kernel }) => kernel);

/** The number of a kernel at the boundary. @internal */
export function kernelNumber(kernel: Kernel): number {
  return kernels.indexOf(kernel);
}

const pairText = (pair: { h: number; w: number }): string => `${pair.h}x${pair.w}`;

function declineWinograd({ direction, nhwc, window: { h, w } }: ConvProblem): string | null {
  if (direction === 'weight') return 'it does not compute gradients by weight';
  if (h.kernel !== 3 || w.kernel !== 3) {
    return `it needs a 3x3 kernel, given ${pairText({ h: h.kernel, w: w.kernel })}`;
  }
  if (h.stride !== 1 || w.stride !== 1) return `it needs stride 1, given ${pairText({ h: h.stride, w: w.stride })}`;
  if (h.dilation !== 1 || w.dilation !== 1) {
    return `it needs dilation 1, given ${pairText({ h: h.dilation, w: w.dilation })}`;
  }
  return nhwc ? "it needs layout 'NCHW'" : null;
}

function declineDirect({ channels, groups, nhwc }: ConvProblem): string | null {
  if (channels !== groups) return `it needs one channel per group (depthwise), given ${channels / groups}`;
  return nhwc ? "it needs layout 'NCHW'" : null;
}

/** Why a kernel cannot compute the problem; null if it can. @internal */
export function declines(kernel: Kernel, problem: ConvProblem): string | null {
  if (kernel === 'winogradF2' || kernel === 'winogradF4') return declineWinograd(problem);
  return kernel === 'direct' ? declineDirect(problem) : null;
}

/** Shape of the micro-kernel: lanes of a vector of float32, rows of a tile. */
const tiles: Readonly<Record<string, { readonly lanes: number; readonly rows: number }>> = {
  'x86-64-v4': { lanes: 16, rows: 8 },
  'x86-64-v3': { lanes: 8, rows: 4 },
  'x86-64': { lanes: 4, rows: 4 },
  arm64: { lanes: 4, rows: 8 },
};

/** Cycles of one step of a product for `rows` rows and `columns` columns: two multiply-adds of vectors per cycle. */
function stepCycles(rows: number, columns: number, tile: { lanes: number; rows: number }): number {
  const vectors = Math.ceil(columns / tile.lanes);
  const rest = vectors % 3;
  // A panel of one vector loads as much as it multiplies.
  const perRow = (vectors - rest) * 0.5 + (rest === 1 ? 0.58 : rest * 0.5);
  return Math.ceil(rows / tile.rows) * tile.rows * perRow;
}

/** Cycles to bring one vector of the other operand into a panel. */
const packCycles = 5;
/** Cycles to transform a vector of input tiles, and one of output tiles. */
const transformCycles = { winogradF2: { input: 70, output: 60 }, winogradF4: { input: 190, output: 160 } } as const;
/** Cycles in which filters come from beyond the second cache: from the last one, or from memory what is too large for it. */
const streamCycles = (bytes: number): number => bytes / (bytes > 24 * 2 ** 20 ? 3 : 8);

/** Channels and filters of a group from which on 'auto' considers winograd: with fewer the transforms are most of it. */
const leastForWinograd = 16;

/** Cycles for one image, as the measurements in native/README.md have them; only their order matters. */
function estimate(kernel: 'implicit' | WinogradVariant, problem: ConvProblem): number {
  const { direction, channels, filters, groups, window } = problem;
  const tile = tiles[deviceTable()[problem.device].target] ?? tiles['x86-64'];
  const back = direction === 'input';
  const rows = (back ? channels : filters) / groups;
  const sums = (back ? filters : channels) / groups;
  const [height, width] = back ? [window.h.input, window.w.input] : [window.h.output, window.w.output];
  if (kernel === 'implicit') {
    const steps = sums * window.h.kernel * window.w.kernel;
    const pixels = height * width;
    const packing = (steps * pixels * packCycles) / tile.lanes;
    return groups * (steps * stepCycles(rows, pixels, tile) + packing + streamCycles(rows * steps * 4));
  }
  const size = kernel === 'winogradF2' ? 2 : 4;
  const points = (size + 2) ** 2;
  const count = Math.ceil(height / size) * Math.ceil(width / size);
  const { input, output } = transformCycles[kernel];
  const transforms = Math.ceil(count / tile.lanes) * (sums * input + rows * output);
  const filterBytes = points * rows * sums * 4;
  return groups * (points * sums * stepCycles(rows, count, tile) + transforms + streamCycles(filterBytes));
}

/** The faster variant of winograd, whether or not it can compute the problem. @internal */
export function winogradVariant(problem: ConvProblem): WinogradVariant {
  return estimate('winogradF4', problem) < estimate('winogradF2', problem) ? 'winogradF4' : 'winogradF2';
}

/**
 * What 'auto' means: the fastest of the algorithms that can compute the problem, by an estimate. Winograd only in
 * float32, since float64 is for results that are as exact as can be; its error is below 5e-5 of the output's scale
 * (native/README.md).
 *
 * @internal
 */
export function automatic(problem: ConvProblem): Kernel {
  if (declines('direct', problem) === null) return 'direct';
  if (problem.dtype !== 'float32' || declineWinograd(problem) !== null) return 'implicit';
  const variant = winogradVariant(problem);
  if (Math.min(problem.channels, problem.filters) / problem.groups < leastForWinograd) return 'implicit';
  return estimate(variant, problem) < estimate('implicit', problem) ? variant : 'implicit';
}

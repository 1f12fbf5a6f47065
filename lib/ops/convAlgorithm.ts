// The convolution algorithms: which of them can compute a problem, and which one 'auto' means.
import { deviceTable } from '../deviceTable';
import type { DType } from '../dtype';
import { algorithmNames } from '../trace';
import type { Window } from './window';

/** @internal */
export const directions = ['forward', 'input', 'weight'] as const;

/** What is computed: the output, or the gradient by input or by weight. @internal */
export type Direction = (typeof directions)[number];

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

/** Whether a device is a GPU, whose backend has algorithms and speeds of its own. */
const onGpu = ({ device }: ConvProblem): boolean => deviceTable()[device].kind === 'cuda';

function declineWinograd({ nhwc, window: { h, w } }: ConvProblem): string | null {
  if (h.kernel !== 3 || w.kernel !== 3) {
    return `it needs a 3x3 kernel, given ${pairText({ h: h.kernel, w: w.kernel })}`;
  }
  if (h.stride !== 1 || w.stride !== 1) return `it needs stride 1, given ${pairText({ h: h.stride, w: w.stride })}`;
  if (h.dilation !== 1 || w.dilation !== 1) {
    return `it needs dilation 1, given ${pairText({ h: h.dilation, w: w.dilation })}`;
  }
  return nhwc ? "it needs layout 'NCHW'" : null;
}

/** Channels of a group, and rows and columns from a window's first tap to its last, that `direct` is made for. */
const directLimits = { channels: 8, reach: 128 } as const;

function declineDirect({ channels, groups, nhwc, window: { h, w } }: ConvProblem): string | null {
  const perGroup = channels / groups;
  if (perGroup > directLimits.channels) {
    return `it needs at most ${directLimits.channels} channels per group, given ${perGroup}`;
  }
  const high = (h.kernel - 1) * h.dilation + 1;
  const wide = (w.kernel - 1) * w.dilation + 1;
  if (Math.max(high, wide) > directLimits.reach) {
    const most = `${directLimits.reach}x${directLimits.reach}`;
    return `it needs windows of at most ${most}, given ${pairText({ h: high, w: wide })} with dilation`;
  }
  if (Math.max(h.stride, w.stride) > directLimits.reach) {
    return `it needs strides of at most ${directLimits.reach}, given ${pairText({ h: h.stride, w: w.stride })}`;
  }
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

/**
 * Cycles to bring one vector of the other operand into a panel, from windows or from a matrix as it lies in memory; and one element,
 * where windows are more than two columns apart.
 */
const packCycles = { windows: 5, matrix: 3, element: 3 } as const;
/** Cycles that a product takes however small it is: per group (by weight, more is prepared), phase, and panel of columns. */
const fixedCycles = { group: 250, weight: 700, phase: 300, panel: 100 } as const;
/**
 * Cycles to transform a vector of input tiles and one of output tiles; by weight, one of tiles of the input, one of the
 * gradient's, and one of sums into taps.
 */
const transformCycles = {
  winogradF2: { input: 70, output: 60, weight: { input: 170, gradient: 170, sums: 150 } },
  winogradF4: { input: 190, output: 160, weight: { input: 350, gradient: 290, sums: 250 } },
} as const;
/** To read and write the results of a product over tiles takes as long as so many steps of it. */
const stepsOfResult = 6;
/** Cycles in which filters come from beyond the second cache: from the last one, or from memory what is too large for it. */
const streamCycles = (bytes: number): number => bytes / (bytes > 24 * 2 ** 20 ? 3 : 8);

/** Channels and filters of a group from which on 'auto' considers winograd: with fewer the transforms are most of it. */
const leastForWinograd = 16;

/** Cycles to write one vector of results. */
const storeCycles = 3;

/** What is computed, as rows of results that sum over planes of an operand. */
function sizes({ direction, channels, filters, groups, window: { h, w } }: ConvProblem) {
  const back = direction === 'input';
  return {
    rows: (back ? channels : filters) / groups,
    sums: (back ? filters : channels) / groups,
    taps: h.kernel * w.kernel,
    // By input, with strides, all phases of pixels together take as many products as one does over all taps.
    height: back ? Math.ceil(h.input / h.stride) : h.output,
    width: back ? Math.ceil(w.input / w.stride) : w.output,
    phases: back ? h.stride * w.stride : 1,
  };
}

type Sizes = ReturnType<typeof sizes>;
type Tile = (typeof tiles)[string];

function implicitCycles(problem: ConvProblem, of: Sizes, tile: Tile): number {
  const { rows, sums, taps, height, width, phases } = of;
  const pixels = height * width;
  const steps = sums * taps;
  const scattered = problem.direction === 'forward' && problem.window.w.stride > 2;
  const windows = scattered ? packCycles.element * tile.lanes : packCycles.windows;
  const perVector = taps === 1 && phases === 1 && !scattered ? packCycles.matrix : windows;
  const packing = (steps * pixels * perVector) / tile.lanes;
  if (problem.direction === 'weight') {
    const gradients = (rows * pixels * packCycles.matrix) / tile.lanes;
    return pixels * stepCycles(rows, steps, tile) + packing + gradients + fixedCycles.weight;
  }
  const stores = rows * phases * Math.ceil(pixels / tile.lanes) * storeCycles;
  const panels = phases * Math.ceil(pixels / (3 * tile.lanes));
  const fixed = fixedCycles.group + (phases - 1) * fixedCycles.phase + panels * fixedCycles.panel;
  return steps * stepCycles(rows, pixels, tile) + packing + stores + fixed + streamCycles(rows * steps * 4);
}

function winogradCycles(variant: WinogradVariant, direction: Direction, of: Sizes, tile: Tile): number {
  const { rows, sums, height, width } = of;
  const size = variant === 'winogradF2' ? 2 : 4;
  const points = (size + 2) ** 2;
  const count = Math.ceil(height / size) * Math.ceil(width / size);
  const { input, output, weight } = transformCycles[variant];
  if (direction === 'weight') {
    const vectors = (channels: number): number => Math.ceil(channels / tile.lanes);
    const transforms = count * (vectors(sums) * weight.input + vectors(rows) * weight.gradient);
    const steps = points * (count + stepsOfResult);
    return steps * stepCycles(rows, sums, tile) + transforms + rows * vectors(sums) * weight.sums;
  }
  const transforms = Math.ceil(count / tile.lanes) * (sums * input + rows * output);
  return points * sums * stepCycles(rows, count, tile) + transforms + streamCycles(points * rows * sums * 4);
}

/** Each product reads a vector, unless some planes or rows of results share it. */
function directCycles({ direction, window }: ConvProblem, of: Sizes, tile: Tile): number {
  const { rows, sums, taps, height, width, phases } = of;
  const dense = taps === 9 && window.h.stride === 1 && window.w.stride === 1;
  const vectors = height * Math.ceil(width / tile.lanes);
  const lines = sums * window.h.input * (8 + 2 * Math.ceil(window.w.input / tile.lanes));
  if (direction === 'weight') {
    const inBlocks = Math.ceil((sums * taps) / 9) * 9;
    return rows * inBlocks * vectors * (dense ? 0.92 : 1.1) + Math.ceil(rows / 8) * lines;
  }
  const shared = phases > 1 || rows < 4 ? (dense && sums === 1 ? 0.75 : 1.1) : rows < 8 ? 0.65 : 0.57;
  return rows * sums * taps * vectors * shared + lines + rows * phases * vectors * storeCycles;
}

type Estimated = 'implicit' | 'direct' | WinogradVariant;

/**
 * Kernels by their cycles for one image and group, the fewest first; they are as the measurements in native/README.md have them,
 * and only their order matters.
 */
function fastestFirst<K extends Estimated>(problem: ConvProblem, among: readonly K[]): readonly K[] {
  if (among.length === 1) return among;
  const of = sizes(problem);
  const tile = tiles[deviceTable()[problem.device].target] ?? tiles['x86-64'];
  const cycles = (kernel: Estimated): number => {
    if (kernel === 'implicit') return implicitCycles(problem, of, tile);
    return kernel === 'direct' ? directCycles(problem, of, tile) : winogradCycles(kernel, problem.direction, of, tile);
  };
  const order = [...among];
  const costs = order.map(cycles);
  for (let i = 1; i < order.length; i++) {
    for (let k = i; k > 0 && costs[k] < costs[k - 1]; k--) {
      [costs[k - 1], costs[k]] = [costs[k], costs[k - 1]];
      [order[k - 1], order[k]] = [order[k], order[k - 1]];
    }
  }
  return order;
}

const winogradVariants = ['winogradF2', 'winogradF4'] as const;

/**
 * The faster variant of winograd, whether or not it can compute the problem; on GPUs, which nothing was measured on, the one that
 * is faster on a CPU of narrow vectors.
 *
 * @internal
 */
export function winogradVariant(problem: ConvProblem): WinogradVariant {
  return fastestFirst(problem, winogradVariants)[0];
}

const gpuDirect = ['direct', 'implicit'] as const;
const gpuImplicit = ['implicit'] as const;

/**
 * The algorithms that can compute the problem and that nothing speaks against, by an estimate of their time: the first one
 * is what 'auto' means. Winograd only in float32, since float64 is for results that are as exact as can be; its error is below
 * 5e-5 of the output's scale (native/README.md). Not im2col, which computes what implicit does in more memory. On GPUs not winograd
 * either: there is no measurement on hardware to choose it by.
 *
 * @internal
 */
export function byEstimate(problem: ConvProblem): readonly Kernel[] {
  // Groups of few channels leave most of a GPU's tiles empty.
  if (onGpu(problem)) return problem.groups > 1 && declineDirect(problem) === null ? gpuDirect : gpuImplicit;
  const candidates: Estimated[] = ['implicit'];
  if (declineDirect(problem) === null) candidates.push('direct');
  const leastChannels = Math.min(problem.channels, problem.filters) / problem.groups;
  if (problem.dtype === 'float32' && leastChannels >= leastForWinograd && declineWinograd(problem) === null) {
    candidates.push(...winogradVariants);
  }
  return fastestFirst(problem, candidates);
}

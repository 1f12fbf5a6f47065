import { expectBoolean, expectInteger, expectPair, type Pair } from '../check';
import { ArgumentError, ShapeError } from '../errors';
import { describe } from '../text';
import { expectSteps, type Form, maxWindowNumber, twoAxes } from './spatial';

/** A vertical and a horizontal number, or one number for both. */
export type PairOption = number | readonly [height: number, width: number];

/**
 * Padding of a window op: one number for all four sides, `[vertical, horizontal]`, each side by name, `'same'` (the
 * output has `ceil(in / stride)` rows; of an odd total the extra row or column is at the bottom or right), or `'valid'`
 * (none).
 */
export type Padding =
  | PairOption
  | { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number }
  | 'same'
  | 'valid';

/** Padding along one axis: on both sides, `[before, after]`, or as in `Padding`. */
export type Padding1d = number | readonly [before: number, after: number] | 'same' | 'valid';

/** Options that every op with a sliding window has. */
export interface WindowOptions {
  /** Distance between neighbouring windows. */
  readonly stride?: PairOption;
  /** Rows and columns of zeros (convolution) or of nothing (pooling) around the input. Default 0. */
  readonly padding?: Padding;
  /** Distance between neighbouring taps of a window. Default 1. */
  readonly dilation?: PairOption;
}

/** The same for windows along one axis. */
export interface WindowOptions1d {
  /** Distance between neighbouring windows. */
  readonly stride?: number;
  /** Zeros (convolution) or nothing (pooling) around the input. Default 0. */
  readonly padding?: Padding1d;
  /** Distance between neighbouring taps of a window. Default 1. */
  readonly dilation?: number;
}

/** The options of either, before they are checked. @internal */
export type WindowArguments = Readonly<Partial<Record<'stride' | 'padding' | 'dilation' | 'ceilMode', unknown>>>;

/** One axis of a window op: tap k of output o reads input `o * stride - before + k * dilation`. @internal */
export interface AxisWindow {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first element and after the last one. */
  readonly before: number;
  readonly after: number;
}

/** @internal */
export interface Window {
  readonly h: AxisWindow;
  readonly w: AxisWindow;
}

interface Sides {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

const noPadding: Sides = { top: 0, bottom: 0, left: 0, right: 0 };
const sideNames = ['top', 'bottom', 'left', 'right'] as const;

/** Padding along one axis, which is the width. */
function parsePadding1d(op: string, value: unknown): Sides {
  const side = (name: string, given: unknown): number => expectInteger(op, name, given, 0, maxWindowNumber);
  if (typeof value === 'number') {
    const both = side('padding', value);
    return { ...noPadding, left: both, right: both };
  }
  if (Array.isArray(value) && value.length === 2) {
    return { ...noPadding, left: side('padding[0]', value[0]), right: side('padding[1]', value[1]) };
  }
  throw new ArgumentError(
    `${op}: padding must be a number, [before, after], 'same' or 'valid', given ${describe(value)}`,
  );
}

function parsePadding(op: string, value: unknown, form = twoAxes): Sides | 'same' {
  if (value === undefined || value === 'valid') return noPadding;
  if (value === 'same') return 'same';
  if (form.axes === 1) return parsePadding1d(op, value);
  if (typeof value === 'number' || Array.isArray(value)) {
    const { h, w } = expectPair(op, 'padding', value, 0, maxWindowNumber);
    return { top: h, bottom: h, left: w, right: w };
  }
  if (typeof value !== 'object' || value === null) {
    throw new ArgumentError(
      `${op}: padding must be a number, [vertical, horizontal], { top, bottom, left, right }, 'same' or 'valid', ` +
        `given ${describe(value)}`,
    );
  }
  const sides = value as Record<string, unknown>;
  for (const name of Object.keys(sides)) {
    if (!(sideNames as readonly string[]).includes(name)) {
      throw new ArgumentError(`${op}: padding has an unknown side '${name}', known are top, bottom, left, right`);
    }
  }
  return {
    top: expectInteger(op, 'padding.top', sides.top, 0, maxWindowNumber),
    bottom: expectInteger(op, 'padding.bottom', sides.bottom, 0, maxWindowNumber),
    left: expectInteger(op, 'padding.left', sides.left, 0, maxWindowNumber),
    right: expectInteger(op, 'padding.right', sides.right, 0, maxWindowNumber),
  };
}

/** What the message of a failed window shows beside the formula, for example `input [1, 3, 5, 5]`. @internal */
export type Context = () => string;

/**
 * The one formula of window geometry: output = floor((in + before + after - dilation*(kernel - 1) - 1) / stride) + 1.
 * Input and kernel are positive and int32.
 *
 * @internal
 */
export function axisWindow(
  op: string,
  name: string,
  input: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: readonly [before: number, after: number] | 'same',
  ceilMode: boolean,
  context: Context,
): AxisWindow {
  const reach = dilation * (kernel - 1) + 1;
  let before: number;
  let after: number;
  if (padding === 'same') {
    const total = Math.max((Math.ceil(input / stride) - 1) * stride + reach - input, 0);
    before = Math.floor(total / 2);
    after = total - before;
    if (after > maxWindowNumber) {
      throw new ShapeError(
        `${op}: padding 'same' needs ${total} ${name === 'depth' ? 'planes' : 'rows or columns'} of padding along the ` +
          `${name}, each side is limited to ` +
          `2^31 - 1 = ${maxWindowNumber} (${context()})`,
      );
    }
  } else {
    [before, after] = padding;
  }
  const steps = (input + before + after - reach) / stride;
  let output = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
  // PyTorch's rule: the last window starts inside the input or the leading padding.
  if (ceilMode && (output - 1) * stride >= input + before) output--;
  if (output <= 0 || output > maxWindowNumber) {
    const padded = before === after ? `2*${before}` : `${before} + ${after}`;
    const formula =
      `${ceilMode ? 'ceil' : 'floor'}((${input} + ${padded} - ${dilation}*(${kernel}-1) - 1)/${stride}) + 1 = ` +
      `${output}`;
    const rule = output <= 0 ? 'is not positive' : `exceeds 2^31 - 1 = ${maxWindowNumber}`;
    throw new ShapeError(`${op}: output ${name} ${formula} ${rule} (${context()})`);
  }
  return { input, output, kernel, stride, dilation, before, after };
}

const one: Pair = { h: 1, w: 1 };

/** A window's options, checked. @internal */
export interface WindowSettings {
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly vertical: readonly [before: number, after: number] | 'same';
  readonly horizontal: readonly [before: number, after: number] | 'same';
}

/** The window options of an op without its input. @internal */
export function windowSettings(
  op: string,
  options: WindowArguments,
  defaultStride: Pair,
  form: Form = twoAxes,
): WindowSettings {
  const stride = options.stride === undefined ? defaultStride : expectSteps(op, 'stride', options.stride, form);
  const dilation = options.dilation === undefined ? one : expectSteps(op, 'dilation', options.dilation, form);
  const padding = parsePadding(op, options.padding, form);
  const vertical = padding === 'same' ? padding : ([padding.top, padding.bottom] as const);
  const horizontal = padding === 'same' ? padding : ([padding.left, padding.right] as const);
  return { stride, dilation, vertical, horizontal };
}

/**
 * Checks the window options of an op and computes its geometry.
 *
 * @throws ArgumentError for a malformed option, ShapeError with the formula for an output size that is not positive.
 * @internal
 */
export function planWindow(
  op: string,
  input: Pair,
  kernel: Pair,
  options: WindowArguments,
  defaultStride: Pair,
  context: Context,
  form: Form = twoAxes,
): Window {
  const { stride, dilation, vertical, horizontal } = windowSettings(op, options, defaultStride, form);
  const ceilMode = options.ceilMode === undefined ? false : expectBoolean(op, 'ceilMode', options.ceilMode);
  const { h, w } = form.extents;
  return {
    h: axisWindow(op, h, input.h, kernel.h, stride.h, dilation.h, vertical, ceilMode, context),
    w: axisWindow(op, w, input.w, kernel.w, stride.w, dilation.w, horizontal, ceilMode, context),
  };
}

/**
 * The window of the convolution whose gradient by its input a transposed convolution is: its output is the transposed
 * one's input, and its input, of (output - 1)*stride - before - after + dilation*(kernel - 1) + outputPadding + 1
 * elements, the transposed one's output.
 */
function transposedAxis(
  op: string,
  name: string,
  output: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: readonly [before: number, after: number] | 'same',
  outputPadding: number,
  context: Context,
): AxisWindow {
  if (padding === 'same') {
    if (outputPadding > 0) {
      throw new ArgumentError(
        `${op}: outputPadding ${outputPadding} of the ${name} does not go with padding 'same', whose output has ` +
          'input * stride elements',
      );
    }
    return axisWindow(op, name, output * stride, kernel, stride, dilation, padding, false, context);
  }
  if (outputPadding >= stride && outputPadding >= dilation) {
    throw new ArgumentError(
      `${op}: outputPadding ${outputPadding} of the ${name} must be smaller than its stride ${stride} or its dilation ` +
        `${dilation}`,
    );
  }
  const [before, after] = padding;
  const input = (output - 1) * stride - before - after + dilation * (kernel - 1) + outputPadding + 1;
  if (input <= 0 || input > maxWindowNumber) {
    const rule = input <= 0 ? 'is not positive' : `exceeds 2^31 - 1 = ${maxWindowNumber}`;
    throw new ShapeError(
      `${op}: output ${name} (${output}-1)*${stride} - ${before} - ${after} + ${dilation}*(${kernel}-1) + ` +
        `${outputPadding} + 1 = ${input} ${rule} (${context()})`,
    );
  }
  return { input, output, kernel, stride, dilation, before, after };
}

/**
 * Checks the window options of a transposed convolution and computes the geometry of the convolution behind it.
 *
 * @throws As `planWindow`.
 * @internal
 */
export function planTransposedWindow(
  op: string,
  input: Pair,
  kernel: Pair,
  options: WindowArguments & { readonly outputPadding?: unknown },
  context: Context,
): Window {
  const { stride, dilation, vertical, horizontal } = windowSettings(op, options, one, twoAxes);
  const { outputPadding = 0 } = options;
  const { h, w } = expectPair(op, 'outputPadding', outputPadding, 0, maxWindowNumber);
  return {
    h: transposedAxis(op, 'height', input.h, kernel.h, stride.h, dilation.h, vertical, h, context),
    w: transposedAxis(op, 'width', input.w, kernel.w, stride.w, dilation.w, horizontal, w, context),
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/**
 * The first output of an axis none of whose taps falls on the input, or -1. Windows that start inside the input are
 * covered, so only those that start before it, and the last one, can fail.
 */
function uncoveredOutput({ input, output, kernel, stride, dilation, before }: AxisWindow): number {
  // The first window needs a tap at or behind the input's first element.
  if ((kernel - 1) * dilation < before) return 0;
  // Taps may step over an input that is shorter than the dilation. Where they land, modulo the dilation, repeats with a
  // period.
  if (dilation > input) {
    const leading = Math.min(output, Math.ceil(before / stride));
    const period = dilation / greatestCommonDivisor(stride, dilation);
    for (let o = 0; o < Math.min(leading, period); o++) {
      const start = o * stride - before;
      if (start + Math.ceil(-start / dilation) * dilation >= input) return o;
    }
  }
  return (output - 1) * stride - before >= input ? firstBeyond(input, stride, before) : -1;
}

const firstBeyond = (input: number, stride: number, before: number): number => Math.ceil((input + before) / stride);

/**
 * @throws ShapeError where a pooling window lies wholly in the padding: it would have no maximum and no average.
 * @internal
 */
export function checkCoverage(op: string, window: Window, context: Context, { places }: Form = twoAxes): void {
  checkAxisCoverage(op, places.h, window.h, context);
  checkAxisCoverage(op, places.w, window.w, context);
}

function checkAxisCoverage(op: string, place: string, axis: AxisWindow, context: Context): void {
  const o = uncoveredOutput(axis);
  if (o < 0) return;
  const start = o * axis.stride - axis.before;
  throw new ShapeError(
    `${op}: the window of output ${place} ${o} lies wholly in the padding: its taps ` +
      `${o}*${axis.stride} - ${axis.before} + k*${axis.dilation} for k = 0 to ${axis.kernel - 1} run from ${start} ` +
      `to ${start + (axis.kernel - 1) * axis.dilation} and none is in 0 to ${axis.input - 1} (${context()})`,
  );
}

/** The part of an op's attributes that its window decides. @internal */
export function windowAttributes({ h, w }: Window): {
  height: number;
  width: number;
  kernel: number[];
  output: number[];
  stride: number[];
  padding: number[];
  dilation: number[];
} {
  return {
    height: h.input,
    width: w.input,
    kernel: [h.kernel, w.kernel],
    output: [h.output, w.output],
    stride: [h.stride, w.stride],
    padding: [h.before, h.after, w.before, w.after],
    dilation: [h.dilation, w.dilation],
  };
}

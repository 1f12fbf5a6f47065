// Options and geometry of windows over volumes: those of window.ts, with a third axis.
import { expectInteger } from '../check';
import { ArgumentError } from '../errors';
import { describe } from '../text';
import { maxWindowNumber } from './spatial';
import { type AxisWindow, axisWindow, type Context } from './window';

/** A number for depth, height and width each, or one for all three. */
export type TripleOption = number | readonly [depth: number, height: number, width: number];

/**
 * Padding of a window op over volumes: one number for all six sides, `[depth, height, width]` with each for both sides
 * of its axis, each side by name, `'same'` (the output has `ceil(in / stride)` planes, rows and columns; of an odd total
 * the extra one is at the back, bottom or right), or `'valid'` (none).
 */
export type VolumePadding =
  | TripleOption
  | {
      readonly front: number;
      readonly back: number;
      readonly top: number;
      readonly bottom: number;
      readonly left: number;
      readonly right: number;
    }
  | 'same'
  | 'valid';

/** Options that every op with a sliding window over volumes has. */
export interface VolumeWindowOptions {
  /** Distance between neighbouring windows. */
  readonly stride?: TripleOption;
  /** Planes, rows and columns of zeros around the input. Default 0. */
  readonly padding?: VolumePadding;
  /** Distance between neighbouring taps of a window. Default 1. */
  readonly dilation?: TripleOption;
}

type Triple = readonly [depth: number, height: number, width: number];
type Both = readonly [before: number, after: number];

const names = ['depth', 'height', 'width'] as const;
const sideNames = ['front', 'back', 'top', 'bottom', 'left', 'right'] as const;

function expectTriple(op: string, name: string, value: unknown, low: number): Triple {
  if (!Array.isArray(value)) {
    if (typeof value !== 'number') {
      throw new ArgumentError(`${op}: ${name} must be an integer or [d, h, w], given ${describe(value)}`);
    }
    const all = expectInteger(op, name, value, low, maxWindowNumber);
    return [all, all, all];
  }
  if (value.length !== 3) {
    throw new ArgumentError(`${op}: ${name} must be an integer or [d, h, w], given ${describe(value)}`);
  }
  const [d, h, w] = value.map((v, i) => expectInteger(op, `${name}[${i}]`, v, low, maxWindowNumber));
  return [d, h, w];
}

function parsePadding(op: string, value: unknown): readonly [Both, Both, Both] | 'same' {
  if (value === 'same') return 'same';
  const given = value === undefined || value === 'valid' ? 0 : value;
  if (typeof given === 'number' || Array.isArray(given)) {
    const [d, h, w] = expectTriple(op, 'padding', given, 0);
    return [
      [d, d],
      [h, h],
      [w, w],
    ];
  }
  if (typeof given !== 'object' || given === null) {
    throw new ArgumentError(
      `${op}: padding must be a number, [depth, height, width], { ${sideNames.join(', ')} }, 'same' or 'valid', ` +
        `given ${describe(given)}`,
    );
  }
  const sides = given as Record<string, unknown>;
  for (const name of Object.keys(sides)) {
    if (!(sideNames as readonly string[]).includes(name)) {
      throw new ArgumentError(`${op}: padding has an unknown side '${name}', known are ${sideNames.join(', ')}`);
    }
  }
  const side = (name: (typeof sideNames)[number]): number =>
    expectInteger(op, `padding.${name}`, sides[name], 0, maxWindowNumber);
  return [
    [side('front'), side('back')],
    [side('top'), side('bottom')],
    [side('left'), side('right')],
  ];
}

/** Depth, height and width. @internal */
export type VolumeWindow = readonly [AxisWindow, AxisWindow, AxisWindow];

/**
 * Checks the window options of an op over volumes and computes its geometry.
 *
 * @param input D, H, W.
 * @param kernel T, R, S.
 * @throws ArgumentError for a malformed option, ShapeError with the formula for an output size that is not positive.
 * @internal
 */
export function planVolumeWindow(
  op: string,
  input: readonly number[],
  kernel: readonly number[],
  options: VolumeWindowOptions,
  context: Context,
): VolumeWindow {
  const stride = expectTriple(op, 'stride', options.stride ?? 1, 1);
  const dilation = expectTriple(op, 'dilation', options.dilation ?? 1, 1);
  const padding = parsePadding(op, options.padding);
  const axis = (i: 0 | 1 | 2): AxisWindow => {
    const both = padding === 'same' ? padding : padding[i];
    return axisWindow(op, names[i], input[i], kernel[i], stride[i], dilation[i], both, false, context);
  };
  return [axis(0), axis(1), axis(2)];
}

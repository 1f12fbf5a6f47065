// Activations with one or with two spatial axes, and what differs between the ops on them. The kernels know two: one axis
// is the width of planes that are 1 high.
import { expectInteger, expectOneOf, expectPair, type Pair } from '../check';
import { ShapeError } from '../errors';
import { allAxes, type Shape, shapeText } from '../shape';

/** Which axis of an activation holds the channels: `[N, C, H, W]` or `[N, H, W, C]`. */
export type Layout = 'NCHW' | 'NHWC';

/** The same for one spatial axis: `[N, C, W]` or `[N, W, C]`. */
export type Layout1d = 'NCW' | 'NWC';

/** Window numbers and the extents they apply to are int32 in the kernels. @internal */
export const maxWindowNumber = 2 ** 31 - 1;

/** How an op with one or two spatial axes names and arranges things. @internal */
export interface Form {
  readonly axes: 1 | 2;
  /** Channels first, channels last. */
  readonly layouts: readonly [string, string];
  readonly activations: readonly [string, string];
  /** The extents of a kernel, at the end of a weight's shape. */
  readonly kernel: string;
  readonly extents: { readonly h: string; readonly w: string };
  readonly places: { readonly h: string; readonly w: string };
}

/** @internal */
export const twoAxes: Form = {
  axes: 2,
  layouts: ['NCHW', 'NHWC'],
  activations: ['[N, C, H, W]', '[N, H, W, C]'],
  kernel: 'R, S',
  extents: { h: 'height', w: 'width' },
  places: { h: 'row', w: 'column' },
};

/** @internal */
export const oneAxis: Form = {
  axes: 1,
  layouts: ['NCW', 'NWC'],
  activations: ['[N, C, W]', '[N, W, C]'],
  kernel: 'R',
  extents: { h: 'height', w: 'width' },
  places: { h: 'row', w: 'element' },
};

/** True for channels last. @internal */
export function expectLayout(op: string, value: unknown, form = twoAxes): boolean {
  return value !== undefined && expectOneOf(op, 'layout', value, form.layouts) === form.layouts[1];
}

/** A window option that counts steps: a stride, a dilation or a kernel's size. @internal */
export function expectSteps(op: string, name: string, value: unknown, form = twoAxes): Pair {
  if (form.axes === 2) return expectPair(op, name, value, 1, maxWindowNumber);
  return { h: 1, w: expectInteger(op, name, value, 1, maxWindowNumber) };
}

/** A shape of `rank` extents that kernels can count, all but axis `mayBeEmpty` positive. @internal */
export function expectExtents(
  op: string,
  name: string,
  shape: Shape,
  rank: number,
  form: string,
  mayBeEmpty: number,
): void {
  if (shape.length !== rank) {
    throw new ShapeError(`${op}: ${name} must have rank ${rank} ${form}, given shape ${shapeText(shape)}`);
  }
  for (let axis = 0; axis < rank; axis++) {
    const extent = shape[axis];
    if (extent === 0 && axis !== mayBeEmpty) {
      throw new ShapeError(`${op}: ${name} ${shapeText(shape)} must have positive extents ${form}, axis ${axis} is 0`);
    }
    if (extent > maxWindowNumber) {
      throw new ShapeError(
        `${op}: ${name} ${shapeText(shape)} has extent ${extent} on axis ${axis}, at most 2^31 - 1 = ` +
          `${maxWindowNumber} is supported`,
      );
    }
  }
}

/** Checks that a shape is one of activations, with positive extents but for N. @internal */
export function expectActivations(op: string, name: string, shape: Shape, nhwc: boolean, form = twoAxes): void {
  expectExtents(op, name, shape, form.axes + 2, form.activations[nhwc ? 1 : 0], 0);
}

/** The extents of activations by name. @internal */
export interface Activations {
  readonly nhwc: boolean;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** @internal */
export function activationsOf(shape: Shape, nhwc: boolean): Activations {
  const channels = nhwc ? shape[shape.length - 1] : shape[1];
  const first = nhwc ? 1 : 2;
  const height = shape.length === 3 ? 1 : shape[first];
  const width = shape.length === 3 ? shape[first] : shape[first + 1];
  return { nhwc, batch: shape[0], channels, height, width };
}

/** The shape of activations with these extents. @internal */
export function activationShape({ nhwc, batch, channels, height, width }: Activations, form: Form): number[] {
  if (form.axes === 1) return nhwc ? [batch, width, channels] : [batch, channels, width];
  return nhwc ? [batch, height, width, channels] : [batch, channels, height, width];
}

/** All axes of activations but the one of the channels. @internal */
export function pixelAxes(rank: number, nhwc: boolean): number[] {
  return allAxes(rank).filter((axis) => axis !== (nhwc ? rank - 1 : 1));
}

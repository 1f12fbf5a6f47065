import type { Shape } from '../shape';

/**
 * An iteration space as kernels walk it: no axis of extent 1, neighbouring axes merged where every operand allows.
 *
 * @internal
 */
export interface Collapsed {
  /** Extents, outermost first; never empty. */
  readonly dims: readonly number[];
  /** Strides in elements of each operand, 0 where it repeats. */
  readonly strides: readonly (readonly number[])[];
}

/**
 * Strides of a contiguous operand of `shape`, whose elements are blocks of `unit` numbers, when it is walked as `out`,
 * which it broadcasts to.
 *
 * @internal
 */
export function broadcastStrides(shape: Shape, out: Shape, unit = 1): number[] {
  const strides = new Array<number>(out.length).fill(0);
  let stride = unit;
  for (let fromEnd = 1; fromEnd <= shape.length; fromEnd++) {
    const extent = shape[shape.length - fromEnd];
    if (extent !== 1) strides[out.length - fromEnd] = stride;
    stride *= extent;
  }
  return strides;
}

/**
 * Merges axes: axis i joins axis i + 1 when, for every operand, a step of axis i is as long as all of axis i + 1. So
 * equal shapes become one axis, and most broadcasts two or three.
 *
 * @internal
 */
export function collapse(out: Shape, operandStrides: readonly (readonly number[])[]): Collapsed {
  const dims: number[] = [];
  const strides: number[][] = operandStrides.map(() => []);
  for (let axis = 0; axis < out.length; axis++) {
    const extent = out[axis];
    if (extent === 1) continue;
    const last = dims.length - 1;
    if (last >= 0 && operandStrides.every((s, i) => strides[i][last] === s[axis] * extent)) {
      dims[last] *= extent;
      for (let i = 0; i < strides.length; i++) strides[i][last] = operandStrides[i][axis];
    } else {
      dims.push(extent);
      for (let i = 0; i < strides.length; i++) strides[i].push(operandStrides[i][axis]);
    }
  }
  if (dims.length === 0) {
    dims.push(1);
    for (const s of strides) s.push(0);
  }
  return { dims, strides };
}

/** The iteration space of an op over contiguous operands that all broadcast to `out`. @internal */
export function collapseBroadcast(out: Shape, operands: readonly Shape[]): Collapsed {
  return collapse(
    out,
    operands.map((shape) => broadcastStrides(shape, out)),
  );
}

/** The axes of `out` along which an operand of `shape` was repeated; a gradient is summed over them. @internal */
export function repeatedAxes(shape: Shape, out: Shape): number[] {
  const axes: number[] = [];
  const lead = out.length - shape.length;
  for (let axis = 0; axis < out.length; axis++) {
    if (axis < lead || (shape[axis - lead] === 1 && out[axis] !== 1)) axes.push(axis);
  }
  return axes;
}

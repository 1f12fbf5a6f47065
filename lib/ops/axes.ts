import { type Shape, sizeOf } from '../shape';

/** A tensor seen as [outer, n, inner], of which the middle axis is reduced (or normalised, or joined). @internal */
export type Line = {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
};

/** `shape` seen along one of its axes. @internal */
export function lineAlong(shape: Shape, axis: number): Line {
  let outer = 1;
  let inner = 1;
  for (let i = 0; i < axis; i++) outer *= shape[i];
  for (let i = axis + 1; i < shape.length; i++) inner *= shape[i];
  return { outer, n: shape[axis], inner };
}

/**
 * A reduction over any axes as a sequence of reductions of one axis each: neighbouring reduced axes count as one, and
 * so do reduced axes with nothing but extents of 1 between them. The innermost comes first, because it reads contiguous
 * memory. Where nothing is reduced, one step maps each element to itself.
 *
 * @param axes sorted, counted from the front
 * @internal
 */
export function reductionSteps(shape: Shape, axes: readonly number[]): Line[] {
  // Runs of axes of one kind, outermost first.
  const runs: { reduced: boolean; extent: number }[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    const reduced = axes.includes(axis);
    if (shape[axis] === 1) continue;
    const last = runs[runs.length - 1];
    if (last !== undefined && last.reduced === reduced) last.extent *= shape[axis];
    else runs.push({ reduced, extent: shape[axis] });
  }
  const steps: Line[] = [];
  let inner = 1;
  for (let i = runs.length - 1; i >= 0; i--) {
    if (!runs[i].reduced) {
      inner *= runs[i].extent;
      continue;
    }
    let outer = 1;
    for (let j = 0; j < i; j++) outer *= runs[j].extent;
    steps.push({ outer, n: runs[i].extent, inner });
  }
  if (steps.length === 0) steps.push({ outer: sizeOf(shape), n: 1, inner: 1 });
  return steps;
}

/** Number of elements that go into one result. @internal */
export function reducedCount(shape: Shape, axes: readonly number[]): number {
  let count = 1;
  for (const axis of axes) count *= shape[axis];
  return count;
}

/** Shape of a reduction's result. @internal */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  const result: number[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    if (!axes.includes(axis)) result.push(shape[axis]);
    else if (keepDims) result.push(1);
  }
  return result;
}

import { at, fill, type NdArray } from './ndarray';

/** Joins arrays along an axis. */
export function concat(inputs: readonly NdArray[], axis: number): NdArray {
  const rank = inputs[0].shape.length;
  const along = axis < 0 ? axis + rank : axis;
  const extent = inputs.reduce((sum, input) => sum + input.shape[along], 0);
  return fill(inputs[0].shape.with(along, extent), (index) => {
    let position = index[along];
    let source = 0;
    while (position >= inputs[source].shape[along]) position -= inputs[source++].shape[along];
    return at(inputs[source], ...index.with(along, position));
  });
}

/** Joins arrays of one shape along a new axis. */
export function stack(inputs: readonly NdArray[], axis: number): NdArray {
  const rank = inputs[0].shape.length + 1;
  const along = axis < 0 ? axis + rank : axis;
  return fill(inputs[0].shape.toSpliced(along, 0, inputs.length), (index) =>
    at(inputs[index[along]], ...index.toSpliced(along, 1)),
  );
}

/** Elements from `begin` up to `end`, per axis. */
export function slice(x: NdArray, begin: readonly number[], end: readonly number[]): NdArray {
  return fill(
    x.shape.map((_, axis) => end[axis] - begin[axis]),
    (index) => at(x, ...index.map((i, axis) => i + begin[axis])),
  );
}

/** The adjoint of `slice`: g in its place within zeros. */
export function sliceGradient(g: NdArray, inputShape: readonly number[], begin: readonly number[]): NdArray {
  return pad(
    g,
    inputShape.map((extent, axis) => [begin[axis], extent - begin[axis] - g.shape[axis]]),
  );
}

export function split(x: NdArray, sizes: readonly number[], axis: number): NdArray[] {
  const along = axis < 0 ? axis + x.shape.length : axis;
  let start = 0;
  return sizes.map((size) => {
    const begin = x.shape.map((_, i) => (i === along ? start : 0));
    const end = x.shape.map((extent, i) => (i === along ? start + size : extent));
    start += size;
    return slice(x, begin, end);
  });
}

export function pad(x: NdArray, paddings: readonly (readonly number[])[], value = 0): NdArray {
  return fill(
    x.shape.map((extent, axis) => paddings[axis][0] + extent + paddings[axis][1]),
    (index) => {
      const source = index.map((i, axis) => i - paddings[axis][0]);
      return source.every((i, axis) => i >= 0 && i < x.shape[axis]) ? at(x, ...source) : value;
    },
  );
}

/** The adjoint of `pad`: the part of g that covers the input. */
export function padGradient(g: NdArray, paddings: readonly (readonly number[])[]): NdArray {
  return slice(
    g,
    paddings.map(([before]) => before),
    g.shape.map((extent, axis) => extent - paddings[axis][1]),
  );
}

export function transpose(x: NdArray): NdArray {
  return fill([...x.shape].reverse(), (index) => at(x, ...[...index].reverse()));
}

/** 1 at each label, 0 elsewhere; the classes are the last axis. */
export function oneHot(labels: NdArray, classes: number): NdArray {
  return fill([...labels.shape, classes], (index) =>
    at(labels, ...index.slice(0, -1)) === index[index.length - 1] ? 1 : 0,
  );
}

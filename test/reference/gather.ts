import { at, indices as everyIndex, fill, type NdArray, ndarray, offsetOf } from './ndarray';

/** y[before, ...i, behind] = x[before, indices[i], behind], the index tuple i in the place of `axis`. */
export function gather(x: NdArray, indices: NdArray, axis: number): NdArray {
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return fill(shape, (index) => at(x, ...gathered(index, indices, axis)));
}

/** Where element `index` of the result comes from. */
function gathered(index: readonly number[], indices: NdArray, axis: number): number[] {
  const behind = axis + indices.shape.length;
  return [...index.slice(0, axis), at(indices, ...index.slice(axis, behind)), ...index.slice(behind)];
}

/** Every g is added to where the element came from, in row-major order of g. */
export function gatherGradient(g: NdArray, indices: NdArray, shape: readonly number[], axis: number): NdArray {
  return scatter(g, shape, (index) => gathered(index, indices, axis));
}

/** y[.., j, ..] = x[.., indices[.., j, ..], ..] */
export function gatherElements(x: NdArray, indices: NdArray, axis: number): NdArray {
  return fill(indices.shape, (index) => at(x, ...index.with(axis, at(indices, ...index))));
}

export function gatherElementsGradient(g: NdArray, indices: NdArray, shape: readonly number[], axis: number): NdArray {
  return scatter(g, shape, (index) => index.with(axis, at(indices, ...index)));
}

function scatter(g: NdArray, shape: readonly number[], origin: (index: readonly number[]) => number[]): NdArray {
  const result = ndarray(shape);
  let position = 0;
  for (const index of everyIndex(g.shape)) result.data[offsetOf(shape, origin(index))] += g.data[position++];
  return result;
}

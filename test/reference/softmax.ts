import { fill, type NdArray, ndarray, offsetOf, total } from './ndarray';

/** Applies `f` to every line of `x` (and of further arrays of its shape) along `axis`. */
function alongAxis(inputs: readonly NdArray[], axis: number, f: (...lines: number[][]) => number[]): NdArray {
  const { shape } = inputs[0];
  const along = axis < 0 ? axis + shape.length : axis;
  const result = ndarray(shape);
  const heads = shape.map((extent, i) => (i === along ? 1 : extent));
  const positions = Array.from({ length: shape[along] }, (_, i) => i);
  fill(heads, (head) => {
    const offsets = positions.map((i) => offsetOf(shape, head.with(along, i)));
    const line = f(...inputs.map((input) => offsets.map((offset) => input.data[offset])));
    offsets.forEach((offset, i) => {
      result.data[offset] = line[i];
    });
    return 0;
  });
  return result;
}

const dot = (a: readonly number[], b: readonly number[]): number => total(a.map((value, i) => value * b[i]));

/** exp(x - max x): the shift cancels in every quotient, and nothing overflows. */
function shiftedExp(line: readonly number[]): number[] {
  const largest = Math.max(...line);
  return line.map((value) => Math.exp(value - largest));
}

/** y_k = exp(x_k) / sum_j exp(x_j) */
export function softmax(x: NdArray, axis = -1): NdArray {
  return alongAxis([x], axis, (line) => {
    const powers = shiftedExp(line);
    const sum = total(powers);
    return powers.map((value) => value / sum);
  });
}

export function logSoftmax(x: NdArray, axis = -1): NdArray {
  return alongAxis([x], axis, (line) => {
    const largest = Math.max(...line);
    const logSum = Math.log(total(shiftedExp(line)));
    return line.map((value) => value - largest - logSum);
  });
}

/** dx_k = y_k (g_k - sum_j g_j y_j), y the softmax. */
export function softmaxGradient(g: NdArray, y: NdArray, axis = -1): NdArray {
  return alongAxis([g, y], axis, (gs, ys) => {
    const product = dot(gs, ys);
    return gs.map((value, k) => ys[k] * (value - product));
  });
}

/** dx_k = g_k - exp(y_k) sum_j g_j, y the log-softmax. */
export function logSoftmaxGradient(g: NdArray, y: NdArray, axis = -1): NdArray {
  return alongAxis([g, y], axis, (gs, ys) => {
    const sum = total(gs);
    return gs.map((value, k) => value - Math.exp(ys[k]) * sum);
  });
}

import { at, fill, type NdArray } from './ndarray';

export interface ResponseOptions {
  readonly size: number;
  readonly alpha?: number;
  readonly beta?: number;
  readonly k?: number;
  /** Channels are the last axis. */
  readonly last?: boolean;
}

/** d_c = k + alpha / size * the sum of x_j^2 over the window of c: size / 2 channels before it, (size - 1) / 2 after it. */
function denominators(x: NdArray, { size, alpha = 1e-4, k = 1, last = false }: ResponseOptions): NdArray {
  const axis = last ? x.shape.length - 1 : 1;
  return fill(x.shape, (index) => {
    let sum = 0;
    for (let j = index[axis] - Math.floor(size / 2); j < index[axis] + Math.ceil(size / 2); j++) {
      if (j >= 0 && j < x.shape[axis]) sum += at(x, ...index.with(axis, j)) ** 2;
    }
    return k + (alpha / size) * sum;
  });
}

/** y = x / d^beta */
export function localResponseNorm(x: NdArray, options: ResponseOptions): NdArray {
  const d = denominators(x, options);
  return fill(x.shape, (index) => at(x, ...index) / at(d, ...index) ** (options.beta ?? 0.75));
}

/** Every output's derivatives by the elements of its window, one after the other. */
export function localResponseNormGradient(g: NdArray, x: NdArray, options: ResponseOptions): NdArray {
  const { size, alpha = 1e-4, beta = 0.75, last = false } = options;
  const axis = last ? x.shape.length - 1 : 1;
  const d = denominators(x, options);
  const result = fill(x.shape, (index) => at(g, ...index) * at(d, ...index) ** -beta);
  return fill(x.shape, (index) => {
    const i = index[axis];
    let sum = 0;
    for (let c = Math.max(i - size, 0); c < Math.min(i + size + 1, x.shape[axis]); c++) {
      if (i < c - Math.floor(size / 2) || i >= c + Math.ceil(size / 2)) continue;
      const there = index.with(axis, c);
      sum += at(g, ...there) * at(x, ...there) * -beta * at(d, ...there) ** (-beta - 1);
    }
    return at(result, ...index) + sum * (alpha / size) * 2 * at(x, ...index);
  });
}

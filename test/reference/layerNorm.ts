import { type NdArray, ndarray, sizeOf, total } from './ndarray';

/** The rows over the last `axes` axes, as lists. */
function rowsOf(x: NdArray, axes: number): number[][] {
  const n = sizeOf(x.shape.slice(x.shape.length - axes));
  const rows = sizeOf(x.shape.slice(0, x.shape.length - axes));
  return Array.from({ length: rows }, (_, r) => [...x.data.subarray(r * n, (r + 1) * n)]);
}

export function layerNorm(
  x: NdArray,
  axes: number,
  { weight, bias, epsilon = 1e-5 }: { weight?: NdArray; bias?: NdArray; epsilon?: number } = {},
): { output: NdArray; mean: NdArray; inverseStd: NdArray } {
  const rows = rowsOf(x, axes);
  const lead = x.shape.slice(0, x.shape.length - axes);
  const means = rows.map((row) => total(row) / row.length);
  const inverse = rows.map(
    (row, r) => 1 / Math.sqrt(total(row.map((v) => (v - means[r]) ** 2)) / row.length + epsilon),
  );
  const output = rows.flatMap((row, r) =>
    row.map((v, k) => (v - means[r]) * inverse[r] * (weight?.data[k] ?? 1) + (bias?.data[k] ?? 0)),
  );
  return { output: ndarray(x.shape, output), mean: ndarray(lead, means), inverseStd: ndarray(lead, inverse) };
}

/**
 * With xhat = (x - mean) * inverseStd and h = g * weight, of a row of n: input = inverseStd / n * (n h - sum h - xhat *
 * sum h xhat); over the rows weight = sum g xhat, bias = sum g.
 */
export function layerNormGradient(
  g: NdArray,
  x: NdArray,
  mean: NdArray,
  inverseStd: NdArray,
  axes: number,
  weight?: NdArray,
): { input: NdArray; weight: NdArray; bias: NdArray } {
  const row = x.shape.slice(x.shape.length - axes);
  const gs = rowsOf(g, axes);
  const hats = rowsOf(x, axes).map((list, r) => list.map((v) => (v - mean.data[r]) * inverseStd.data[r]));
  const input = gs.flatMap((list, r) => {
    const h = list.map((v, k) => v * (weight?.data[k] ?? 1));
    const [sum, product] = [total(h), total(h.map((v, k) => v * hats[r][k]))];
    return h.map((v, k) => (inverseStd.data[r] / h.length) * (h.length * v - sum - hats[r][k] * product));
  });
  const overRows = (f: (r: number, k: number) => number): NdArray =>
    ndarray(
      row,
      Array.from({ length: sizeOf(row) }, (_, k) => total(gs.map((_row, r) => f(r, k)))),
    );
  return {
    input: ndarray(x.shape, input),
    weight: overRows((r, k) => gs[r][k] * hats[r][k]),
    bias: overRows((r, k) => gs[r][k]),
  };
}

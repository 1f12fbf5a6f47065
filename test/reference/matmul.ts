import { at, broadcastShapes, broadcastTo, fill, type NdArray, permute, reduceTo } from './ndarray';

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** Swaps the last two axes. */
export function transposeLast(x: NdArray): NdArray {
  const axes = x.shape.map((_, axis) => axis);
  return permute(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

/** c[..., i, j] = sum over k of a[..., i, k] * b[..., k, j]; leading axes broadcast. */
export function matmul(a: NdArray, b: NdArray, options: MatmulOptions = {}): NdArray {
  const left = options.transposeA ? transposeLast(a) : a;
  const right = options.transposeB ? transposeLast(b) : b;
  const [rows, inner] = left.shape.slice(-2);
  const [inner2, columns] = right.shape.slice(-2);
  if (inner !== inner2) throw new Error(`reference matmul: [${left.shape}] and [${right.shape}]`);
  const batch = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const x = broadcastTo(left, [...batch, rows, inner]);
  const y = broadcastTo(right, [...batch, inner, columns]);
  return fill([...batch, rows, columns], (index) => {
    const lead = index.slice(0, -2);
    const [i, j] = index.slice(-2);
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += at(x, ...lead, i, k) * at(y, ...lead, k, j);
    return sum;
  });
}

/** With A = op(a), B = op(b): dA = g B^T and dB = A^T g, summed over broadcast axes and transposed back. */
export function matmulGradient(
  g: NdArray,
  a: NdArray,
  b: NdArray,
  options: MatmulOptions = {},
): { a: NdArray; b: NdArray } {
  const left = options.transposeA ? transposeLast(a) : a;
  const right = options.transposeB ? transposeLast(b) : b;
  const dLeft = reduceTo(matmul(g, transposeLast(right)), left.shape);
  const dRight = reduceTo(matmul(transposeLast(left), g), right.shape);
  return {
    a: options.transposeA ? transposeLast(dLeft) : dLeft,
    b: options.transposeB ? transposeLast(dRight) : dRight,
  };
}

/** y = x W^T + b; x: [..., inputs], W: [outputs, inputs], b: [outputs]. */
export function linear(x: NdArray, weight: NdArray, bias: NdArray | null = null): NdArray {
  const inputs = weight.shape[1];
  return fill([...x.shape.slice(0, -1), weight.shape[0]], (index) => {
    const lead = index.slice(0, -1);
    const output = index[index.length - 1];
    let sum = bias?.data[output] ?? 0;
    for (let i = 0; i < inputs; i++) sum += at(x, ...lead, i) * at(weight, output, i);
    return sum;
  });
}

export function linearGradient(
  g: NdArray,
  x: NdArray,
  weight: NdArray,
): { input: NdArray; weight: NdArray; bias: NdArray } {
  const [outputs, inputs] = weight.shape;
  const rows = g.data.length / outputs;
  const sumRows = (f: (row: number) => number): number => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += f(row);
    return sum;
  };
  return {
    input: fill(x.shape, (index) => {
      const lead = index.slice(0, -1);
      const i = index[index.length - 1];
      let sum = 0;
      for (let o = 0; o < outputs; o++) sum += at(g, ...lead, o) * at(weight, o, i);
      return sum;
    }),
    weight: fill(weight.shape, ([o, i]) => sumRows((row) => g.data[row * outputs + o] * x.data[row * inputs + i])),
    bias: fill([outputs], ([o]) => sumRows((row) => g.data[row * outputs + o])),
  };
}

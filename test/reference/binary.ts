import { broadcastShapes, broadcastTo, type NdArray, reduceTo, zip } from './ndarray';

export interface BinaryOp {
  readonly value: (a: number, b: number) => number;
  /** Partial derivatives with respect to the first and the second operand. */
  readonly derivatives: readonly [(a: number, b: number) => number, (a: number, b: number) => number];
}

/** Ties give each operand half of the gradient, as PyTorch does. */
const share = (a: number, b: number, wins: boolean): number => (a === b ? 0.5 : wins ? 1 : 0);

/** NaN in either operand gives NaN. */
const maximum = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b));
const minimum = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b));

/** IEEE 754 pow, which differs from ECMAScript in 1^NaN = 1 and (-1)^±Infinity = 1. */
function pow(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return a ** b;
}

export const binaryOps: Readonly<Record<string, BinaryOp>> = {
  add: { value: (a, b) => a + b, derivatives: [() => 1, () => 1] },
  sub: { value: (a, b) => a - b, derivatives: [() => 1, () => -1] },
  mul: { value: (a, b) => a * b, derivatives: [(_, b) => b, (a) => a] },
  div: { value: (a, b) => a / b, derivatives: [(_, b) => 1 / b, (a, b) => -a / (b * b)] },
  pow: {
    value: pow,
    derivatives: [
      (a, b) => (b === 0 ? 0 : b * pow(a, b - 1)),
      (a, b) => (a === 0 && b >= 0 ? 0 : pow(a, b) * Math.log(a)),
    ],
  },
  maximum: { value: maximum, derivatives: [(a, b) => share(a, b, a > b), (a, b) => share(a, b, b > a)] },
  minimum: { value: minimum, derivatives: [(a, b) => share(a, b, a < b), (a, b) => share(a, b, b < a)] },
};

export const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
};

/** Elementwise combination by NumPy's broadcasting rules. */
export function broadcast(a: NdArray, b: NdArray, f: (a: number, b: number) => number): NdArray {
  const shape = broadcastShapes(a.shape, b.shape);
  return zip(broadcastTo(a, shape), broadcastTo(b, shape), f);
}

export function binaryGradient(op: BinaryOp, g: NdArray, a: NdArray, b: NdArray): { a: NdArray; b: NdArray } {
  const product = (derivative: (a: number, b: number) => number): NdArray =>
    zip(g, broadcast(a, b, derivative), (x, y) => x * y);
  return { a: reduceTo(product(op.derivatives[0]), a.shape), b: reduceTo(product(op.derivatives[1]), b.shape) };
}

/** a where the condition holds, b elsewhere; the three broadcast together. */
export function where(condition: NdArray, a: NdArray, b: NdArray): NdArray {
  const shape = broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape));
  const [c, x, y] = [condition, a, b].map((operand) => broadcastTo(operand, shape));
  return { shape, data: c.data.map((value, i) => (value !== 0 ? x.data[i] : y.data[i])) };
}

export function whereGradient(g: NdArray, condition: NdArray, a: NdArray, b: NdArray): { a: NdArray; b: NdArray } {
  const c = broadcastTo(condition, g.shape);
  return {
    a: reduceTo(
      zip(g, c, (value, taken) => (taken !== 0 ? value : 0)),
      a.shape,
    ),
    b: reduceTo(
      zip(g, c, (value, taken) => (taken !== 0 ? 0 : value)),
      b.shape,
    ),
  };
}

/** Two's complement arithmetic of the integer types: results are taken modulo 2^32 or 2^8. */
export const integerOps: Readonly<Record<'int32' | 'uint8', Readonly<Record<string, BinaryOp['value']>>>> = {
  int32: {
    add: (a, b) => (a + b) | 0,
    sub: (a, b) => (a - b) | 0,
    mul: Math.imul,
    maximum: Math.max,
    minimum: Math.min,
  },
  uint8: {
    add: (a, b) => (a + b) & 0xff,
    sub: (a, b) => (a - b) & 0xff,
    mul: (a, b) => (a * b) & 0xff,
    maximum: Math.max,
    minimum: Math.min,
  },
};

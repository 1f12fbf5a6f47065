/** Unary operations: value, derivative as a function of the input, and an interval on which both are smooth. */
export interface UnaryOp {
  readonly value: (x: number) => number;
  readonly derivative: (x: number) => number;
  readonly domain: readonly [number, number];
}

export const unaryOps: Readonly<Record<string, UnaryOp>> = {
  neg: { value: (x) => -x, derivative: () => -1, domain: [-4, 4] },
  // abs'(0) = 0
  abs: { value: Math.abs, derivative: (x) => (x === 0 ? 0 : Math.sign(x)), domain: [-4, 4] },
  exp: { value: Math.exp, derivative: Math.exp, domain: [-10, 10] },
  log: { value: Math.log, derivative: (x) => 1 / x, domain: [0.01, 100] },
  sqrt: { value: Math.sqrt, derivative: (x) => 0.5 / Math.sqrt(x), domain: [0.01, 100] },
  rsqrt: { value: (x) => 1 / Math.sqrt(x), derivative: (x) => -0.5 / (x * Math.sqrt(x)), domain: [0.01, 100] },
};

/** min(max(x, low), high); NaN stays. */
export const clamp = (x: number, low: number, high: number): number =>
  Number.isNaN(x) ? Number.NaN : Math.min(Math.max(x, low), high);

/** 1 inside the bounds, the bounds included, as PyTorch defines it. */
export const clampDerivative = (x: number, low: number, high: number): number => (x >= low && x <= high ? 1 : 0);

/**
 * Error function to float64 accuracy: the Taylor series of erf below 2, the continued fraction of erfc above
 * (Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.5 and 7.1.14).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  if (Math.abs(x) >= 2) return Math.sign(x) * (1 - erfcTail(Math.abs(x)));
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Number.EPSILON * 1e-3 * Math.abs(sum); n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** 1 - erf(x) without cancellation for large positive x. */
export function erfc(x: number): number {
  return x >= 2 ? erfcTail(x) : 1 - erf(x);
}

/** erfc(x) is twice the normal tail at x sqrt(2), which is rounded once: good to x^2 ulp. */
function erfcTail(x: number): number {
  return 2 * normalTail(x * Math.SQRT2);
}

/** exp(-x^2 / 2) to a few ulp: the square of a float32 is exact in float64, the rest of x makes a small factor. */
export function gaussian(x: number): number {
  const head = Math.fround(x);
  return Math.exp((-head * head) / 2) * Math.exp((-(x - head) * (x + head)) / 2);
}

/** P(Z > x) of a standard normal Z for x >= 2: phi(x) / (x + 1/(x + 2/(x + 3/(x + ...)))) (the same, 26.2.14). */
function normalTail(x: number): number {
  if (x > 40) return 0;
  let fraction = x;
  for (let k = 400; k > 0; k--) fraction = x + k / fraction;
  return gaussian(x) / (Math.sqrt(2 * Math.PI) * fraction);
}

/** P(Z <= x) of a standard normal Z. */
export function normal(x: number): number {
  return x <= -2 * Math.SQRT2 ? normalTail(-x) : 0.5 * erfc(-x / Math.SQRT2);
}

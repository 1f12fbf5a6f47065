export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Middle value, and the median of the distances from it (MAD), which a few disturbed rounds do not move. */
export interface Spread {
  readonly median: number;
  readonly deviation: number;
}

export function spread(values: readonly number[]): Spread {
  const middle = median(values);
  return { median: middle, deviation: median(values.map((value) => Math.abs(value - middle))) };
}

/** The mean that suits ratios: that of 2 and 1/2 is 1. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

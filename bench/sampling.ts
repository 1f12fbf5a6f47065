/** `count` flat indices spread over [0, size), both ends included; fewer where there are fewer. */
export function sampleIndices(size: number, count: number): number[] {
  const last = Math.max(Math.min(size, count) - 1, 1);
  return Array.from({ length: Math.min(size, count) }, (_, i) => Math.floor((i / last) * (size - 1)));
}

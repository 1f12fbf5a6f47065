/**
 * Philox-4x32-10: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3.
 * Counter and key are lists of uint32, the least significant word first.
 */
const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
/** Weyl increments of the key: the golden ratio and sqrt(3) - 1, in 32 bits. */
const KEY_INCREMENTS = [0x9e3779b9, 0xbb67ae85] as const;
const ROUNDS = 10;

/** High and low word of a 32x32-bit product. */
function multiply(a: number, b: number): [high: number, low: number] {
  const product = BigInt(a) * BigInt(b);
  return [Number(product >> 32n), Number(product & 0xffffffffn)];
}

export function philox4x32(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = multiply(MULTIPLIERS[0], c0);
    const [high1, low1] = multiply(MULTIPLIERS[1], c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + KEY_INCREMENTS[0]) >>> 0;
    k1 = (k1 + KEY_INCREMENTS[1]) >>> 0;
  }
  return [c0, c1, c2, c3];
}

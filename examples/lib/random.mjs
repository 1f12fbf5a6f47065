/** Seeded order of the training images: a function of seed and epoch alone, so that a resumed run sees the same batches. */

/**
 * sfc32 (C. Doty-Humphrey, PractRand): 128 bits of state, passes BigCrush, and needs only 32-bit integers.
 * @param {number} seed uint32
 * @param {number} stream uint32: streams of one seed are independent
 * @returns {() => number} uniform uint32
 */
export function uint32Generator(seed, stream) {
  let a = seed | 0;
  let b = stream | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = () => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  // The author's recommendation: twelve rounds spread a low-entropy seed over the whole state.
  for (let round = 0; round < 12; round++) next();
  return next;
}

/**
 * A uniformly drawn permutation of 0 … count - 1 (Fisher and Yates).
 * @param {number} count
 * @param {number} seed
 * @param {number} epoch
 * @returns {Uint32Array}
 */
export function shuffledOrder(count, seed, epoch) {
  const next = uint32Generator(seed, epoch);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = below(next, last + 1);
    const value = order[last];
    order[last] = order[other];
    order[other] = value;
  }
  return order;
}

/**
 * Uniform in 0 … bound - 1; draws past the last whole multiple of `bound` are rejected, or small values would be favoured.
 * @param {() => number} next
 * @param {number} bound
 */
function below(next, bound) {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const value = next();
    if (value < limit) return value % bound;
  }
}

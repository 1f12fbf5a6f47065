/** Mini-batches: normalised float32 images and int32 labels, ready to become tensors. */
import { IMAGE_SIZE } from './dataset.mjs';

const PIXELS = IMAGE_SIZE * IMAGE_SIZE;

/**
 * @typedef {object} Batch
 * @property {number} count
 * @property {Float32Array} images [count, 1, 28, 28], normalised
 * @property {Int32Array} labels [count]
 */

/**
 * @typedef {object} Normalisation of pixels scaled to 0 … 1
 * @property {number} mean
 * @property {number} std
 */

/**
 * The batches of one pass, in the given order; the last one may be smaller.
 * @param {import('./dataset.mjs').Split} split
 * @param {ArrayLike<number>} order
 * @param {number} batchSize
 * @param {Normalisation} normalisation
 * @returns {Generator<Batch, void, undefined>}
 */
export function* batches(split, order, batchSize, normalisation) {
  const table = normalisedLevels(normalisation);
  for (let begin = 0; begin < order.length; begin += batchSize) {
    const count = Math.min(batchSize, order.length - begin);
    const images = new Float32Array(count * PIXELS);
    const labels = new Int32Array(count);
    for (let row = 0; row < count; row++) {
      const index = order[begin + row];
      labels[row] = split.labels[index];
      const source = index * PIXELS;
      const target = row * PIXELS;
      for (let pixel = 0; pixel < PIXELS; pixel++) images[target + pixel] = table[split.images[source + pixel]];
    }
    yield { count, images, labels };
  }
}

/**
 * The 256 values a normalised pixel can have: a look-up per pixel instead of a division.
 * @param {Normalisation} normalisation
 */
function normalisedLevels({ mean, std }) {
  return Float32Array.from({ length: 256 }, (_, level) => (level / 255 - mean) / std);
}

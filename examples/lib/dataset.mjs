/** Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747): where it lies, and reading it with every check. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataFileError, readIdx } from './idx.mjs';

export const CLASS_NAMES = Object.freeze([
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
]);

/** Height and width of every image. */
export const IMAGE_SIZE = 28;

/** Where Debian's package dataset-fashion-mnist puts the four files. */
export const SYSTEM_DIRECTORY = '/usr/share/datasets/fashion-mnist';

/** The subset that ships with the examples; its README says how it was cut. */
export const SUBSET_DIRECTORY = fileURLToPath(new URL('../data', import.meta.url));

export const FILE_NAMES = Object.freeze({
  train: Object.freeze({ images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' }),
  test: Object.freeze({ images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' }),
});

/**
 * @typedef {object} Split
 * @property {number} count
 * @property {Uint8Array} images [count, 28, 28], 0 = background
 * @property {Uint8Array} labels [count], 0 … 9
 */

/**
 * @typedef {object} Dataset
 * @property {string} description what it is and where it was read, for people
 * @property {string} fingerprint SHA-256 of the training split, to recognise the same data again
 * @property {Split} train
 * @property {Split} test
 */

/**
 * Which directory to read: the one asked for, else the system's full data set, else the subset.
 *
 * @param {{ directory?: string, subset?: boolean }} choice
 * @param {string} [systemDirectory]
 * @returns {{ directory: string, kind: string }}
 */
export function locateDataset(choice, systemDirectory = SYSTEM_DIRECTORY) {
  if (choice.directory !== undefined) return { directory: choice.directory, kind: 'Fashion-MNIST' };
  const installed = existsSync(systemDirectory);
  if (choice.subset || !installed)
    return { directory: SUBSET_DIRECTORY, kind: 'Fashion-MNIST subset shipped with the examples' };
  return { directory: systemDirectory, kind: 'Fashion-MNIST as installed' };
}

/**
 * @param {{ directory: string, kind: string }} location
 * @returns {Dataset}
 * @throws {DataFileError}
 */
export function loadDataset({ directory, kind }) {
  const train = loadSplit(directory, 'train');
  const test = loadSplit(directory, 'test');
  const fingerprint = createHash('sha256').update(train.images).update(train.labels).digest('hex');
  return { description: `${kind} (${directory})`, fingerprint, train, test };
}

/**
 * @param {string} directory
 * @param {'train' | 'test'} name
 * @returns {Split}
 * @throws {DataFileError}
 */
export function loadSplit(directory, name) {
  const imageFile = resolveFile(directory, FILE_NAMES[name].images);
  const labelFile = resolveFile(directory, FILE_NAMES[name].labels);
  const images = readIdx(imageFile, 3);
  const labels = readIdx(labelFile, 1);
  const [count, height, width] = images.dims;
  if (height !== IMAGE_SIZE || width !== IMAGE_SIZE) {
    throw new DataFileError('SHAPE', imageFile, `images of ${height}x${width}, expected ${IMAGE_SIZE}x${IMAGE_SIZE}`);
  }
  if (count === 0) throw new DataFileError('SHAPE', imageFile, 'holds no images');
  if (labels.dims[0] !== count) {
    throw new DataFileError('MISMATCH', labelFile, `${labels.dims[0]} labels for ${count} images in ${imageFile}`);
  }
  const bad = labels.data.findIndex((label) => label >= CLASS_NAMES.length);
  if (bad !== -1) {
    throw new DataFileError(
      'LABEL',
      labelFile,
      `label ${labels.data[bad]} at position ${bad}, allowed are 0 to ${CLASS_NAMES.length - 1}`,
    );
  }
  return { count, images: images.data, labels: labels.data };
}

/**
 * The compressed file where there is one, else the plain one; both forms are distributed.
 * @param {string} directory
 * @param {string} name
 */
function resolveFile(directory, name) {
  const compressed = join(directory, `${name}.gz`);
  const plain = join(directory, name);
  if (existsSync(compressed)) return compressed;
  if (existsSync(plain)) return plain;
  throw new DataFileError(
    'MISSING',
    plain,
    `no such file, compressed (.gz) or not; the four files of Fashion-MNIST are expected in ${directory}`,
  );
}

/**
 * Mean and standard deviation of the pixels, scaled to 0 … 1. Exact: a histogram of 256 integers, summed without rounding.
 * @param {Uint8Array} pixels
 * @returns {{ mean: number, std: number }}
 */
export function pixelStatistics(pixels) {
  const histogram = new Float64Array(256);
  for (const value of pixels) histogram[value]++;
  const sum = histogram.reduce((total, n, value) => total + n * value, 0);
  const squares = histogram.reduce((total, n, value) => total + n * value * value, 0);
  const mean = sum / pixels.length;
  const variance = squares / pixels.length - mean * mean;
  // A data set of one colour has no scale; 1 keeps the normalised pixels finite.
  return { mean: mean / 255, std: variance > 0 ? Math.sqrt(variance) / 255 : 1 };
}

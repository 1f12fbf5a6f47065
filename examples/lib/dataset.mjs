/** Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747): where it lies, and what training needs to know of it. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ReceptiveError } from 'receptive';
import { fashionMnist } from 'receptive/data';

/** Height and width of every image. */
export const IMAGE_SIZE = 28;

/** Where Debian's package dataset-fashion-mnist puts the four files. */
export const SYSTEM_DIRECTORY = '/usr/share/datasets/fashion-mnist';

// From the package's root, because this file also runs as a copy in build/, where the compiled examples are.
const root = dirname(createRequire(import.meta.url).resolve('receptive/package.json'));

/** The subset that ships with the examples; its README says how it was cut. */
export const SUBSET_DIRECTORY = join(root, 'examples', 'data');

/** @typedef {import('receptive/data').MemoryDataset<Uint8Array>} Split images [length, 28, 28] of bytes, 0 = background; labels 0 … 9 */

/**
 * @typedef {object} Dataset
 * @property {string} description what it is and where it was read, for people
 * @property {string} fingerprint SHA-256 of the training split, to recognise the same data again
 * @property {Split} train
 * @property {Split} test
 */

/** The data cannot be used; the message names the file, what was found and what was expected. */
export class DataFileError extends Error {
  /**
   * @param {string} message
   * @param {unknown} [cause]
   */
  constructor(message, cause) {
    super(message, { cause });
    this.name = 'DataFileError';
  }
}

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
 * @returns {Promise<Dataset>}
 * @throws {DataFileError}
 */
export async function loadDataset({ directory, kind }) {
  const train = await loadSplit(directory, 'train');
  const test = await loadSplit(directory, 'test');
  const labels = Uint8Array.from(train.labels);
  const fingerprint = createHash('sha256').update(train.images).update(labels).digest('hex');
  return { description: `${kind} (${directory})`, fingerprint, train, test };
}

/**
 * @param {string} directory
 * @param {'train' | 'test'} split
 * @returns {Promise<Split>}
 */
async function loadSplit(directory, split) {
  let dataset;
  try {
    dataset = await fashionMnist({ folder: directory, split });
  } catch (error) {
    throw error instanceof ReceptiveError ? new DataFileError(error.message, error) : error;
  }
  if (dataset.length === 0) throw new DataFileError(`${directory}: the ${split} split holds no images`);
  return dataset;
}

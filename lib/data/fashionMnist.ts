// Fashion-MNIST, where it is installed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expectInteger, expectOneOf, expectPlainOptions } from '../checkValues';
import { ArgumentError, FormatError } from '../errors';
import { shapeText } from '../shape';
import { describe } from '../text';
import { readPair, sharedBytes } from './idxDataset';
import { MemoryDataset } from './memoryDataset';

/** Names of the classes of Fashion-MNIST, by label. */
export const fashionMnistClasses: readonly string[] = Object.freeze([
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

/** Options of `fashionMnist()`. */
export interface FashionMnistOptions {
  /** `train`: 60,000 images; `test`: 10,000. */
  split: 'train' | 'test';
  /** Where the four files lie; where Debian's package dataset-fashion-mnist puts them if left out. */
  folder?: string;
  /** Only the first so many images of each class, in the order of the file; all if left out. */
  subset?: number;
}

/** Where Debian's package dataset-fashion-mnist puts the files. @internal */
export const fashionMnistFolder = '/usr/share/datasets/fashion-mnist';
const fileNames = {
  train: ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
  test: ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
} as const;
const side = 28;

/**
 * Fashion-MNIST (Xiao, Rasul & Vollgraf, arXiv:1708.07747): grey images [1, 28, 28] of ten classes of clothing, read from the
 * original four IDX files, with their names, compressed (.gz) or not. Nothing is downloaded.
 *
 * @throws As `idxDataset()` does; ArgumentError that says where the files were sought; FormatError for images of another size
 *   or fewer images of a class than `subset`.
 * @example const train = await fashionMnist({ split: 'train' });
 */
export async function fashionMnist(options: FashionMnistOptions): Promise<MemoryDataset<Uint8Array>> {
  const op = 'fashionMnist';
  const given = expectPlainOptions(op, options, ['split', 'folder', 'subset']);
  const split = expectOneOf(op, 'split', given.split, ['train', 'test']);
  const { folder = fashionMnistFolder } = given;
  if (typeof folder !== 'string') throw new ArgumentError(`${op}: folder must be a path, given ${describe(folder)}`);
  const perClass = given.subset === undefined ? undefined : expectInteger(op, 'subset', given.subset, 1);
  const [images, labels] = fileNames[split].map((name) => findFile(folder, name));
  const dataset = await readPair(op, images, labels, fashionMnistClasses);
  if (dataset.shape[0] !== 1 || dataset.shape[1] !== side || dataset.shape[2] !== side) {
    throw new FormatError(
      `${op}: ${images}: images of shape ${shapeText(dataset.shape)}, expected [1, ${side}, ${side}]`,
    );
  }
  return perClass === undefined ? dataset : firstOfEachClass(dataset, perClass, labels);
}

/** The compressed file where there is one, else the plain one; both forms are distributed. */
function findFile(folder: string, name: string): string {
  const candidates = [join(folder, `${name}.gz`), join(folder, name)];
  const found = candidates.find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new ArgumentError(
    `fashionMnist: ${candidates[1]}: no such file, compressed (.gz) or not; the option folder names the folder with the ` +
      "four files of Fashion-MNIST, which are in Debian's package dataset-fashion-mnist",
  );
}

function firstOfEachClass(
  dataset: MemoryDataset<Uint8Array>,
  perClass: number,
  labelFile: string,
): MemoryDataset<Uint8Array> {
  const taken = fashionMnistClasses.map(() => 0);
  const chosen = [...dataset.labels.keys()].filter((i) => taken[dataset.labels[i]]++ < perClass);
  const short = taken.findIndex((count) => count < perClass);
  if (short !== -1) {
    throw new FormatError(
      `fashionMnist: ${labelFile}: ${taken[short]} images of class ${fashionMnistClasses[short]}, subset asks for ${perClass}`,
    );
  }
  const size = side * side;
  const images = sharedBytes(chosen.length * size);
  const labels = new Int32Array(new SharedArrayBuffer(4 * chosen.length));
  for (const [row, index] of chosen.entries()) {
    images.set(dataset.get(index).data, row * size);
    labels[row] = dataset.labels[index];
  }
  return new MemoryDataset(images, labels, dataset.shape, fashionMnistClasses);
}

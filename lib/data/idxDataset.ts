// A data set read from a pair of IDX files.
import { expectPlainOptions } from '../checkValues';
import { ArgumentError, FormatError } from '../errors';
import { describe } from '../text';
import { readIdxFile } from './idx';
import { MemoryDataset } from './memoryDataset';
import type { ImageShape } from './sample';

/** Options of `idxDataset()`. */
export interface IdxDatasetOptions {
  /** Names of the classes: labels must be smaller than their number. */
  classes?: readonly string[];
}

/** Memory that workers see without a copy of their own. @internal */
export const sharedBytes = (bytes: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(bytes));

/**
 * Images and labels of a pair of IDX files, plain or compressed by gzip, as `readIdx()` reads them.
 *
 * @param images Path of the images' file: unsigned bytes, [N, H, W] for one channel, or [N, C, H, W].
 * @param labels Path of the labels' file: unsigned bytes, [N].
 * @throws ArgumentError for a file that is missing or cannot be read; FormatError naming file and position for what is wrong in
 *   one, and for another number of labels than images. All by rejection.
 */
export async function idxDataset(
  images: string,
  labels: string,
  options?: IdxDatasetOptions,
): Promise<MemoryDataset<Uint8Array>> {
  const { classes } = expectPlainOptions('idxDataset', options, ['classes']);
  if (classes !== undefined && !(Array.isArray(classes) && classes.every((name) => typeof name === 'string'))) {
    throw new ArgumentError(`idxDataset: classes must be a list of names, given ${describe(classes)}`);
  }
  return readPair('idxDataset', images, labels, classes);
}

/** `op` is the function named in messages. @internal */
export async function readPair(
  op: string,
  imageFile: string,
  labelFile: string,
  classes: readonly string[] | undefined,
): Promise<MemoryDataset<Uint8Array>> {
  const images = await readIdxFile(op, imageFile, [3, 4], sharedBytes);
  const labels = await readIdxFile(op, labelFile, [1], sharedBytes);
  const [count, ...extents] = images.shape;
  if (labels.shape[0] !== count) {
    throw new FormatError(`${op}: ${labelFile}: ${labels.shape[0]} labels for ${count} images in ${imageFile}`);
  }
  const limit = classes?.length ?? 256;
  const bad = labels.data.findIndex((label) => label >= limit);
  if (bad !== -1) {
    throw new FormatError(
      `${op}: ${labelFile}: label ${labels.data[bad]} of image ${bad}, allowed are 0 to ${limit - 1}`,
    );
  }
  const shape = (extents.length === 2 ? [1, ...extents] : extents) as unknown as ImageShape;
  const numbers = new Int32Array(new SharedArrayBuffer(4 * count));
  numbers.set(labels.data);
  return new MemoryDataset(images.data, numbers, shape, classes);
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeIdx, fashionMnist } from 'receptive/data';
import { IMAGE_SIZE, SUBSET_DIRECTORY } from '../../examples/lib/dataset.mjs';

/** Writes a data set of the shipped subset's first images of each class, as plain IDX files. */
export async function writeSmallDataset(directory: string, perClass: { train: number; test: number }): Promise<void> {
  for (const [split, prefix] of [
    ['train', 'train'],
    ['test', 't10k'],
  ] as const) {
    const dataset = await fashionMnist({ folder: SUBSET_DIRECTORY, split, subset: perClass[split] });
    const images = encodeIdx([dataset.length, IMAGE_SIZE, IMAGE_SIZE], dataset.images);
    writeFileSync(join(directory, `${prefix}-images-idx3-ubyte`), images);
    const labels = encodeIdx([dataset.length], Uint8Array.from(dataset.labels));
    writeFileSync(join(directory, `${prefix}-labels-idx1-ubyte`), labels);
  }
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { CLASS_NAMES, FILE_NAMES, IMAGE_SIZE, loadSplit, SUBSET_DIRECTORY } from '../../examples/lib/dataset.mjs';
import { encodeIdx } from '../../examples/lib/idx.mjs';

/** A directory that is removed when the test file ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'receptive-demo-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a data set of the shipped subset's first images of each class, as plain IDX files. */
export function writeSmallDataset(directory: string, perClass: { train: number; test: number }): void {
  const pixels = IMAGE_SIZE * IMAGE_SIZE;
  for (const name of ['train', 'test'] as const) {
    const split = loadSplit(SUBSET_DIRECTORY, name);
    const taken = CLASS_NAMES.map(() => 0);
    const chosen = [...split.labels.keys()].filter((index) => taken[split.labels[index]]++ < perClass[name]);
    const images = Buffer.concat(chosen.map((index) => split.images.subarray(index * pixels, (index + 1) * pixels)));
    const labels = Uint8Array.from(chosen, (index) => split.labels[index]);
    const { images: imageFile, labels: labelFile } = FILE_NAMES[name];
    writeFileSync(
      join(directory, imageFile),
      encodeIdx({ dims: [chosen.length, IMAGE_SIZE, IMAGE_SIZE], data: images }),
    );
    writeFileSync(join(directory, labelFile), encodeIdx({ dims: [chosen.length], data: labels }));
  }
}

#!/usr/bin/env node
/**
 * Cuts the subset in this directory from the full Fashion-MNIST: the first 600 training and the first 100 test images of
 * each class, kept in file order.
 *
 *   node examples/data/makeSubset.mjs [SOURCE_DIRECTORY] [TARGET_DIRECTORY]
 *   node examples/data/makeSubset.mjs --check [SOURCE_DIRECTORY]   compares with the files here, writes nothing
 *
 * The IDX content is the same everywhere; the gzip stream around it may differ between versions of zlib, so the check
 * compares what is inside.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { CLASS_NAMES, FILE_NAMES, IMAGE_SIZE, loadSplit, SUBSET_DIRECTORY, SYSTEM_DIRECTORY } from '../lib/dataset.mjs';
import { encodeIdx } from '../lib/idx.mjs';

const IMAGES_PER_CLASS = { train: 600, test: 100 };

/**
 * @param {import('../lib/dataset.mjs').Split} split
 * @param {number} perClass
 * @returns {import('../lib/dataset.mjs').Split}
 */
function firstOfEachClass(split, perClass) {
  const pixels = IMAGE_SIZE * IMAGE_SIZE;
  const taken = CLASS_NAMES.map(() => 0);
  /** @type {number[]} */
  const chosen = [];
  for (const [index, label] of split.labels.entries()) {
    if (taken[label] < perClass) {
      taken[label]++;
      chosen.push(index);
    }
  }
  const short = taken.findIndex((count) => count < perClass);
  if (short !== -1) throw new Error(`class ${CLASS_NAMES[short]} has ${taken[short]} images, ${perClass} are needed`);
  const images = new Uint8Array(chosen.length * pixels);
  for (const [row, index] of chosen.entries()) {
    images.set(split.images.subarray(index * pixels, (index + 1) * pixels), row * pixels);
  }
  return { count: chosen.length, images, labels: Uint8Array.from(chosen, (index) => split.labels[index]) };
}

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
const [source = SYSTEM_DIRECTORY, target = SUBSET_DIRECTORY] = positionals;

for (const name of /** @type {const} */ (['train', 'test'])) {
  const subset = firstOfEachClass(loadSplit(source, name), IMAGES_PER_CLASS[name]);
  if (values.check) {
    const shipped = loadSplit(SUBSET_DIRECTORY, name);
    const same =
      Buffer.compare(shipped.images, subset.images) === 0 && Buffer.compare(shipped.labels, subset.labels) === 0;
    console.log(`${name}: ${same ? 'identical' : 'DIFFERENT'}`);
    if (!same) process.exitCode = 1;
    continue;
  }
  const files = {
    [FILE_NAMES[name].images]: encodeIdx({ dims: [subset.count, IMAGE_SIZE, IMAGE_SIZE], data: subset.images }),
    [FILE_NAMES[name].labels]: encodeIdx({ dims: [subset.count], data: subset.labels }),
  };
  for (const [file, content] of Object.entries(files)) {
    const compressed = gzipSync(content, { level: 9 });
    writeFileSync(join(target, `${file}.gz`), compressed);
    console.log(`${file}.gz: ${compressed.length} bytes`);
  }
}

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
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { encodeIdx, fashionMnist } from 'receptive/data';
import { IMAGE_SIZE, SUBSET_DIRECTORY, SYSTEM_DIRECTORY } from '../lib/dataset.mjs';

const IMAGES_PER_CLASS = { train: 600, test: 100 };

const PREFIX = { train: 'train', test: 't10k' };

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
const [source = SYSTEM_DIRECTORY, target = SUBSET_DIRECTORY] = positionals;

for (const name of /** @type {const} */ (['train', 'test'])) {
  const subset = await fashionMnist({ folder: source, split: name, subset: IMAGES_PER_CLASS[name] });
  if (values.check) {
    const shipped = await fashionMnist({ folder: SUBSET_DIRECTORY, split: name });
    const same = isDeepStrictEqual([shipped.images, shipped.labels], [subset.images, subset.labels]);
    console.log(`${name}: ${same ? 'identical' : 'DIFFERENT'}`);
    if (!same) process.exitCode = 1;
    continue;
  }
  const files = {
    [`${PREFIX[name]}-images-idx3-ubyte`]: encodeIdx([subset.length, IMAGE_SIZE, IMAGE_SIZE], subset.images),
    [`${PREFIX[name]}-labels-idx1-ubyte`]: encodeIdx([subset.length], Uint8Array.from(subset.labels)),
  };
  for (const [file, content] of Object.entries(files)) {
    const compressed = gzipSync(content, { level: 9 });
    writeFileSync(join(target, `${file}.gz`), compressed);
    console.log(`${file}.gz: ${compressed.length} bytes`);
  }
}

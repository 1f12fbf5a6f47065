import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { encodeIdx, fashionMnist, fashionMnistClasses } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/child';
import { expectRejects } from '../support/errors';
import { temporaryFolder } from '../support/temporaryFolder';

const subsetFolder = join(packageRoot, 'examples/data');
const root = temporaryFolder();
let folders = 0;

/** A folder with the training files of two images of `height` x `width`, and the labels given. */
function small(labels: readonly number[], { height = 28, width = 28, images = 2 } = {}): string {
  const folder = join(root, `${folders++}`);
  mkdirSync(folder);
  const pixels = Uint8Array.from({ length: images * height * width }, (_, i) => i % 251);
  writeFileSync(join(folder, 'train-images-idx3-ubyte'), encodeIdx([images, height, width], pixels));
  writeFileSync(join(folder, 'train-labels-idx1-ubyte'), encodeIdx([labels.length], Uint8Array.from(labels)));
  return folder;
}

describe('fashionMnist', () => {
  it('reads the subset of the examples', async () => {
    for (const [split, count, name] of [
      ['train', 6000, 'train'],
      ['test', 1000, 't10k'],
    ] as const) {
      const dataset = await fashionMnist({ folder: subsetFolder, split });
      expect([dataset.length, dataset.shape, dataset.classes]).toEqual([count, [1, 28, 28], fashionMnistClasses]);
      const counts = fashionMnistClasses.map((_, label) => dataset.labels.filter((l) => l === label).length);
      expect(counts).toEqual(new Array(10).fill(count / 10));
      const bytes = gunzipSync(readFileSync(join(subsetFolder, `${name}-images-idx3-ubyte.gz`)));
      const last = dataset.get(count - 1);
      expect(Buffer.from(last.data).equals(bytes.subarray(-784))).toBe(true);
      expect(last.label).toBe(dataset.labels[count - 1]);
    }
  });

  it('takes the first images of each class with subset', async () => {
    const all = await fashionMnist({ folder: subsetFolder, split: 'test' });
    const few = await fashionMnist({ folder: subsetFolder, split: 'test', subset: 3 });
    expect(few.length).toBe(30);
    const chosen = [...all.labels.keys()].filter(
      (i) => all.labels.slice(0, i).filter((l) => l === all.labels[i]).length < 3,
    );
    expect([...few.labels]).toEqual(chosen.map((i) => all.labels[i]));
    for (const [row, index] of chosen.entries()) expect(few.get(row)).toEqual(all.get(index));
    const more = fashionMnist({ folder: subsetFolder, split: 'test', subset: 101 });
    await expectRejects(more, 'FormatError', /100 images of class T-shirt\/top, subset asks for 101/);
  });

  it('reads plain files too', async () => {
    const dataset = await fashionMnist({ folder: small([9, 0]), split: 'train' });
    expect([...dataset.labels]).toEqual([9, 0]);
    expect(dataset.get(1).data[0]).toBe(784 % 251);
  });

  it('rejects what is not Fashion-MNIST', async () => {
    const read = (...args: Parameters<typeof small>) => fashionMnist({ folder: small(...args), split: 'train' });
    await expectRejects(read([3, 10]), 'FormatError', /train-labels.*label 10 of image 1, allowed are 0 to 9/);
    await expectRejects(read([1, 2, 3]), 'FormatError', /3 labels for 2 images/);
    await expectRejects(read([0, 1], { width: 32 }), 'FormatError', /\[1, 28, 32\], expected \[1, 28, 28\]/);
  });

  it('says what is missing and where it was sought', async () => {
    const folder = small([0, 1]);
    await expectRejects(fashionMnist({ folder, split: 'test' }), 'ArgumentError', /t10k-images.*dataset-fashion-mnist/);
    const nowhere = join(root, 'nowhere');
    const message = /nowhere.train-images-idx3-ubyte: no such file, compressed \(.gz\) or not/;
    await expectRejects(fashionMnist({ folder: nowhere, split: 'train' }), 'ArgumentError', message);
  });

  it('is sought where Debian installs it', async () => {
    const installed = fashionMnist({ split: 'test' });
    if (existsSync('/usr/share/datasets/fashion-mnist')) expect((await installed).length).toBe(10_000);
    else await expectRejects(installed, 'ArgumentError', /\/usr\/share\/datasets\/fashion-mnist/);
  });

  it('rejects wrong options', async () => {
    await expectRejects(fashionMnist({ split: 'all' as never }), 'ArgumentError', /split must be 'train' or 'test'/);
    await expectRejects(fashionMnist({ split: 'test', subset: 0 }), 'ArgumentError', /subset/);
    await expectRejects(fashionMnist({ split: 'test', folder: 3 as never }), 'ArgumentError', /folder/);
    await expectRejects(fashionMnist({ split: 'test', dir: '' } as never), 'ArgumentError', /'dir'/);
  });
});

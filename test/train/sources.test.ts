import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ones } from 'receptive';
import { arrayDataset } from 'receptive/data';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { newSettings } from '../../dist/cli/trainOptions';
import { parseAugment } from '../../dist/train/augment';
import { normalDataName, openData, splitForValidation } from '../../dist/train/dataSource';
import { makeOptimizer, makeSchedule } from '../../dist/train/optimization';
import { prepareRun } from '../../dist/train/prepare';
import { packageRoot } from '../support/child';
import { temporaryFolder } from '../support/temporaryFolder';
import { program } from './trainCommand';

const folder = temporaryFolder();

/** Images of one colour each: `sizes` [h, w] in each class of a split. */
async function writeImages(split: string, classes: readonly string[], sizes: readonly (readonly [number, number])[]) {
  for (const [c, name] of classes.entries()) {
    const path = join(folder, split, name);
    mkdirSync(path, { recursive: true });
    for (const [i, [height, width]] of sizes.entries()) {
      const background = { r: 60 * c, g: 10 * i, b: 200 };
      const image = sharp({ create: { width, height, channels: 3, background } });
      await image.png().toFile(join(path, `${i}.png`));
    }
  }
}

describe('data by name', () => {
  it('has one full form', () => {
    expect(normalDataName('fashion-mnist')).toBe('fashion-mnist:/usr/share/datasets/fashion-mnist');
    expect(normalDataName('images:x')).toBe(`images:${join(process.cwd(), 'x')}`);
    expect(normalDataName('module:/a/b.mjs')).toBe('module:/a/b.mjs');
    expect(() => normalDataName('module')).toThrow("'module' needs a path after the colon: module:FILE");
  });

  it('reads Fashion-MNIST', async () => {
    const data = await openData(`fashion-mnist:${join(packageRoot, 'examples/data')}`, {});
    expect([data.train.length, data.test?.length, data.classes.length]).toEqual([6000, 1000, 10]);
  });

  it('reads folders of images in the size the model takes, and refuses classes that differ', async () => {
    const sizes = [
      [20, 30],
      [17, 15],
      [16, 14],
    ] as const;
    await writeImages('train', ['cat', 'dog'], sizes);
    const data = { data: `images:${folder}`, model: program('sizedNet') };
    const settings = { ...newSettings(data), batch: 4 };
    await expect(prepareRun(settings, 0)).rejects.toThrow(/no test images; --val-split 0.1/);
    await writeImages('val', ['cat', 'dog'], [[9, 40]]);
    await expect(prepareRun(settings, 0)).rejects.toThrow(
      /the images are \[3, 20, 30\], .* does not take .*made for \[3, 16, 14\]: --resize brings the images to 16x14/,
    );
    for (const augment of ['none', 'resized-crop:0.5,flip', 'crop:1']) {
      const prepared = await prepareRun({ ...settings, resize: true, augment }, 0);
      for (const [loader, count] of [
        [prepared.train, 6],
        [prepared.validation, 2],
      ] as const) {
        let images = 0;
        for await (const batch of loader) {
          expect(batch.images.shape.slice(1)).toEqual([3, 16, 14]);
          images += batch.images.shape[0];
          batch.dispose();
        }
        expect(images).toBe(count);
      }
      prepared.optimizer.dispose();
      prepared.model.dispose();
    }
    await writeImages('val', ['cow'], [[9, 40]]);
    await expect(openData(`images:${folder}`, {})).rejects.toThrow(
      /must have the 2 classes of train\/; it has 3, lacks \[\] and has \[cow\] besides/,
    );
  }, 60_000);

  it('brings grey images to size and channels of a model only with --resize', async () => {
    const named = { data: `module:${program('quadrants')}`, model: program('sizedNet') };
    const prepared = await prepareRun({ ...newSettings(named), resize: true, batch: 3 }, 0);
    expect(prepared.inputShape).toEqual([3, 16, 14]);
    for await (const batch of prepared.train) {
      expect(batch.images.shape).toEqual([3, 3, 16, 14]);
      const values = await batch.images.data();
      batch.dispose();
      const plane = 16 * 14;
      for (const c of [1, 2]) expect(values.slice(c * plane, (c + 1) * plane)).toEqual(values.slice(0, plane));
      break;
    }
    prepared.optimizer.dispose();
    prepared.model.dispose();
  });

  it('says which data a resumed run had', async () => {
    const settings = newSettings({ data: `module:${program('quadrants')}`, model: program('tinyNet') });
    const saved = { data: { train: 5, validation: 40, classes: ['a'] }, statistics: null };
    await expect(prepareRun(settings, 0, saved)).rejects.toThrow(
      /had 5 training and 40 validation images of 1 classes, now there are 96 training and 40 validation images of 4/,
    );
  });
});

describe('splitForValidation', () => {
  const images = new Uint8Array(50);
  const train = arrayDataset(
    images,
    Array.from({ length: 50 }, (_, i) => i),
    [1, 1, 1],
  );
  const data = { description: 'data', train, test: undefined, classes: [] };
  const labelsOf = async (part: { length: number; get(i: number): unknown }): Promise<number[]> =>
    Promise.all(Array.from({ length: part.length }, async (_, i) => ((await part.get(i)) as { label: number }).label));

  it('divides the training images into two parts without a common one, the same ones for the same seed', async () => {
    const first = await splitForValidation(data, 0.3, 1);
    const [trained, held] = [await labelsOf(first.train), await labelsOf(first.validation)];
    expect([trained.length, held.length, first.heldBack]).toEqual([35, 15, true]);
    expect([...trained, ...held].sort((a, b) => a - b)).toEqual([...train.labels]);
    expect(await labelsOf((await splitForValidation(data, 0.3, 1)).validation)).toEqual(held);
    expect(await labelsOf((await splitForValidation(data, 0.3, 2)).validation)).not.toEqual(held);
  });

  it('takes the test images where nothing is held back', async () => {
    const { validation, heldBack } = await splitForValidation({ ...data, test: train }, 0, 1);
    expect([validation, heldBack]).toEqual([train, false]);
    const empty = arrayDataset(new Uint8Array(0), [], [1, 1, 1]);
    await expect(splitForValidation({ ...data, train: empty }, 0, 1)).rejects.toThrow('there are no training images');
  });
});

describe('augmentations', () => {
  it('are transforms in the order listed, with usual amounts where none is given', () => {
    const { transforms, sizes } = parseAugment('crop:3,flip,rotate,jitter:0.1');
    expect(sizes).toBe(false);
    expect(transforms([10, 8])).toMatchObject([
      { kind: 'randomCrop', size: { h: 10, w: 8 }, padding: { h: 3, w: 3 } },
      { kind: 'randomHorizontalFlip', p: 0.5 },
      { kind: 'randomRotation', degrees: 10 },
      { kind: 'colorJitter', brightness: [0.9, 1.1], hue: null },
    ]);
    expect(parseAugment('none').transforms([1, 1])).toEqual([]);
    expect(parseAugment('resized-crop,flip').sizes).toBe(true);
  });

  it.each(['', 'crop:', 'crop:1.5', 'crop:1:2', 'flip:2', 'flip,', 'none,flip', 'constructor'])(
    '%j is refused',
    (text) => {
      expect(() => parseAugment(text)).toThrow();
    },
  );
});

describe('optimisation', () => {
  const settings = newSettings({ model: 'm', data: 'd', epochs: 6 });

  it.each([
    ['sgd', { momentum: 0.9, weightDecay: 5e-4, learningRate: 0.05 }],
    ['adam', { weightDecay: 0, learningRate: 0.001 }],
    ['adamw', { weightDecay: 0.01, learningRate: 0.001 }],
    ['rmsprop', { momentum: 0, weightDecay: 0, learningRate: 0.001 }],
  ] as const)('has the optimiser %s with its settings', (optimizer, expected) => {
    const weight = ones([2], { requiresGrad: true });
    const made = makeOptimizer([weight], newSettings({ model: 'm', data: 'd', optimizer }));
    expect(made.name.toLowerCase()).toBe(optimizer);
    expect(made.groups[0]).toMatchObject(expected);
    made.dispose();
    weight.dispose();
  });

  it('schedules by epochs', () => {
    const factors = (change: object, steps: number[]) => {
      const schedule = makeSchedule({ ...settings, ...change }, 10);
      return steps.map((step) => Number(schedule(step).toFixed(6)));
    };
    expect(factors({ schedule: 'constant' }, [0, 59])).toEqual([1, 1]);
    expect(factors({ schedule: 'step' }, [0, 19, 20, 39, 40])).toEqual([1, 1, 0.1, 0.1, 0.01]);
    expect(factors({ schedule: 'step', stepEpochs: 1.5, stepFactor: 0.5 }, [14, 15, 30])).toEqual([1, 0.5, 0.25]);
    expect(factors({ schedule: 'cosine' }, [0, 30, 60])).toEqual([1, 0.5, 0]);
    expect(factors({ schedule: 'cosine', warmup: 1 }, [9, 10, 35, 60])).toEqual([
      Number((10 / 11).toFixed(6)),
      1,
      0.5,
      0,
    ]);
  });
});

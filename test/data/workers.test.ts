import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  arrayDataset,
  colorJitter,
  compose,
  concatDatasets,
  DataLoader,
  type DataLoaderOptions,
  type Dataset,
  fashionMnist,
  lensDistortion,
  moduleDataset,
  moduleTransform,
  normalise,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  subset,
  vignette,
} from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { packageRoot, runFile, runProgram } from '../support/child';
import { expectRejects } from '../support/errors';
import { readEpoch } from '../support/images';

const programs = join(packageRoot, 'test/support/programs/data');
const squares = join(programs, 'squares.mjs');

/** A data set of the tests' module. */
const squaresOf = (options: Record<string, unknown>): Promise<Dataset> => moduleDataset(squares, options);

/** The same epoch read with 0, 1 and 2 workers and different prefetch. */
async function readWithWorkers(dataset: Dataset, options: DataLoaderOptions<'float32'>) {
  const read = (workers: number, prefetch: number) =>
    readEpoch(new DataLoader(dataset, { ...options, workers, prefetch }), 2);
  return { main: await read(0, 2), others: [await read(1, 0), await read(1, 3), await read(2, 4), await read(3, 1)] };
}

describe('workers', () => {
  it('give the same batches as the main thread, to the last bit, whatever is done to the images', async () => {
    const bytes = Uint8Array.from({ length: 23 * 3 * 10 * 12 }, (_, i) => Math.imul(i, 0x9e3779b9) >>> 24);
    const images = arrayDataset(bytes, [...new Array(23).keys()], [3, 10, 12]);
    const dataset = concatDatasets([subset(images, [5, 6, 7]), images]);
    const transform = compose([
      randomRotation(20, { fill: 9 }),
      lensDistortion(),
      randomResizedCrop([9, 8], { scale: [0.3, 1] }),
      colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.2 }),
      vignette(),
      randomHorizontalFlip(),
      randomCrop([8, 7], { padding: 1 }),
      moduleTransform(join(programs, 'shift.mjs'), { amount: 3 }),
      normalise([0.1, 0.2, 0.3], [1, 2, 3]),
    ]);
    const { main, others } = await readWithWorkers(dataset, { batchSize: 5, shuffle: true, seed: 8, transform });
    expect(main.shapes[0]).toEqual([5, 3, 8, 7]);
    expect(new Set(main.images[0]).size).toBeGreaterThan(100);
    for (const other of others) expect(other).toEqual(main);
  });

  it('read Fashion-MNIST without a copy of their own', async () => {
    const dataset = await fashionMnist({ folder: join(packageRoot, 'examples/data'), split: 'test' });
    expect(dataset.spec.images).toBe(dataset.images);
    const transform = compose([randomCrop(28, { padding: 2 }), randomHorizontalFlip(), normalise(0.286, 0.353)]);
    const { main, others } = await readWithWorkers(dataset, { batchSize: 300, shuffle: true, transform });
    for (const other of others) expect(other).toEqual(main);
  });

  it('read a data set of the user, synchronous or not', async () => {
    for (const asynchronous of [false, true]) {
      const dataset = await squaresOf({ length: 37, asynchronous });
      const { main, others } = await readWithWorkers(dataset, { batchSize: 10 });
      expect(main.images.flat()).toEqual([...new Array(37).keys()].flatMap((i) => [i, i * i]));
      for (const other of others) expect(other).toEqual(main);
    }
  });

  it('divide the work', async () => {
    const dataset = await squaresOf({ length: 40, threads: true, slow: 1 });
    const { images } = await readEpoch(new DataLoader(dataset, { batchSize: 4, workers: 2 }));
    const threads = new Set(images.map(([thread]) => thread));
    expect(threads.size).toBe(2);
    expect(threads.has(0)).toBe(false);
    // A batch is made by one of them.
    for (const batch of images) expect(new Set(batch.filter((_, i) => i % 2 === 0)).size).toBe(1);
  });

  it('prepare a bounded number of batches ahead', async () => {
    const started = new Int32Array(new SharedArrayBuffer(4));
    const dataset = await moduleDataset(join(programs, 'counted.mjs'), { started, length: 30 });
    const epoch = new DataLoader(dataset, { batchSize: 1, workers: 2, prefetch: 3 }).epoch(0);
    for (const used of [1, 2]) {
      (await epoch.next()).value?.dispose();
      await sleep(200);
      expect(Atomics.load(started, 0)).toBe(used + 3);
    }
    await epoch.return();
  });

  it('do without the addon', async () => {
    const require = createRequire(import.meta.url);
    const entry = join(packageRoot, 'dist/data/worker.js');
    const loaded = new Set<string>();
    const visit = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const [, name] of readFileSync(file, 'utf8').matchAll(/require\("(\.[^"]*)"\)/g)) {
        visit(require.resolve(join(file, '..', name)));
      }
    };
    visit(entry);
    expect(loaded.size).toBeGreaterThan(15);
    expect([...loaded].filter((file) => /\/(native|tensor)\.js$/.test(file))).toEqual([]);
  });
});

describe('a failure in a worker', () => {
  it('is thrown by the loop when its batch is due, with class, code, message and the stack of the worker', async () => {
    const dataset = await squaresOf({ length: 40, failAt: 17 });
    const seen: number[] = [];
    const loop = async () => {
      for await (const batch of new DataLoader(dataset, { batchSize: 4, workers: 2, prefetch: 6 })) {
        seen.push(batch.index);
        batch.dispose();
      }
    };
    const error = await loop().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_BROKEN', message: 'sample 17 is broken' });
    expect((error as Error).stack).toContain('squares.mjs');
    expect(seen).toEqual([0, 1, 2, 3]);
  });

  it("has this package's class", async () => {
    const images = arrayDataset(new Uint8Array(12), [1, 2, 3], [1, 2, 2]);
    const loader = new DataLoader(images, { batchSize: 3, workers: 1, transform: randomCrop(5) });
    await expectRejects(readEpoch(loader), 'ShapeError', /randomCrop: the image \[1, 2, 2\]/);
  });

  it('of a module is told at the first batch', async () => {
    const images = arrayDataset(new Uint8Array(3), [1, 2, 3], [1, 1, 1]);
    const wrong: [string, RegExp, string][] = [
      ['wrongModule.mjs', /default export of file:.*wrongModule.mjs must be a function/, 'ERR_ARGUMENT'],
      ['squares.mjs', /must return a function, given/, 'ERR_ARGUMENT'],
      ['absent.mjs', /absent.mjs/, 'ERR_MODULE_NOT_FOUND'],
    ];
    for (const [file, message, code] of wrong) {
      for (const workers of [0, 1]) {
        const transform = moduleTransform(join(programs, file), {});
        const error = await readEpoch(new DataLoader(images, { batchSize: 3, workers, transform })).catch((e) => e);
        expect(error).toMatchObject({ message: expect.stringMatching(message), code });
      }
    }
    await expectRejects(moduleDataset(join(programs, 'wrongModule.mjs')), 'ArgumentError', /must be a function/);
    await expectRejects(
      moduleDataset(join(programs, 'shift.mjs'), {}),
      'ArgumentError',
      /shift.mjs must be a data set/,
    );
    await expectRejects(moduleDataset('relative.mjs'), 'ArgumentError', /absolute path/);
  });
});

describe('the process ends by itself, and the workers with the loop,', () => {
  it.each([
    ['whole', '16 batches', 0],
    ['break', '3 batches', 0],
    ['throw', 'Error : enough', 0],
    ['failure', 'RangeError ERR_BROKEN: sample 20 is broken', 0],
    ['death', 'ReceptiveError ERR_RECEPTIVE: DataLoader: a worker has ended by itself, with exit code 7', 0],
    ['abandon', 'abandoned', 0],
    ['exit', '', 3],
  ])('%s', async (how, output, status) => {
    const { code, signal, stdout, stderr } = await runProgram('data/loop.mjs', { args: [how], timeout: 30_000 });
    expect({ code, signal, stdout, stderr }).toEqual({
      code: status,
      signal: null,
      stdout: output === '' ? '' : `${output}\n`,
      stderr: '',
    });
  });

  it('and leaves no thread behind', async () => {
    const { code, stdout, stderr } = await runFile('test/support/programs/data/threads.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { before, during, after } = JSON.parse(stdout);
    expect(during).toBe(before + 2);
    expect(after).toEqual([before, before, before]);
  });
});

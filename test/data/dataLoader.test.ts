import { setTimeout as sleep } from 'node:timers/promises';
import { Tensor, tensor } from 'receptive';
import {
  arrayDataset,
  compose,
  concatDatasets,
  DataLoader,
  type DataLoaderOptions,
  type Dataset,
  normalise,
  randomCrop,
  type Sample,
  subset,
  tensorDataset,
} from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { referenceOrder } from '../reference/sampleRandom';
import { describeOnDevices } from '../support/devices';
import { expectRejects, expectThrows } from '../support/errors';
import { readEpoch } from '../support/images';

/** Images [2, 1, 3] that say which sample they are, labels too. */
function numbered(length: number): ReturnType<typeof arrayDataset> {
  const images = Float32Array.from({ length: 6 * length }, (_, i) => Math.floor(i / 6) + (i % 6) / 10);
  return arrayDataset(
    images,
    Array.from({ length }, (_, i) => i * 3),
    [2, 1, 3],
  );
}

const loaderOf = (length: number, options: Partial<DataLoaderOptions<'float32'>> = {}) =>
  new DataLoader(numbered(length), { batchSize: 4, ...options });

describeOnDevices('batches', (device) => {
  it('are tensors on the device, with the samples in order', async () => {
    const loader = loaderOf(6, { device });
    expect(loader.length).toBe(2);
    const shapes: number[][] = [];
    for await (const batch of loader.epoch(3)) {
      expect(batch.images).toBeInstanceOf(Tensor);
      expect([batch.images.dtype, batch.labels.dtype]).toEqual(['float32', 'int32']);
      expect([batch.images.device, batch.labels.device]).toEqual([device, device]);
      expect([batch.epoch, batch.index]).toEqual([3, shapes.length]);
      const values = await batch.images.data();
      for (const [row, index] of batch.indices.entries()) {
        expect(index).toBe(4 * batch.index + row);
        expect([...values.slice(6 * row, 6 * row + 6)]).toEqual([...numbered(6).get(index).data]);
      }
      expect([...(await batch.labels.data())]).toEqual([...batch.indices].map((i) => 3 * i));
      shapes.push([...batch.images.shape]);
      batch.dispose();
      expect([batch.images.disposed, batch.labels.disposed]).toEqual([true, true]);
    }
    expect(shapes).toEqual([
      [4, 2, 1, 3],
      [2, 2, 1, 3],
    ]);
  });

  it('of tensors have their values', async () => {
    const images = tensor(Uint8Array.of(0, 51, 255, 102), { shape: [2, 1, 1, 2], device });
    const labels = tensor([5, -6], { dtype: 'int32', device });
    const dataset = await tensorDataset(images, labels, { classes: ['a'] });
    images.dispose();
    labels.dispose();
    expect(dataset.classes).toEqual(['a']);
    const read = await readEpoch(new DataLoader(dataset, { batchSize: 3, device }));
    expect(read.images).toEqual([[0, 0.2, 1, 0.4].map(Math.fround)]);
    expect(read.labels).toEqual([[5, -6]]);
  });
});

describe('batches', () => {
  it('of bytes are uint8 on demand, which floats refuse', async () => {
    const images = arrayDataset(Uint8Array.of(1, 2, 3), [0, 1, 2], [1, 1, 1]);
    for await (const batch of new DataLoader(images, { batchSize: 3, dtype: 'uint8' })) {
      expect(batch.images.dtype).toBe('uint8');
      expect([...(await batch.images.data())]).toEqual([1, 2, 3]);
      batch.dispose();
    }
    const wrong = new DataLoader(images, { batchSize: 3, dtype: 'uint8', transform: normalise(0, 1) });
    await expectRejects(readEpoch(wrong), 'DTypeError', /sample 0 is float32, but dtype 'uint8'/);
  });

  it.each([
    [0, 3, false, []],
    [7, 3, false, [3, 3, 1]],
    [7, 3, true, [3, 3]],
    [6, 3, true, [3, 3]],
    [2, 3, true, []],
    [2, 3, false, [2]],
  ])('of %i samples by %i, dropLast %s, have sizes %j', async (length, batchSize, dropLast, sizes) => {
    const loader = loaderOf(length, { batchSize, dropLast });
    expect(loader.length).toBe(sizes.length);
    const { indices } = await readEpoch(loader);
    expect(indices.map((one) => one.length)).toEqual(sizes);
    expect(indices.flat()).toEqual([...new Array(sizes.reduce((a, b) => a + b, 0)).keys()]);
  });

  it('refuse samples that do not fit together, and wrong ones', async () => {
    const image = (w: number): Sample => ({ data: new Uint8Array(w), shape: [1, 1, w], label: 0 });
    const of = (...samples: unknown[]) =>
      readEpoch(new DataLoader({ length: samples.length, get: (i) => samples[i] as Sample }, { batchSize: 9 }));
    await expectRejects(
      of(image(2), image(3)),
      'ShapeError',
      /sample 1 has shape \[1, 1, 3\], sample 0 .* \[1, 1, 2\]; a crop or resize/,
    );
    await expectRejects(of(image(2), undefined), 'ArgumentError', /sample 1: data must be/);
    await expectRejects(of({ ...image(2), shape: [1, 1, 3] }), 'ShapeError', /sample 0: .*3 values, but data has 2/);
    for (const label of [0.5, 2 ** 31, '1', Number.NaN, undefined]) {
      await expectRejects(of({ ...image(2), label }), 'ArgumentError', /sample 0: label must be an int32/);
    }
  });
});

describe('an epoch', () => {
  it('is shuffled as the seed and its number say', async () => {
    const loader = loaderOf(11, { shuffle: true, seed: 9 });
    const first = await readEpoch(loader, 0);
    expect(first.indices.flat()).toEqual(referenceOrder(11, 9, 0));
    expect(first.labels.flat()).toEqual(referenceOrder(11, 9, 0).map((i) => 3 * i));
    expect((await readEpoch(loader, 5)).indices.flat()).toEqual(referenceOrder(11, 9, 5));
  });

  it('begins anywhere, and goes on exactly as if it had begun at the start', async () => {
    const transform = compose([randomCrop([1, 2]), normalise(0.5, 2)]);
    const loader = loaderOf(11, { batchSize: 2, shuffle: true, seed: 4, transform });
    const whole = await readEpoch(loader, 7);
    for (const startBatch of [0, 3, 5, 6]) {
      const rest = await readEpoch(loader, 7, startBatch);
      expect(rest.images).toEqual(whole.images.slice(startBatch));
      expect(rest.indices).toEqual(whole.indices.slice(startBatch));
    }
  });

  it('follows another when the loader itself is looped over', async () => {
    const loader = loaderOf(5, { shuffle: true });
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      for await (const batch of loader) {
        seen.push(batch.epoch);
        batch.dispose();
      }
    }
    expect(seen).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('may run beside another of the same loader', async () => {
    const loader = loaderOf(9, { shuffle: true });
    const both = await Promise.all([readEpoch(loader, 0), readEpoch(loader, 1)]);
    expect(both.map(({ indices }) => indices.flat())).toEqual([referenceOrder(9, 0, 0), referenceOrder(9, 0, 1)]);
  });

  it('is not to be had by wrong numbers', () => {
    const loader = loaderOf(5);
    for (const epoch of [-1, 0.5, 2 ** 32, '0' as never]) {
      expectThrows(() => loader.epoch(epoch), 'ArgumentError', /DataLoader.epoch: epoch must be an integer/);
    }
    expectThrows(() => loader.epoch(0, { startBatch: 3 }), 'ArgumentError', /startBatch .*from 0 to 2, given 3/);
    expectThrows(() => loader.epoch(0, { start: 3 } as never), 'ArgumentError', /'start'/);
  });
});

describe('shards', () => {
  it.each([
    [23, 3, 2, true],
    [23, 3, 2, false],
    [20, 3, 2, false],
    [2, 3, 2, false],
    [2, 3, 2, true],
    [24, 2, 4, true],
    [0, 2, 4, false],
  ])(
    'of %i samples in %i parts by %i, dropLast %s, make up the batches',
    async (length, count, batchSize, dropLast) => {
      const options = { dropLast, shuffle: true, seed: 2 };
      const whole = loaderOf(length, { ...options, batchSize: batchSize * count });
      const loaders = Array.from({ length: count }, (_, index) =>
        loaderOf(length, { ...options, batchSize, shard: { index, count } }),
      );
      const [{ indices: expected }, ...parts] = await Promise.all([whole, ...loaders].map((one) => readEpoch(one, 1)));
      expect(whole.wholeLength).toBe(whole.length);
      for (const [k, one] of loaders.entries()) {
        expect(one.wholeLength).toBe(whole.length);
        expect(one.length).toBe(parts[k].indices.length);
        if (dropLast) expect(one.length).toBe(one.wholeLength);
      }
      for (const [b, batch] of expected.entries()) {
        // One after another; a last batch with fewer samples is divided evenly.
        expect(parts.flatMap(({ indices }) => indices[b] ?? [])).toEqual(batch);
        const sizes = parts.map(({ indices }) => indices[b]?.length ?? 0);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }
    },
  );

  it('say which samples of the whole batch they are', async () => {
    const places = async (index: number) => {
      const seen: [first: number, total: number, share: number][] = [];
      for await (const batch of loaderOf(11, { batchSize: 3, shard: { index, count: 2 } })) {
        seen.push([batch.samples.first, batch.samples.total, batch.share]);
        batch.dispose();
      }
      return seen;
    };
    // Batches of 6 and of 5 samples.
    expect(await places(0)).toEqual([
      [0, 6, 1 / 2],
      [0, 5, 2 / 5],
    ]);
    expect(await places(1)).toEqual([
      [3, 6, 1 / 2],
      [2, 5, 3 / 5],
    ]);
    for await (const batch of loaderOf(3)) {
      expect([batch.samples, batch.share]).toEqual([{ first: 0, total: 3 }, 1]);
      batch.dispose();
    }
  });
});

describe('prefetch', () => {
  /** Counts what a loader has asked for while the first batch is in use. */
  async function askedFor(prefetch: number): Promise<{ before: number; during: number; after: number }> {
    let asked = 0;
    const dataset: Dataset = {
      length: 20,
      get: () => {
        asked++;
        return { data: new Uint8Array(1), shape: [1, 1, 1], label: 0 };
      },
    };
    const epoch = new DataLoader(dataset, { batchSize: 1, prefetch }).epoch(0);
    const before = asked;
    (await epoch.next()).value?.dispose();
    await sleep(50);
    const during = asked;
    await epoch.return();
    await sleep(20);
    return { before, during, after: asked };
  }

  it.each([0, 1, 2, 5])('of %i prepares so many batches ahead, and no more', async (prefetch) => {
    expect(await askedFor(prefetch)).toEqual({ before: 0, during: 1 + prefetch, after: 1 + prefetch });
  });

  it('stops in the middle of a batch when the loop is left', async () => {
    let asked = 0;
    const dataset: Dataset = {
      length: 200,
      get: async () => {
        asked++;
        await sleep(1);
        return { data: new Uint8Array(1), shape: [1, 1, 1], label: 0 };
      },
    };
    for await (const batch of new DataLoader(dataset, { batchSize: 100 }).epoch(0)) {
      batch.dispose();
      break;
    }
    const atBreak = asked;
    expect(atBreak).toBeLessThan(150);
    await sleep(30);
    expect(asked).toBe(atBreak);
  });

  it('reports a failure when its batch is due, not before', async () => {
    const broken: Dataset = {
      length: 6,
      get: (index) => {
        if (index === 3) throw new RangeError('sample 3 is broken');
        return { data: new Uint8Array(1), shape: [1, 1, 1], label: index };
      },
    };
    const seen: number[] = [];
    const loop = async () => {
      for await (const batch of new DataLoader(broken, { batchSize: 1 })) {
        await sleep(5);
        seen.push(...batch.indices);
        batch.dispose();
      }
    };
    await expect(loop()).rejects.toThrow(new RangeError('sample 3 is broken'));
    expect(seen).toEqual([0, 1, 2]);
  });

  it('leaves the event loop its turns', async () => {
    const slow: Dataset = {
      length: 64,
      get: (index) => {
        const until = performance.now() + 2;
        while (performance.now() < until);
        return { data: new Uint8Array(1), shape: [1, 1, 1], label: index };
      },
    };
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await readEpoch(new DataLoader(slow, { batchSize: 64 }));
    clearInterval(timer);
    // 128 ms of work in pieces of about 4 ms: 32 turns, on a machine with nothing else to do.
    expect(turns).toBeGreaterThan(10);
  });
});

describe('data sets of others', () => {
  it('subset takes the samples named', async () => {
    const part = subset(numbered(9), [8, 0, 0, 5]);
    expect(part.length).toBe(4);
    expect((await readEpoch(new DataLoader(part, { batchSize: 4 }))).labels).toEqual([[24, 0, 0, 15]]);
    expectThrows(
      () => subset(numbered(3), [0, 3]),
      'ArgumentError',
      /indices\[1\] must be an integer from 0 to 2, given 3/,
    );
    expectThrows(() => subset(numbered(3), [0.5]), 'ArgumentError', /given 0.5/);
    expectThrows(() => subset(numbered(3), [-1]), 'ArgumentError', /given -1/);
    expectThrows(() => subset(numbered(3), 3 as never), 'ArgumentError', /an array/);
    expectThrows(() => subset([1] as never, []), 'ArgumentError', /a data set/);
    expectThrows(() => part.get(4), 'ArgumentError', /from 0 to 3/);
  });

  it('concatDatasets puts one behind the other', async () => {
    const both = concatDatasets([numbered(2), numbered(0), subset(numbered(9), [7, 8])]);
    expect(both.length).toBe(4);
    expect((await readEpoch(new DataLoader(both, { batchSize: 4 }))).labels).toEqual([[0, 3, 21, 24]]);
    expectThrows(() => both.get(4), 'ArgumentError', /from 0 to 3/);
    expect(concatDatasets([]).length).toBe(0);
    expectThrows(() => concatDatasets([numbered(1), {} as never]), 'ArgumentError', /datasets\[1\]/);
    expectThrows(() => concatDatasets(numbered(1) as never), 'ArgumentError', /an array/);
  });

  it('arrayDataset refuses what does not fit', () => {
    const wrong =
      (...args: unknown[]) =>
      () =>
        (arrayDataset as (...args: unknown[]) => unknown)(...args);
    expectThrows(
      wrong(new Uint8Array(5), [1, 2], [1, 1, 3]),
      'ShapeError',
      /2 images of shape \[1, 1, 3\] have 6 values/,
    );
    expectThrows(wrong([1], [1], [1, 1, 1]), 'ArgumentError', /images must be/);
    expectThrows(wrong(new Uint8Array(1), [0.5], [1, 1, 1]), 'ArgumentError', /labels\[0\]/);
    expectThrows(wrong(new Uint8Array(1), 1, [1, 1, 1]), 'ArgumentError', /labels must be/);
    expectThrows(wrong(new Uint8Array(1), [1], [1, 1]), 'ShapeError', /shape must be \[C, H, W\]/);
    expectThrows(wrong(new Uint8Array(1), [1], [1, 1, 1], { names: [] }), 'ArgumentError', /'names'/);
  });

  it('tensorDataset refuses what does not fit', async () => {
    const images = tensor(new Float32Array(6), { shape: [2, 1, 1, 3] });
    const labels = tensor([1, 2, 3], { dtype: 'int32' });
    await expectRejects(tensorDataset(images, labels), 'ShapeError', /labels has 3 elements for 2 images/);
    await expectRejects(tensorDataset(labels as never, labels), 'DTypeError', /images must be float32 or uint8/);
    await expectRejects(tensorDataset(images, images as never), 'DTypeError', /labels must be int32/);
    await expectRejects(tensorDataset(3 as never, labels), 'ArgumentError', /images must be a Tensor/);
    images.dispose();
    await expectRejects(tensorDataset(images, labels), 'DisposedError', /images/);
    labels.dispose();
  });
});

describe('new DataLoader', () => {
  it.each<[Record<string, unknown>, RegExp]>([
    [{ batchSize: 0 }, /batchSize must be an integer >= 1, given 0/],
    [{ batchSize: undefined }, /batchSize/],
    [{ seed: -1 }, /seed/],
    [{ seed: 2 ** 53 }, /seed/],
    [{ shuffle: 1 }, /shuffle must be true or false/],
    [{ dropLast: 'yes' }, /dropLast/],
    [{ transform: 'flip' }, /transform must be a transform/],
    [{ transform: { kind: 'blur' } }, /of kind 'blur'/],
    [{ dtype: 'float64' }, /dtype must be 'float32' or 'uint8'/],
    [{ prefetch: -1 }, /prefetch/],
    [{ workers: 65 }, /workers must be an integer from 0 to 64/],
    [{ shard: { index: 2, count: 2 } }, /shard.index must be an integer from 0 to 1, given 2/],
    [{ shard: { index: 0 } }, /shard.count/],
    [{ shard: { index: 0, count: 1, size: 3 } }, /'size'/],
    [{ collate: true }, /unknown option 'collate'/],
  ])('refuses %j', (options, message) => {
    expectThrows(() => loaderOf(5, options), 'ArgumentError', /^DataLoader: /, message);
  });

  it('refuses devices that are not there, and what is no data set', () => {
    expectThrows(() => loaderOf(5, { device: 'cuda:99' }), 'DeviceError', /cuda:99/);
    for (const wrong of [undefined, {}, { length: -1, get: () => 1 }, { length: 2 }, [1, 2]]) {
      expectThrows(
        () => new DataLoader(wrong as never, { batchSize: 1 }),
        'ArgumentError',
        /dataset must be a data set/,
      );
    }
  });

  it('with workers refuses what they cannot make again', () => {
    const plain: Dataset = { length: 1, get: () => ({ data: new Uint8Array(1), shape: [1, 1, 1], label: 0 }) };
    const workers = { batchSize: 1, workers: 1 };
    expectThrows(
      () => new DataLoader(plain, workers),
      'ArgumentError',
      /no spec.*moduleDataset\(\), or use workers: 0/,
    );
    expectThrows(() => new DataLoader(subset(plain, [0]), workers), 'ArgumentError', /no spec/);
    expectThrows(() => new DataLoader(concatDatasets([numbered(1), plain]), workers), 'ArgumentError', /no spec/);
    const transform = compose([randomCrop(1), (image) => image]);
    expectThrows(() => loaderOf(1, { workers: 1, transform }), 'ArgumentError', /step 1, which workers cannot run/);
  });
});

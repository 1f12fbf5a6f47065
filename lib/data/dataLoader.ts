/// <reference lib="esnext.disposable" preserve="true" />
import { expectInteger, expectPlainOptions } from '../checkValues';
import { tensor } from '../creation';
import type { SampleRange } from '../random';
import { type Share, shareOf } from '../shares';
import type { Tensor } from '../tensor';
import { type BatchDType, BatchMaker, type HostBatch } from './batchMaker';
import { type BatchSource, MainThreadSource, WorkerSource } from './batchSources';
import type { Dataset, DatasetSpec } from './dataset';
import { type DataLoaderOptions, deviceOf, type LoaderSettings, maxWord, readLoaderOptions } from './loaderOptions';
import { epochOrder } from './random';
import { buildStep, type StepSpec } from './transforms/transform';

/** What a batch is of its epoch. @internal */
export type BatchPlace = Pick<Batch, 'indices' | 'epoch' | 'index' | 'samples'>;

/** Samples as tensors. Whoever gets a batch disposes it. */
export class Batch<D extends BatchDType = 'float32'> {
  /** [N, C, H, W]. */
  readonly images: Tensor<D>;
  /** [N]. */
  readonly labels: Tensor<'int32'>;
  /** Numbers of the samples within the data set, [N]. */
  readonly indices: Uint32Array;
  readonly epoch: number;
  /** The batch's place within its epoch, from 0. */
  readonly index: number;
  /** Which samples of the whole batch these are, for `withSampleRange()`: all of them, unless the loader has a shard. */
  readonly samples: SampleRange;

  /** @internal */
  constructor(images: Tensor<D>, labels: Tensor<'int32'>, place: BatchPlace) {
    this.images = images;
    this.labels = labels;
    this.indices = place.indices;
    this.epoch = place.epoch;
    this.index = place.index;
    this.samples = place.samples;
  }

  /** The part of the whole batch's samples that are in this one: 1, unless the loader has a shard. */
  get share(): number {
    return this.indices.length / this.samples.total;
  }

  /** Disposes `images` and `labels`. */
  dispose(): void {
    this.images.dispose();
    this.labels.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * A data set in batches, an epoch at a time, prepared ahead while the program trains:
 *
 * ```ts
 * const loader = new DataLoader(await fashionMnist({ split: 'train' }), {
 *   batchSize: 64, shuffle: true, seed: 1, workers: 1,
 *   transform: compose([randomCrop(28, { padding: 2 }), randomHorizontalFlip(), normalise(0.286, 0.353)]),
 * });
 * for (let epoch = 0; epoch < 10; epoch++) {
 *   for await (const batch of loader.epoch(epoch)) {
 *     step(batch.images, batch.labels);
 *     batch.dispose();
 *   }
 * }
 * ```
 *
 * **Repeatable.** The order of epoch e is a function of the data set's length, the seed and e, and an image's random numbers are
 * a function of the seed, e, the sample's number and the step of the transform. So batches do not depend on workers, prefetch or
 * timing, and a run that is resumed by `epoch(e, { startBatch })` sees what it would have seen.
 *
 * **Where the work is done.** Without workers, on the main thread, between other events, at most about 4 ms at a time (a single
 * image that takes longer is not divided). With workers, in that many threads, each batch by one of them. A worker gets no
 * functions and no objects, but plain data from which it makes the data set and the transforms again: those of this package are
 * ready for it, in-memory data sets lie in memory that is shared; code of your own is named as a module, by `moduleDataset()`
 * and `moduleTransform()`. In both cases at most `prefetch` batches are on their way or wait beside the one in use.
 *
 * **The end.** Leaving the loop, by its end, `break` or an exception, stops the work and ends the workers. So does an error in
 * a worker: the loop throws it when it comes to that batch. Whoever calls `next()` without a loop calls `return()` at the end;
 * while nobody waits for a batch, workers do not keep the process alive.
 *
 * **Shards.** The batches b of all n parts are together, one after another, the batch b of size n * batchSize; a last one with
 * fewer samples, N, is divided so that part k has those from floor(k N / n) on. With `dropLast` all parts have equally many
 * batches; without, a part may have one batch fewer than `wholeLength`, since the last one has no sample for it.
 */
export class DataLoader<D extends BatchDType = 'float32'> implements AsyncIterable<Batch<D>> {
  readonly dataset: Dataset;
  /** Batches per epoch. */
  readonly length: number;
  /** Batches per epoch of all shards together; the same as `length` without shards. */
  readonly wholeLength: number;
  readonly #settings: LoaderSettings;
  #nextEpoch = 0;

  /** @throws ArgumentError; DeviceError. */
  constructor(dataset: Dataset, options: DataLoaderOptions<D>) {
    const settings = readLoaderOptions(dataset, options);
    const { batchSize, dropLast, shard } = settings;
    this.#settings = settings;
    this.dataset = dataset;
    const batches = dataset.length / (batchSize * shard.count);
    this.wholeLength = dropLast ? Math.floor(batches) : Math.ceil(batches);
    const { begin, end } = this.#place(Math.max(this.wholeLength - 1, 0));
    this.length = begin < end ? this.wholeLength : Math.max(this.wholeLength - 1, 0);
  }

  /** The next epoch: 0 for the first loop over the loader itself, then 1 and so on. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch<D>, void, undefined> {
    return this.epoch(this.#nextEpoch++);
  }

  /**
   * The batches of an epoch, in order.
   *
   * @param epoch An integer from 0 to 2^32 - 1.
   * @param options `startBatch`: the first batch wanted, from 0 to `length`; 0 if left out.
   * @throws ArgumentError; while iterating, what the data set and the transforms throw, ShapeError for images of unequal shapes
   *   in a batch, DTypeError, OutOfMemoryError.
   */
  epoch(epoch: number, options?: { startBatch?: number }): AsyncGenerator<Batch<D>, void, undefined> {
    const op = 'DataLoader.epoch';
    const { startBatch = 0 } = expectPlainOptions(op, options, ['startBatch']);
    return this.#run(
      expectInteger(op, 'epoch', epoch, 0, maxWord),
      expectInteger(op, 'startBatch', startBatch, 0, this.length),
    );
  }

  async *#run(epoch: number, startBatch: number): AsyncGenerator<Batch<D>, void, undefined> {
    if (startBatch === this.length) return;
    const { prefetch, shuffle, seed } = this.#settings;
    const source = this.#openSource();
    try {
      const order = await epochOrder(this.dataset.length, shuffle, seed, epoch);
      const ahead: Promise<HostBatch>[] = [];
      let next = startBatch;
      const startUpTo = (end: number): void => {
        for (; next < Math.min(end, this.length); next++) {
          const batch = source.make({ epoch, indices: this.#samples(order, next).indices });
          // One that fails is reported when its turn comes.
          batch.catch(() => {});
          ahead.push(batch);
        }
      };
      for (let index = startBatch; index < this.length; index++) {
        startUpTo(index + Math.max(prefetch, 1));
        const host = await source.wait(ahead.shift() as Promise<HostBatch>);
        startUpTo(index + 1 + prefetch);
        yield this.#batch(host, { ...this.#samples(order, index), epoch, index });
      }
    } finally {
      await source.end();
    }
  }

  /** Of the whole batch of all shards, the samples from `first`, and of those this shard's from `begin` to `end` - 1. */
  #place(batch: number): Share & { first: number; total: number } {
    const { batchSize, shard } = this.#settings;
    const size = batchSize * shard.count;
    const first = batch * size;
    const total = Math.min(size, this.dataset.length - first);
    return { first, total, ...shareOf(total, shard.index, shard.count) };
  }

  /** The samples of a batch. */
  #samples(order: Uint32Array, batch: number): { indices: Uint32Array; samples: SampleRange } {
    const { first, total, begin, end } = this.#place(batch);
    return { indices: order.slice(first + begin, first + end), samples: { first: begin, total } };
  }

  #openSource(): BatchSource {
    const { workers, steps, seed, dtype } = this.#settings;
    if (workers === 0) {
      const built = Promise.all(steps.map(buildStep));
      return new MainThreadSource(built.then((functions) => new BatchMaker(this.dataset, functions, seed, dtype)));
    }
    // The options were refused if there were none, or functions among the steps.
    const dataset = this.dataset.spec as DatasetSpec;
    return new WorkerSource(Math.min(workers, this.length), {
      dataset,
      steps: steps as readonly StepSpec[],
      seed,
      dtype,
    });
  }

  #batch(host: HostBatch, place: BatchPlace): Batch<D> {
    const device = deviceOf(this.#settings);
    const images = tensor(host.images, { shape: host.shape, device }) as Tensor<D>;
    try {
      return new Batch(images, tensor(host.labels, { device }), place);
    } catch (error) {
      images.dispose();
      throw error;
    }
  }
}

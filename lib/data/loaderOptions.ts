// The options of a DataLoader, checked.
import { expectBoolean, expectInteger, expectOneOf, expectPlainOptions } from '../checkValues';
import { defaultDeviceNumber, deviceId, deviceOption } from '../deviceTable';
import { ArgumentError } from '../errors';
import { describe } from '../text';
import type { BatchDType } from './batchMaker';
import { type Dataset, expectDataset } from './dataset';
import type { TransformFunction } from './transforms/pixels';
import { expectTransform, flattenTransform, type StepSpec, type Transform } from './transforms/transform';

/** Options of `new DataLoader()`. */
export interface DataLoaderOptions<D extends BatchDType = BatchDType> {
  /** Samples per batch; the last batch of an epoch may have fewer. */
  batchSize: number;
  /** Visit the samples in an order drawn anew for each epoch; false if left out. */
  shuffle?: boolean;
  /** Seed of the order and of the transforms' random numbers, an integer from 0 to 2^53 - 1; 0 if left out. */
  seed?: number;
  /** Leave out a last batch with fewer than `batchSize` samples; false if left out. */
  dropLast?: boolean;
  /** Done to each image; `compose()` makes one transform of several. */
  transform?: Transform;
  /** Element type of the images: `float32` if left out, to which bytes are converted as x / 255; `uint8` keeps bytes. */
  dtype?: D;
  /** Device of the batches; the default device when a batch is handed out, if left out. */
  device?: string;
  /** Most batches that are prepared ahead of the one in use; 2, or the number of workers if that is more, if left out. */
  prefetch?: number;
  /** Threads that prepare batches; 0, the main thread between other events, if left out. */
  workers?: number;
  /** Only the part `index` of `count` equal parts of each batch, for training in several processes; `batchSize` is of a part. */
  shard?: { readonly index: number; readonly count: number };
}

/** @internal */
export interface LoaderSettings {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  readonly steps: readonly (StepSpec | TransformFunction)[];
  readonly dtype: BatchDType;
  /** `undefined`: the default device of the moment. */
  readonly device: string | undefined;
  readonly prefetch: number;
  readonly workers: number;
  readonly shard: { readonly index: number; readonly count: number };
}

const op = 'DataLoader';
const names = [
  'batchSize',
  'shuffle',
  'seed',
  'dropLast',
  'transform',
  'dtype',
  'device',
  'prefetch',
  'workers',
  'shard',
] as const;

/** More than any machine can feed; a typing error, rather. */
const maxWorkers = 64;
/** Sample numbers and epochs are words of the random numbers' counter. @internal */
export const maxWord = 2 ** 32 - 1;

/** @internal */
export function readLoaderOptions(dataset: Dataset, options: DataLoaderOptions): LoaderSettings {
  expectDataset(op, 'dataset', dataset);
  expectInteger(op, 'dataset.length', dataset.length, 0, maxWord);
  const given = expectPlainOptions(op, options, names);
  const workers = expectInteger(op, 'workers', given.workers ?? 0, 0, maxWorkers);
  const settings: LoaderSettings = {
    batchSize: expectInteger(op, 'batchSize', given.batchSize, 1),
    shuffle: expectBoolean(op, 'shuffle', given.shuffle ?? false),
    seed: expectInteger(op, 'seed', given.seed ?? 0, 0),
    dropLast: expectBoolean(op, 'dropLast', given.dropLast ?? false),
    steps: stepsOf(given.transform),
    dtype: expectOneOf(op, 'dtype', given.dtype ?? 'float32', ['float32', 'uint8']),
    device: given.device === undefined ? undefined : deviceId(deviceOption(op, given.device)),
    prefetch: expectInteger(op, 'prefetch', given.prefetch ?? Math.max(2, workers), 0),
    workers,
    shard: shardOf(given.shard),
  };
  if (workers > 0) expectDescribable(dataset, settings.steps);
  return settings;
}

/** The device of a batch that is made now. @internal */
export function deviceOf({ device }: LoaderSettings): string {
  return device ?? deviceId(defaultDeviceNumber());
}

function stepsOf(transform: Transform | undefined): (StepSpec | TransformFunction)[] {
  if (transform === undefined) return [];
  expectTransform(op, 'transform', transform);
  return flattenTransform(transform);
}

function shardOf(shard: DataLoaderOptions['shard']): LoaderSettings['shard'] {
  if (shard === undefined) return { index: 0, count: 1 };
  const { index, count } = expectPlainOptions(`${op}: shard`, shard, ['index', 'count']);
  const parts = expectInteger(op, 'shard.count', count, 1, maxWord);
  return { index: expectInteger(op, 'shard.index', index, 0, parts - 1), count: parts };
}

/** Workers make everything again from plain data. */
function expectDescribable(dataset: Dataset, steps: LoaderSettings['steps']): void {
  const step = steps.findIndex((one) => typeof one === 'function');
  if (step !== -1) {
    throw new ArgumentError(
      `${op}: transform has ${describe(steps[step])} as step ${step}, which workers cannot run; write it as a module and name ` +
        'that by moduleTransform(), or use workers: 0',
    );
  }
  if (dataset.spec === undefined) {
    throw new ArgumentError(
      `${op}: dataset has no spec, from which workers could make it again; write it as a module and name that by ` +
        'moduleDataset(), or use workers: 0',
    );
  }
}

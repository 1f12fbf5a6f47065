// Preparing a batch: samples read, transformed and laid one after another. Runs in workers and on the main thread alike.
import { DTypeError, ShapeError } from '../errors';
import { shapeText } from '../shape';
import type { Dataset } from './dataset';
import { SampleRandom } from './random';
import { checkImage, checkLabel, type HostImage, type ImageShape, pixelCount, type Sample } from './sample';
import type { TransformFunction } from './transforms/pixels';
import { byteValues } from './transforms/values';

/** Which samples make a batch. */
export interface BatchRequest {
  readonly epoch: number;
  readonly indices: Uint32Array;
}

export type BatchDType = 'float32' | 'uint8';

/** A batch in host memory. */
export interface HostBatch {
  /** [N, C, H, W]. */
  readonly images: Float32Array | Uint8Array;
  readonly shape: readonly [number, number, number, number];
  readonly labels: Int32Array;
}

/** Lets other events have their turn. */
export interface Pause {
  /** Asked before each sample: whether it is time. Throws where the batch is not wanted any more. */
  due(): boolean;
  rest(): Promise<void>;
}

/** Files that are read and decoded at the same time. */
const readAhead = 8;

const isPromise = <T>(value: T | Promise<T>): value is Promise<T> => typeof (value as Promise<T>)?.then === 'function';

export class BatchMaker {
  private readonly random: SampleRandom;

  constructor(
    private readonly dataset: Dataset,
    private readonly steps: readonly TransformFunction[],
    seed: number,
    private readonly dtype: BatchDType,
  ) {
    this.random = new SampleRandom(seed);
  }

  /** @throws What the data set and the transforms throw; ArgumentError, ShapeError and DTypeError for samples that do not fit. */
  async make({ epoch, indices }: BatchRequest, pause?: Pause): Promise<HostBatch> {
    const rows = new Rows(indices, this.dtype);
    const read = this.reader(indices);
    for (let row = 0; row < indices.length; row++) {
      if (pause?.due()) await pause.rest();
      const sample = await read(row);
      checkImage(`sample ${indices[row]}`, sample);
      checkLabel(`sample ${indices[row]}`, sample.label);
      rows.put(row, this.transformed(sample, indices[row], epoch), sample.label);
    }
    return rows.batch();
  }

  /** Samples by row. Where the data set takes its time, the next ones are on their way already. */
  private reader(indices: Uint32Array): (row: number) => Sample | Promise<Sample> {
    const pending: Promise<Sample>[] = [];
    let waits = false;
    return (row) => {
      if (!waits) {
        const sample = this.dataset.get(indices[row]);
        if (!isPromise(sample)) return sample;
        waits = true;
        pending[row] = sample;
      }
      for (let next = row; next < Math.min(row + readAhead, indices.length); next++) {
        if (pending[next] !== undefined) continue;
        pending[next] = (async () => this.dataset.get(indices[next]))();
        // It is awaited only if those before it succeed.
        pending[next].catch(() => {});
      }
      return pending[row];
    };
  }

  private transformed(sample: HostImage, index: number, epoch: number): HostImage {
    let image = sample;
    for (let step = 0; step < this.steps.length; step++) {
      image = this.steps[step](image, this.random.start(step, index, epoch));
    }
    return image;
  }
}

/** The images and labels of a batch in the making; the first image gives the shape. */
class Rows {
  private shape: ImageShape = [0, 0, 0];
  private size = 0;
  private images: Float32Array | Uint8Array = new Uint8Array(0);
  private readonly labels: Int32Array;

  constructor(
    private readonly indices: Uint32Array,
    private readonly dtype: BatchDType,
  ) {
    this.labels = new Int32Array(indices.length);
  }

  put(row: number, image: HostImage, label: number): void {
    if (row === 0) this.allocate(image.shape);
    this.expectFit(row, image);
    this.labels[row] = label;
    const { data } = image;
    const offset = row * this.size;
    if (this.dtype === 'float32' && data instanceof Uint8Array) {
      for (let i = 0; i < data.length; i++) this.images[offset + i] = byteValues[data[i]];
    } else {
      this.images.set(data, offset);
    }
  }

  batch(): HostBatch {
    return { images: this.images, shape: [this.indices.length, ...this.shape], labels: this.labels };
  }

  private allocate(shape: ImageShape): void {
    this.shape = shape;
    this.size = pixelCount(shape);
    const size = this.indices.length * this.size;
    this.images = this.dtype === 'float32' ? new Float32Array(size) : new Uint8Array(size);
  }

  private expectFit(row: number, { data, shape }: HostImage): void {
    const [c, h, w] = shape;
    if (c !== this.shape[0] || h !== this.shape[1] || w !== this.shape[2]) {
      throw new ShapeError(
        `DataLoader: sample ${this.indices[row]} has shape ${shapeText(shape)}, sample ${this.indices[0]} of the same batch ` +
          `${shapeText(this.shape)}; a crop or resize makes them equal`,
      );
    }
    if (this.dtype === 'uint8' && !(data instanceof Uint8Array)) {
      throw new DTypeError(
        `DataLoader: sample ${this.indices[row]} is float32, but dtype 'uint8' was asked for; leave out the transforms ` +
          'that make floats, or ask for float32',
      );
    }
  }
}

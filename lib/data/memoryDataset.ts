// A data set whose images lie in memory.
import { type Dataset, expectIndex } from './dataset';
import { type ImageShape, pixelCount, type Sample } from './sample';

/** Images in memory that threads share. */
export interface MemorySpec {
  readonly kind: 'memory';
  readonly images: Uint8Array | Float32Array;
  readonly labels: Int32Array;
  readonly shape: ImageShape;
}

type Shareable = Uint8Array | Float32Array | Int32Array;

/** The same values in memory that other threads can see without a copy of their own. */
function shared<T extends Shareable>(array: T): T {
  if (array.buffer instanceof SharedArrayBuffer) return array;
  const copy = new (array.constructor as new (buffer: SharedArrayBuffer) => T)(new SharedArrayBuffer(array.byteLength));
  copy.set(array);
  return copy;
}

/** Images of one size, one after another, and their labels. */
export class MemoryDataset<A extends Uint8Array | Float32Array = Uint8Array | Float32Array> implements Dataset {
  /** All images, [N, C, H, W]. */
  readonly images: A;
  /** One label per image. */
  readonly labels: Int32Array;
  /** Of each image. */
  readonly shape: ImageShape;
  readonly length: number;
  /** Names of the classes, where they are known. */
  readonly classes: readonly string[] | undefined;
  #spec: MemorySpec | undefined;

  /** @internal */
  constructor(images: A, labels: Int32Array, shape: ImageShape, classes?: readonly string[] | undefined) {
    this.images = images;
    this.labels = labels;
    this.shape = shape;
    this.length = labels.length;
    this.classes = classes;
  }

  /** Sample `index`; its image is a view of `images`. */
  get(index: number): Sample {
    expectIndex(index, this.length);
    const size = pixelCount(this.shape);
    return {
      data: this.images.subarray(index * size, (index + 1) * size),
      shape: this.shape,
      label: this.labels[index],
    };
  }

  /** For workers. The first use copies the images into shared memory, unless they were read into it. */
  get spec(): MemorySpec {
    this.#spec ??= { kind: 'memory', images: shared(this.images), labels: shared(this.labels), shape: this.shape };
    return this.#spec;
  }
}

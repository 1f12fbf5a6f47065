// Data sets of what a program already has: arrays, tensors, or code of its own.

import { expectDtype, expectRank, expectTensor } from '../check';
import { expectPlainOptions } from '../checkValues';
import { ArgumentError, ShapeError } from '../errors';
import { expectShape, shapeText } from '../shape';
import type { Tensor } from '../tensor';
import { describe } from '../text';
import type { Dataset, ModuleDatasetSpec } from './dataset';
import { MemoryDataset } from './memoryDataset';
import { importDataset } from './openDataset';
import { checkLabel, type ImageShape, pixelCount, type Sample } from './sample';
import { type ModuleLocation, moduleUrl, plainData } from './userModule';

/** Options of `arrayDataset()` and `tensorDataset()`. */
export interface ArrayDatasetOptions {
  /** Names of the classes, by label. */
  classes?: readonly string[];
}

/**
 * Images and labels in arrays. They are not copied: a change of the arrays changes the data set (but not what workers see of
 * it, once they have been used).
 *
 * @param images All images one after another, [N, C, H, W]; bytes stand for 0 to 1 in steps of 1/255.
 * @param labels One int32 per image.
 * @param shape Of one image: [C, H, W].
 * @throws ArgumentError, ShapeError.
 */
export function arrayDataset<A extends Uint8Array | Float32Array>(
  images: A,
  labels: ArrayLike<number>,
  shape: ImageShape,
  options?: ArrayDatasetOptions,
): MemoryDataset<A> {
  const op = 'arrayDataset';
  const { classes } = expectPlainOptions(op, options, ['classes']);
  const extents = expectShape(op, 'shape', shape);
  if (extents.length !== 3) throw new ShapeError(`${op}: shape must be [C, H, W], given ${shapeText(extents)}`);
  if (!(images instanceof Uint8Array) && !(images instanceof Float32Array)) {
    throw new ArgumentError(`${op}: images must be a Uint8Array or a Float32Array, given ${describe(images)}`);
  }
  if (typeof labels?.length !== 'number') {
    throw new ArgumentError(`${op}: labels must be an array of int32, given ${describe(labels)}`);
  }
  const numbers = labels instanceof Int32Array ? labels : Int32Array.from(labels);
  for (let i = 0; i < numbers.length; i++) if (numbers[i] !== labels[i]) checkLabel(`${op}: labels[${i}]`, labels[i]);
  const imageShape = extents as unknown as ImageShape;
  if (images.length !== numbers.length * pixelCount(imageShape)) {
    throw new ShapeError(
      `${op}: ${numbers.length} images of shape ${shapeText(extents)} have ` +
        `${numbers.length * pixelCount(imageShape)} values, images has ${images.length}`,
    );
  }
  return new MemoryDataset(images, numbers, imageShape, classes);
}

/**
 * Images and labels in tensors, whose values are read once, here; the tensors may be disposed afterwards.
 *
 * @param images [N, C, H, W], float32 or uint8.
 * @param labels [N], int32.
 * @throws ArgumentError, ShapeError, DTypeError, DisposedError, all by rejection.
 */
export async function tensorDataset(
  images: Tensor<'float32'> | Tensor<'uint8'>,
  labels: Tensor<'int32'>,
  options?: ArrayDatasetOptions,
): Promise<MemoryDataset> {
  const op = 'tensorDataset';
  expectTensor(op, 'images', images);
  expectTensor(op, 'labels', labels);
  expectDtype(op, 'images', images, ['float32', 'uint8']);
  expectDtype(op, 'labels', labels, ['int32']);
  expectRank(op, 'images', images, 4, '[N, C, H, W]');
  expectRank(op, 'labels', labels, 1, '[N]');
  const [count, channels, height, width] = images.shape;
  if (labels.shape[0] !== count) {
    throw new ShapeError(`${op}: labels has ${labels.shape[0]} elements for ${count} images`);
  }
  const { classes } = expectPlainOptions(op, options, ['classes']);
  const [pixels, numbers] = await Promise.all([images.data(), labels.data()]);
  return new MemoryDataset(pixels, numbers, [channels, height, width], classes);
}

/**
 * A data set of your own that workers can read too: the module's default export is a function of `options` that returns a data
 * set (`length` and `get(index)`) or a promise of one. Each thread that prepares samples imports the module and calls it once.
 *
 * @param module An absolute path or a `file:` URL.
 * @param options Plain data, passed on to the module's function.
 * @throws ArgumentError, and what the module throws, by rejection.
 * @example const dataset = await moduleDataset(new URL('./photos.mjs', import.meta.url), { folder });
 */
export async function moduleDataset(module: ModuleLocation, options?: unknown): Promise<Dataset> {
  const url = moduleUrl('moduleDataset', module);
  const spec: ModuleDatasetSpec = { kind: 'module', url, options: plainData('moduleDataset', options) };
  return new ModuleDataset(await importDataset(url, options), spec);
}

class ModuleDataset implements Dataset {
  constructor(
    private readonly of: Dataset,
    readonly spec: ModuleDatasetSpec,
  ) {}

  get length(): number {
    return this.of.length;
  }

  get(index: number): Sample | Promise<Sample> {
    return this.of.get(index);
  }
}

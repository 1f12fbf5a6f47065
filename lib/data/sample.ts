// What data sets hold and transforms work on: images in plain typed arrays, on the host.
import { ArgumentError, ShapeError } from '../errors';
import { shapeText } from '../shape';
import { describe } from '../text';

/** Channels, height and width. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * An image on the host, its planes one after another, rows from the top. Bytes stand for 0 to 1 in steps of 1/255: wherever
 * values between 0 and 1 are spoken of, a byte x counts as x/255.
 */
export interface HostImage {
  /** The values, C*H*W of them. Whoever gets an image must not write to it: it may be a view of the whole data set. */
  readonly data: Uint8Array | Float32Array;
  readonly shape: ImageShape;
}

/** An image and its class. */
export interface Sample extends HostImage {
  /** An int32, usually from 0 to the number of classes - 1. */
  readonly label: number;
}

/** Number of values of an image. @internal */
export function pixelCount(shape: ImageShape): number {
  return shape[0] * shape[1] * shape[2];
}

const validExtent = (extent: unknown): boolean => Number.isSafeInteger(extent) && (extent as number) >= 0;

/** What a data set or transform of the user's own returned is an image. `source` says which, for the message. @internal */
export function checkImage(source: string, image: HostImage): void {
  const { data, shape } = (image ?? {}) as HostImage;
  if (!(data instanceof Uint8Array) && !(data instanceof Float32Array)) {
    throw new ArgumentError(`${source}: data must be a Uint8Array or a Float32Array, given ${describe(data)}`);
  }
  if (!Array.isArray(shape) || shape.length !== 3 || !shape.every(validExtent)) {
    throw new ShapeError(`${source}: shape must be [C, H, W], given ${describe(shape)}`);
  }
  if (data.length !== pixelCount(image.shape)) {
    throw new ShapeError(
      `${source}: shape ${shapeText(shape)} holds ${pixelCount(image.shape)} values, but data has ${data.length}`,
    );
  }
}

/** @internal */
export function checkLabel(source: string, label: unknown): void {
  if (typeof label !== 'number' || (label | 0) !== label) {
    throw new ArgumentError(`${source}: label must be an int32, given ${describe(label)}`);
  }
}

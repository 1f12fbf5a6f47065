// Augmentations by name, as a command line lists them.

import { colorJitter } from '../data/transforms/colorJitter';
import { randomCrop } from '../data/transforms/crop';
import { randomHorizontalFlip } from '../data/transforms/flip';
import { randomResizedCrop } from '../data/transforms/resize';
import type { Transform } from '../data/transforms/transform';
import { randomRotation } from '../data/transforms/warp';
import { ArgumentError } from '../errors';

type Size = readonly [height: number, width: number];

interface Augmentation {
  /** What the number after the colon is, for help and messages. */
  readonly amount: string;
  /** Where none is given. */
  readonly usual: number;
  readonly low: number;
  readonly high: number;
  readonly integer?: boolean;
  /** Whether it takes images of any size, and makes them the size wanted. */
  readonly sizes?: boolean;
  readonly make: (amount: number, size: Size) => Transform;
}

const table: Readonly<Record<string, Augmentation>> = {
  crop: {
    ...{ amount: 'pixels of padding', usual: 2, low: 1, high: 64, integer: true },
    make: (padding, size) => randomCrop(size, { padding }),
  },
  'resized-crop': {
    ...{ amount: 'least part of the area', usual: 0.3, low: 0.01, high: 1, sizes: true },
    make: (least, size) => randomResizedCrop(size, { scale: [least, 1] }),
  },
  flip: { amount: 'probability', usual: 0.5, low: 0, high: 1, make: (p) => randomHorizontalFlip(p) },
  rotate: { amount: 'most degrees', usual: 10, low: 0, high: 180, make: (degrees) => randomRotation(degrees) },
  jitter: {
    ...{ amount: 'brightness, contrast and saturation', usual: 0.2, low: 0, high: 1 },
    make: (amount) => colorJitter({ brightness: amount, contrast: amount, saturation: amount }),
  },
};

/** A line for each augmentation, for a help text. */
export const augmentationHelp: readonly string[] = Object.entries(table).map(
  ([name, { amount, usual }]) => `${`${name}[:X]`.padEnd(17)} ${amount}, ${usual} if left out`,
);

/** Augmentations in order. */
export interface Augmentations {
  /** Whether the first one takes images of any size. */
  readonly sizes: boolean;
  /** For images of a size. */
  transforms(size: Size): Transform[];
}

/**
 * @param text `none`, or names with commas between them, each with an amount after a colon if wanted: `crop:2,flip`.
 * @throws ArgumentError that says what is allowed.
 */
export function parseAugment(text: string): Augmentations {
  if (text === 'none') return { sizes: false, transforms: () => [] };
  const steps = text.split(',').map((item) => {
    const [name, given, ...rest] = item.split(':');
    const augmentation = Object.hasOwn(table, name) ? table[name] : undefined;
    if (augmentation === undefined || rest.length > 0) {
      throw new ArgumentError(`'${item}' is none of ${Object.keys(table).join(', ')} (with :X behind it) or none`);
    }
    return { ...augmentation, amount: amountOf(name, augmentation, given) };
  });
  return {
    sizes: steps[0].sizes ?? false,
    transforms: (size) => steps.map(({ make, amount }) => make(amount, size)),
  };
}

function amountOf(
  name: string,
  { amount, usual, low, high, integer }: Augmentation,
  given: string | undefined,
): number {
  if (given === undefined) return usual;
  const value = Number(given);
  const right = given.trim() !== '' && value >= low && value <= high && (!integer || Number.isInteger(value));
  if (right) return value;
  const kind = integer ? 'an integer' : 'a number';
  throw new ArgumentError(`${name}:${given}: ${amount} must be ${kind} from ${low} to ${high}`);
}

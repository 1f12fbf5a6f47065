// Data sets as a command line names them.
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { moduleDataset } from '../data/arrays';
import type { Dataset } from '../data/dataset';
import { fashionMnist, fashionMnistClasses, fashionMnistFolder } from '../data/fashionMnist';
import { imageFolder } from '../data/imageFolder';
import { epochOrder } from '../data/random';
import { subset } from '../data/views';
import { ArgumentError, FormatError } from '../errors';
import { describe } from '../text';

/** Training images and, where there are any, images of the data's own to test with. */
export interface TrainingData {
  /** For people. */
  readonly description: string;
  readonly train: Dataset;
  readonly test: Dataset | undefined;
  /** By label. */
  readonly classes: readonly string[];
}

/** What an image may be decoded to. */
export interface DecodeOptions {
  /** Of training images; of test images. As they are if left out. */
  readonly trainSize?: readonly [height: number, width: number];
  readonly testSize?: readonly [height: number, width: number];
}

const kinds = ['fashion-mnist', 'images', 'module'] as const;
type Kind = (typeof kinds)[number];

/**
 * The full form of what names a data set: `kind:path` with an absolute path.
 *
 * @throws ArgumentError for another kind, or a path that is missing or not there.
 */
export function normalDataName(text: string): string {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  if (!(kinds as readonly string[]).includes(kind)) {
    throw new ArgumentError(
      `'${text}' is no data set; allowed are fashion-mnist, fashion-mnist:DIR, images:DIR and module:FILE`,
    );
  }
  const given = colon < 0 ? undefined : text.slice(colon + 1);
  if (given === undefined && kind === 'fashion-mnist') return `${kind}:${fashionMnistFolder}`;
  if (given === undefined || given === '') {
    throw new ArgumentError(`'${text}' needs a path after the colon: ${kind}:${kind === 'module' ? 'FILE' : 'DIR'}`);
  }
  return `${kind}:${resolve(given)}`;
}

/**
 * @param name As `normalDataName()` gives it.
 * @throws What the data sets throw: ArgumentError and FormatError naming file and problem, UnsupportedError without sharp.
 */
export function openData(name: string, decode: DecodeOptions): Promise<TrainingData> {
  const colon = name.indexOf(':');
  const path = name.slice(colon + 1);
  return { 'fashion-mnist': openFashionMnist, images: openImages, module: openModule }[name.slice(0, colon) as Kind](
    path,
    decode,
  );
}

async function openFashionMnist(folder: string): Promise<TrainingData> {
  const [train, test] = await Promise.all([
    fashionMnist({ folder, split: 'train' }),
    fashionMnist({ folder, split: 'test' }),
  ]);
  return { description: `Fashion-MNIST (${folder})`, train, test, classes: fashionMnistClasses };
}

async function openImages(folder: string, { trainSize, testSize }: DecodeOptions): Promise<TrainingData> {
  const train = await imageFolder(join(folder, 'train'), trainSize && { size: trainSize });
  const testFolder = join(folder, 'val');
  const test = existsSync(testFolder) ? await imageFolder(testFolder, testSize && { size: testSize }) : undefined;
  const { classes } = train;
  if (test !== undefined && test.classes.join('\n') !== classes.join('\n')) {
    const others = test.classes.filter((one) => !classes.includes(one));
    const lacking = classes.filter((one) => !test.classes.includes(one));
    throw new FormatError(
      `train: ${testFolder} must have the ${classes.length} classes of train/; it has ${test.classes.length}, ` +
        `lacks [${lacking.join(', ')}] and has [${others.join(', ')}] besides`,
    );
  }
  return { description: `images of ${folder}`, train, test, classes };
}

/**
 * A module of the user's own: the default export, given `{ split: 'train' | 'test' }`, returns a data set or a promise of one;
 * `classes` are names of the classes or their number; `splits`, if there is no test split, is ['train'].
 */
async function openModule(file: string): Promise<TrainingData> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new ArgumentError(`train: ${file}: no such file; --data module:FILE names a module that makes data sets`);
  }
  const { classes, splits = ['train', 'test'] } = (await import(pathToFileURL(file).href)) as {
    classes?: unknown;
    splits?: unknown;
  };
  const names = classNames(file, classes);
  if (!Array.isArray(splits) || !splits.includes('train')) {
    throw new ArgumentError(
      `train: ${file}: the export splits must be ['train', 'test'] or ['train'], given ${describe(splits)}`,
    );
  }
  const train = await moduleDataset(file, { split: 'train' });
  const test = splits.includes('test') ? await moduleDataset(file, { split: 'test' }) : undefined;
  return { description: `data sets of ${file}`, train, test, classes: names };
}

function classNames(file: string, classes: unknown): readonly string[] {
  if (Number.isSafeInteger(classes) && (classes as number) >= 1) {
    return Array.from({ length: classes as number }, (_, label) => String(label));
  }
  if (Array.isArray(classes) && classes.length > 0 && classes.every((name) => typeof name === 'string')) return classes;
  throw new ArgumentError(
    `train: ${file}: the export classes must be a list of names or their number, given ${describe(classes)}`,
  );
}

/** What a data set's random numbers are drawn for here; no epoch is as late. */
const splitEpoch = 2 ** 32 - 1;

/** Training images, and images to validate with: a random part of the training images, or the data's own test images. */
export interface ValidatedData {
  readonly train: Dataset;
  readonly validation: Dataset;
  /** Indices of the images behind `train` and `validation` are of `data.train` where this is true. */
  readonly heldBack: boolean;
}

/**
 * @param valSplit Part of the training images to hold back, the same ones for the same seed; 0: the test images validate.
 * @throws ArgumentError, by rejection, where a side would be without images.
 */
export async function splitForValidation(data: TrainingData, valSplit: number, seed: number): Promise<ValidatedData> {
  const { train, test } = data;
  if (train.length === 0) throw new ArgumentError(`train: ${data.description}: there are no training images`);
  if (valSplit === 0) {
    if (test !== undefined && test.length > 0) return { train, validation: test, heldBack: false };
    throw new ArgumentError(
      `train: ${data.description}: there are no test images; --val-split 0.1 holds a tenth of the training images back`,
    );
  }
  const held = Math.round(valSplit * train.length);
  if (held === 0 || held === train.length) {
    throw new ArgumentError(
      `train: --val-split ${valSplit} of ${train.length} training images is ${held}; both parts need at least one`,
    );
  }
  const order = await epochOrder(train.length, true, seed, splitEpoch);
  return {
    train: subset(train, order.slice(held).sort()),
    validation: subset(train, order.slice(0, held).sort()),
    heldBack: true,
  };
}

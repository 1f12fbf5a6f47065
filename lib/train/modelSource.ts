// Models as a command line names them, and whether they fit the images.
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { zeros } from '../creation';
import type { ImageShape } from '../data/sample';
import { defaultExport } from '../data/userModule';
import { ArgumentError, ShapeError } from '../errors';
import { createModel, type ModelName, modelNames, models } from '../models/registry';
import { expectModule, type Module } from '../nn/module';
import { tidy } from '../scope';
import { expectShape, shapeText } from '../shape';
import { noGrad } from '../tape/noGrad';
import { describe } from '../text';

/** A model that is not made yet. */
export interface ModelSource {
  /** For people. */
  readonly title: string;
  /** [C, H, W] of the images it was made for, where that is known. */
  readonly inputShape: ImageShape | undefined;
  make(options: ModelRequest): Promise<Module>;
}

/** What a model is made for; also what the factory of a user's module is given. */
export interface ModelRequest {
  readonly classes: number;
  /** [C, H, W]. */
  readonly inputShape: ImageShape;
}

const isModelName = (text: string): text is ModelName => (modelNames as readonly string[]).includes(text);

/**
 * The full form of what names a model: a name of `receptive/models`, or the absolute path of a module.
 *
 * @throws ArgumentError when it is neither.
 */
export function normalModelName(text: string): string {
  if (isModelName(text)) return text;
  const path = resolve(text);
  if (existsSync(path)) return path;
  throw new ArgumentError(`'${text}' is neither a file nor a model; models are ${modelNames.join(', ')}`);
}

/**
 * @param name As `normalModelName()` gives it.
 * @throws ArgumentError, by rejection, for a module without a factory; what the module throws.
 */
export async function openModel(name: string): Promise<ModelSource> {
  if (isModelName(name)) {
    const { title, channels, inputSize } = models[name];
    return {
      title,
      inputShape: [channels, inputSize, inputSize],
      make: async ({ classes, inputShape }) => createModel(name, { classes, channels: inputShape[0] }),
    };
  }
  if (!isAbsolute(name)) throw new ArgumentError(`train: there is no model ${describe(name)}`);
  return openModule(name);
}

/**
 * A module of the user's own: the default export, given `{ classes, inputShape }`, returns a `Module` or a promise of one;
 * `inputShape` is [C, H, W] of the images it takes, if it takes no others.
 */
async function openModule(file: string): Promise<ModelSource> {
  const url = pathToFileURL(file).href;
  const factory = await defaultExport('train', url);
  const { inputShape } = (await import(url)) as { inputShape?: unknown };
  if (inputShape !== undefined && expectShape('train', 'inputShape', inputShape as number[]).length !== 3) {
    throw new ShapeError(`train: ${file}: inputShape must be [C, H, W], given ${describe(inputShape)}`);
  }
  return {
    title: file,
    inputShape: inputShape as ImageShape | undefined,
    async make(options) {
      const model: unknown = await factory(options);
      expectModule<'float32'>('train', `what the default export of ${file} returned`, model);
      return model;
    },
  };
}

/**
 * Makes a model and runs it once on an image of zeros, in inference.
 *
 * @throws ShapeError, by rejection, when it does not take such images, or gives other than one number per class.
 */
export async function makeFittingModel(source: ModelSource, request: ModelRequest): Promise<Module> {
  const model = await source.make(request);
  const { inputShape, classes } = request;
  const wanted = source.inputShape;
  const given = `the images are ${shapeText(inputShape)}`;
  const advice =
    wanted === undefined || wanted.join() === inputShape.join()
      ? ''
      : `; it is made for ${shapeText(wanted)}: --resize brings the images to ${wanted[1]}x${wanted[2]}`;
  model.eval();
  let output: readonly number[];
  try {
    output = noGrad(() => tidy(() => model.call(zeros([1, ...inputShape])).shape));
  } catch (error) {
    model.dispose();
    if (!(error instanceof ShapeError)) throw error;
    throw new ShapeError(`train: ${given}, which ${source.title} does not take (${error.message})${advice}`, {
      cause: error,
    });
  }
  model.train();
  if (output.length === 2 && output[1] === classes) return model;
  model.dispose();
  throw new ShapeError(
    `train: ${source.title} must give [1, ${classes}] for an image, one number per class; it gives ${shapeText(output)}`,
  );
}

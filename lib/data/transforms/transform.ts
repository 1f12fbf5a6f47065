// Transforms as plain data, so that a worker can be told which ones to run, and the functions made of them.
import { ArgumentError } from '../../errors';
import { alternatives, describe } from '../../text';
import { checkImage } from '../sample';
import { defaultExport, type ModuleLocation, moduleUrl, plainData } from '../userModule';
import { buildRepeatChannels, type RepeatChannels } from './channels';
import { buildColorJitter, type ColorJitter } from './colorJitter';
import { buildCenterCrop, buildRandomCrop, type CenterCrop, type RandomCrop } from './crop';
import { buildRandomHorizontalFlip, type RandomHorizontalFlip } from './flip';
import { buildColorCast, buildLightingJitter, type ColorCast, type LightingJitter } from './lighting';
import type { TransformFunction } from './pixels';
import { buildRandomResizedCrop, buildResize, type RandomResizedCrop, type Resize } from './resize';
import { buildNormalise, buildToFloat, type Normalise, type ToFloat } from './values';
import { buildVignette, type Vignette } from './vignette';
import { buildLensDistortion, buildRandomRotation, type LensDistortion, type RandomRotation } from './warp';

/** What the functions `normalise()`, `randomCrop()` and so on make: plain data that names a step and its parameters. */
export type BuiltInTransform =
  | CenterCrop
  | ColorCast
  | ColorJitter
  | LensDistortion
  | LightingJitter
  | Normalise
  | RandomCrop
  | RandomHorizontalFlip
  | RandomResizedCrop
  | RandomRotation
  | RepeatChannels
  | Resize
  | ToFloat
  | Vignette;

/** Made by `moduleTransform()`. */
export interface ModuleTransform {
  readonly kind: 'module';
  readonly url: string;
  readonly options: unknown;
}

/** Made by `compose()`. */
export interface Composed {
  readonly kind: 'compose';
  readonly transforms: readonly Transform[];
}

/** What can be done to the images of a `DataLoader`. Functions run on the main thread only: a loader with workers refuses them. */
export type Transform = BuiltInTransform | ModuleTransform | Composed | TransformFunction;

/** A single step that any thread can make again. @internal */
export type StepSpec = BuiltInTransform | ModuleTransform;

const builders: { readonly [K in BuiltInTransform['kind']]: (spec: never) => TransformFunction } = {
  centerCrop: buildCenterCrop,
  colorCast: buildColorCast,
  colorJitter: buildColorJitter,
  lensDistortion: buildLensDistortion,
  lightingJitter: buildLightingJitter,
  normalise: buildNormalise,
  randomCrop: buildRandomCrop,
  randomHorizontalFlip: buildRandomHorizontalFlip,
  randomResizedCrop: buildRandomResizedCrop,
  randomRotation: buildRandomRotation,
  repeatChannels: buildRepeatChannels,
  resize: buildResize,
  toFloat: buildToFloat,
  vignette: buildVignette,
};

/**
 * Several transforms as one, applied in the order given.
 *
 * @throws ArgumentError naming the element that is no transform.
 * @example compose([randomCrop(28, { padding: 2 }), randomHorizontalFlip(), normalise(0.286, 0.353)])
 */
export function compose(transforms: readonly Transform[]): Composed {
  if (!Array.isArray(transforms)) {
    throw new ArgumentError(`compose: transforms must be an array, given ${describe(transforms)}`);
  }
  transforms.forEach((transform, i) => {
    expectTransform('compose', `transforms[${i}]`, transform);
  });
  return { kind: 'compose', transforms: [...transforms] };
}

/**
 * A transform of your own that workers can run: the module's default export is a function of `options` that returns a
 * `TransformFunction`, and each thread that prepares samples imports the module and calls it once.
 *
 * @param module An absolute path or a `file:` URL.
 * @param options Plain data, passed on to the module's function.
 * @throws ArgumentError; errors of the module itself when the first batch is read.
 * @example moduleTransform(new URL('./invert.mjs', import.meta.url))
 * // invert.mjs
 * export default () => ({ data, shape }) => ({ data: data.map((x) => 255 - x), shape });
 */
export function moduleTransform(module: ModuleLocation, options?: unknown): ModuleTransform {
  const url = moduleUrl('moduleTransform', module);
  return { kind: 'module', url, options: plainData('moduleTransform', options) };
}

/** @internal */
export function expectTransform(op: string, name: string, value: unknown): asserts value is Transform {
  if (typeof value === 'function') return;
  const kind = (value as { kind?: unknown } | null | undefined)?.kind;
  if (typeof kind === 'string' && (['compose', 'module'].includes(kind) || Object.hasOwn(builders, kind))) return;
  const kinds = alternatives([...Object.keys(builders), 'compose', 'module']);
  const given = kind === undefined ? describe(value) : `an object of kind ${describe(kind)}`;
  throw new ArgumentError(
    `${op}: ${name} must be a transform, a function or an object of kind ${kinds}, given ${given}`,
  );
}

/** The steps of a transform, one after another. A step's place in this list is what its random numbers are drawn for. @internal */
export function flattenTransform(transform: Transform): (StepSpec | TransformFunction)[] {
  if (typeof transform === 'function' || transform.kind !== 'compose') return [transform];
  return transform.transforms.flatMap(flattenTransform);
}

/** @internal */
export function buildStep(step: StepSpec | TransformFunction): TransformFunction | Promise<TransformFunction> {
  if (typeof step === 'function') return checked('transform: the result', step);
  if (step.kind === 'module') return importStep(step);
  return builders[step.kind](step as never);
}

async function importStep({ url, options }: ModuleTransform): Promise<TransformFunction> {
  const made = (await defaultExport('moduleTransform', url))(options);
  if (typeof made !== 'function') {
    throw new ArgumentError(
      `moduleTransform: the default export of ${url} must return a function, given ${describe(made)}`,
    );
  }
  return checked(`moduleTransform: the result of ${url}`, made as TransformFunction);
}

function checked(source: string, transform: TransformFunction): TransformFunction {
  return (image, random) => {
    const result = transform(image, random);
    checkImage(source, result);
    return result;
  };
}

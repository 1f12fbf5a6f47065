// Options that models share.
import { expectFinite, expectOptions } from '../check';
import type { FloatDType } from '../dtype';
import { expectCount, type ParameterOptions, parameterOptions } from '../nn/weights';

/** Options of every model. Weights are numbers of the thread's random stream, which `manualSeed()` sets. */
export interface ModelOptions<D extends FloatDType = 'float32'> extends ParameterOptions<D> {
  /** Number of classes, the length of the logits; 1000 if left out, 10 for `lenet5`. */
  readonly classes?: number;
  /** Channels of the images; 3 if left out, 1 for `lenet5`. */
  readonly channels?: number;
}

/** Options of models with dropout. */
export interface DropoutModelOptions<D extends FloatDType = 'float32'> extends ModelOptions<D> {
  /** Probability of an element to be dropped in training, from 0 to 1; the published one if left out. */
  readonly dropout?: number;
}

/** What the options of a model come to. @internal */
export interface ModelSettings<D extends FloatDType> {
  readonly classes: number;
  readonly channels: number;
  /** Options of each layer with parameters. */
  readonly where: { readonly dtype: D; readonly device: string };
}

const shared = ['classes', 'channels', 'dtype', 'device'] as const;

/**
 * Checks the options that models share, and that there are no others but `own`.
 *
 * @param usual Where they are left out.
 * @internal
 */
export function modelSettings<D extends FloatDType, O extends ModelOptions<D>>(
  op: string,
  options: O | undefined,
  own: readonly (keyof O & string)[] = [],
  usual: { readonly classes: number; readonly channels: number } = { classes: 1000, channels: 3 },
): { readonly settings: ModelSettings<D>; readonly given: Partial<O> } {
  const given = expectOptions<O>(op, options, [...shared, ...own]);
  const settings = {
    classes: expectCount(op, 'classes', given.classes ?? usual.classes),
    channels: expectCount(op, 'channels', given.channels ?? usual.channels),
    where: parameterOptions<D>(op, given),
  };
  return { settings, given };
}

/** A probability of dropout. @internal */
export function dropoutOption(op: string, value: number | undefined, usual: number, name = 'dropout'): number {
  return expectFinite(op, name, value ?? usual, 0, 1);
}

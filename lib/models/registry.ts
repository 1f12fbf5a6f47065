// What is known of each model: for command lines, tests and tables.
import { expectOneOf } from '../check';
import type { FloatDType } from '../dtype';
import type { Module } from '../nn/module';
import { lenet5 } from './lenet5';
import type { ModelOptions } from './options';

/** What is known of a model. Numbers are those of a model made without options. */
export interface ModelInfo {
  /** As the literature writes it. */
  readonly title: string;
  /** The paper. */
  readonly citation: string;
  /** Makes one; each model's own function has further options. */
  readonly create: <D extends FloatDType = 'float32'>(options?: ModelOptions<D>) => Module<D>;
  readonly classes: number;
  readonly channels: number;
  /** Side of the square images that it was published for. */
  readonly inputSize: number;
  /** Side of the smallest square images that it takes. */
  readonly smallestInput: number;
  /** Number of parameters. */
  readonly parameters: number;
  /** Where that number is published, or what it is the sum of. */
  readonly parametersSource: string;
}

const table = {
  lenet5: {
    title: 'LeNet-5',
    citation: 'LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition',
    create: lenet5,
    classes: 10,
    channels: 1,
    inputSize: 28,
    smallestInput: 28,
    parameters: 61_706,
    parametersSource: '156 + 2,416 + 48,120 + 10,164 + 850: 60,000 of the paper with all maps connected',
  },
} as const satisfies Record<string, ModelInfo>;

/** Name of a model, which is that of its function. */
export type ModelName = keyof typeof table;

/** Models by name. */
export const models: Readonly<Record<ModelName, ModelInfo>> = table;

/** Names of all models. */
export const modelNames = Object.keys(table) as readonly ModelName[];

/**
 * Makes a model by name.
 *
 * @param options Those that all models have; each model's own function has further ones.
 * @throws ArgumentError for a name that is none of `modelNames`; what the model's function throws.
 */
export function createModel<D extends FloatDType = 'float32'>(name: ModelName, options?: ModelOptions<D>): Module<D> {
  return models[expectOneOf('createModel', 'name', name, modelNames)].create(options);
}

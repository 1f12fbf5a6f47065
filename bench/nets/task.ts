// What a contender of whole nets is started with, and the files that it finds.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OnnxWeight } from '../contenders/onnxModel';
import { readValues } from '../contenders/serve';
import { elements } from '../conv/shape';
import type { Graph } from './graph';

export const netModes = ['inference', 'training'] as const;

/** A run of a model on a batch, or a step of its training: forward, backward and SGD with momentum. */
export type NetMode = (typeof netModes)[number];

/** Of the training. Dropout is off, so that the losses of all contenders are the same. */
export const training = { learningRate: 0.01, momentum: 0.9, checkedSteps: 3 } as const;

export interface NetTask {
  /** Name in `receptive/models`. */
  readonly model: string;
  readonly mode: NetMode;
  readonly threads: number;
  readonly seed: number;
  /** Where graph.json, weights.bin, input.bin and labels.bin lie: raw float32, labels int32. */
  readonly folder: string;
  /** Flat indices of the logits that the contender reports; in training it reports the losses of the first steps. */
  readonly samples: readonly number[];
}

/** graph.json. */
export interface NetFile {
  readonly graph: Graph;
  /** The tensors in weights.bin, one behind the other. */
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly training: typeof training;
}

export function netArguments(task: NetTask): string[] {
  return Object.entries(task).map(([key, value]) => `${key}=${value}`);
}

/** The inverse of `netArguments`. */
export function parseNetTask(args: readonly string[]): NetTask {
  const values = Object.fromEntries(
    args.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
  );
  const { model, folder } = values;
  return {
    model,
    folder,
    mode: values.mode as NetMode,
    threads: Number(values.threads),
    seed: Number(values.seed),
    samples: values.samples.split(',').map(Number),
  };
}

/** Writes all files of a task. */
export function writeNet(
  folder: string,
  graph: Graph,
  weights: readonly OnnxWeight[],
  input: Float32Array,
  labels: Int32Array,
) {
  const file: NetFile = { graph, training, tensors: weights.map(({ name, shape }) => ({ name, shape })) };
  writeFileSync(join(folder, 'graph.json'), JSON.stringify(file));
  writeFileSync(join(folder, 'weights.bin'), '');
  for (const { data } of weights) writeFileSync(join(folder, 'weights.bin'), data, { flag: 'a' });
  writeFileSync(join(folder, 'input.bin'), input);
  writeFileSync(join(folder, 'labels.bin'), labels);
}

export function readGraph(folder: string): NetFile {
  return JSON.parse(readFileSync(join(folder, 'graph.json'), 'utf8')) as NetFile;
}

export const readInput = (folder: string): Float32Array => readValues(join(folder, 'input.bin'));

export function readLabels(folder: string): Int32Array {
  return new Int32Array(readValues(join(folder, 'labels.bin')).buffer);
}

/** The tensors in weights.bin. */
export function readWeights(folder: string, { tensors }: NetFile): OnnxWeight[] {
  const values = readValues(join(folder, 'weights.bin'));
  let at = 0;
  return tensors.map(({ name, shape }) => {
    const begin = at;
    at += elements(shape);
    return { name, shape, data: values.subarray(begin, at) };
  });
}

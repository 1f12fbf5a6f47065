// Training a method fairly: its settings are chosen on images held out of the training set, and the test set is used once.
import type { Tensor } from 'receptive';
import { DataLoader, type MemoryDataset, subset, type Transform } from 'receptive/data';
import type { Module } from 'receptive/nn';
import { LrScheduler, polynomialLr, SGD } from 'receptive/optim';
import { classify, trainEpoch } from './training';

/** One choice of settings. */
export interface Candidate {
  /** The settings, for people. */
  readonly text: string;
  readonly train: MemoryDataset;
  readonly test: MemoryDataset;
  readonly transform?: Transform;
  /** With the same first weights at every call. */
  readonly makeModel: () => Module;
  readonly loss?: (output: Tensor, labels: Tensor<'int32'>) => Tensor;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** What the model's linear classifier sees of an image. */
  readonly features: number;
  /** For computing them, of all images, before the training. */
  readonly featureSeconds: number;
}

export interface Method {
  readonly name: string;
  readonly candidates: readonly Candidate[];
}

export interface Settings {
  /** Of the training on all images. */
  readonly epochs: number;
  /** Of each training that only serves the choice. */
  readonly trialEpochs: number;
  readonly seed: number;
  readonly batchSize: number;
}

export interface Result {
  readonly name: string;
  readonly chosen: Candidate;
  readonly trials: readonly { readonly text: string; readonly accuracy: number }[];
  readonly parameters: number;
  /** Of the training on all images, without the trials. */
  readonly seconds: number;
  /** Class given to each test image. */
  readonly predictions: Int32Array;
  readonly accuracy: number;
}

/** One of so many training images is held out for the choice. */
export const HELD_OUT = 6;

/** The numbers of the images that the trials are trained on, and of those that they are judged by. */
export function holdOut(count: number): { readonly fit: number[]; readonly validation: number[] } {
  const all = Array.from({ length: count }, (_, i) => i);
  const held = (i: number): boolean => i % HELD_OUT === HELD_OUT - 1;
  return { fit: all.filter((i) => !held(i)), validation: all.filter(held) };
}

/** Of 1, the share of predictions that are the label. */
export function accuracyOf(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) right++;
  return right / labels.length;
}

/** A model trained on some of the candidate's training images. */
async function trainOn(
  candidate: Candidate,
  images: readonly number[],
  epochs: number,
  settings: Settings,
): Promise<Module> {
  const { train, transform, makeModel, learningRate, weightDecay, loss } = candidate;
  const { batchSize, seed } = settings;
  const loader = new DataLoader(subset(train, images), { batchSize, shuffle: true, seed, transform });
  const model = makeModel();
  // Decay is for weights: what biases are has nothing to do with how well a model generalises.
  const named = model.namedParameters();
  const group = (bias: boolean): Tensor[] => named.filter(([name]) => name.endsWith('bias') === bias).map(([, p]) => p);
  const groups = [{ parameters: group(false), weightDecay }, { parameters: group(true) }];
  using optimizer = new SGD(groups, { learningRate, momentum: 0.9 });
  const scheduler = new LrScheduler(optimizer, polynomialLr(epochs * loader.length));
  for (let epoch = 0; epoch < epochs; epoch++) await trainEpoch({ model, optimizer, scheduler, loader, loss }, epoch);
  return model;
}

/** Tries the candidates, trains the best on all training images, and tests that. */
export async function compete(method: Method, settings: Settings, log: (line: string) => void): Promise<Result> {
  const trials: { candidate: Candidate; text: string; accuracy: number }[] = [];
  for (const candidate of method.candidates) {
    const { train, transform, text } = candidate;
    const { fit: images, validation } = holdOut(train.length);
    using model = await trainOn(candidate, images, settings.trialEpochs, settings);
    const predictions = await classify(model, subset(train, validation), transform);
    const accuracy = accuracyOf(
      predictions,
      validation.map((i) => train.labels[i]),
    );
    trials.push({ candidate, text, accuracy });
    log(`${method.name}: ${text}: ${(100 * accuracy).toFixed(1)}% of the held-out images`);
  }
  const { candidate: chosen } = trials.reduce((best, trial) => (trial.accuracy > best.accuracy ? trial : best));
  const started = performance.now();
  const all = Array.from({ length: chosen.train.length }, (_, i) => i);
  using model = await trainOn(chosen, all, settings.epochs, settings);
  const seconds = (performance.now() - started) / 1000;
  const predictions = await classify(model, chosen.test, chosen.transform);
  const accuracy = accuracyOf(predictions, chosen.test.labels);
  log(`${method.name}: ${chosen.text}, trained on all images: ${(100 * accuracy).toFixed(1)}% of the test images`);
  const parameters = model.parameters().reduce((total, { size }) => total + size, 0);
  return { name: method.name, chosen, trials, parameters, seconds, predictions, accuracy };
}

/** One epoch of stochastic gradient descent with momentum, and the learning-rate schedule. */
import { argmax, crossEntropy, equal, grad, ones, sgdStep_, sum, tidy } from 'receptive';
import { DataLoader, normalise } from 'receptive/data';
import { backward, forward, PARAMETER_NAMES } from './network.mjs';

/** @typedef {import('./network.mjs').Parameters} Parameters */
/** @typedef {import('receptive/data').Batch} Batch */

/**
 * @typedef {object} Normalisation of pixels scaled to 0 … 1
 * @property {number} mean
 * @property {number} std
 */

/**
 * @typedef {object} Hyperparameters
 * @property {number} seed
 * @property {number} batchSize
 * @property {number} learningRate of the first step
 * @property {number} momentum
 * @property {number} scheduleEpochs over which the learning rate falls
 * @property {Normalisation} normalisation
 */

/**
 * @typedef {object} StepResult
 * @property {number} loss mean over the batch
 * @property {number} correct
 * @property {number} count
 */

/** The loss is not finite any more: the weights are lost, only a smaller step helps. */
export class DivergedError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'DivergedError';
  }
}

// What is left of the learning rate after the schedule, as a fraction: training further still changes something.
const LAST_RATE = 0.02;

/**
 * Falls linearly with every step. It depends on the saved settings and the step alone, so that a resumed run follows it.
 * @param {Pick<Hyperparameters, 'learningRate' | 'scheduleEpochs'>} hyper
 * @param {number} epochs trained so far, with the part of the current one
 */
export function learningRateAt({ learningRate, scheduleEpochs }, epochs) {
  return learningRate * Math.max(1 - epochs / scheduleEpochs, LAST_RATE);
}

/**
 * Trains one epoch, updating `parameters` and `velocities` in place.
 *
 * @param {object} run
 * @param {Parameters} run.parameters
 * @param {Parameters} run.velocities
 * @param {import('./dataset.mjs').Split} run.split
 * @param {Hyperparameters} run.hyper
 * @param {number} run.epoch counted from 0
 * @param {(result: StepResult) => void} run.onStep called once per step, in order
 * @param {AbortSignal} [run.signal] ends the epoch between two steps by throwing its reason
 * @returns {Promise<void>}
 * @throws {DivergedError}
 */
export async function trainEpoch({ parameters, velocities, split, hyper, epoch, onStep, signal }) {
  const { batchSize, seed, normalisation } = hyper;
  // The order is a function of seed and epoch alone, so that a resumed run sees the same batches.
  const transform = normalise(normalisation.mean, normalisation.std);
  const loader = new DataLoader(split, { batchSize, seed, shuffle: true, transform });
  /** @param {Promise<StepResult>} pending */
  const report = async (pending) => {
    const result = await pending;
    if (!Number.isFinite(result.loss)) {
      throw new DivergedError(
        `the loss became ${result.loss} in epoch ${epoch + 1}; a smaller --learning-rate than ${hyper.learningRate} is needed`,
      );
    }
    onStep(result);
  };

  /** @type {Promise<StepResult> | undefined} */
  let previous;
  let images = 0;
  for await (const batch of loader.epoch(epoch)) {
    try {
      signal?.throwIfAborted();
      const learningRate = learningRateAt(hyper, epoch + images / split.length);
      images += batch.indices.length;
      const current = trainStep(parameters, velocities, batch, { learningRate, momentum: hyper.momentum });
      // Should the previous step fail, this one fails with it, and nobody would be waiting for it any more.
      current.catch(() => {});
      // One step behind: while this step runs on the stream, the loader prepares the next batches here.
      if (previous !== undefined) await report(previous);
      previous = current;
    } finally {
      batch.dispose();
    }
  }
  if (previous !== undefined) await report(previous);
}

/**
 * Enqueues forward, backward and update for one batch, and returns its pending loss.
 * @param {Parameters} parameters
 * @param {Parameters} velocities
 * @param {Batch} batch
 * @param {{ learningRate: number, momentum: number }} step
 * @returns {Promise<StepResult>}
 */
function trainStep(parameters, velocities, { images, labels, indices }, step) {
  const { loss, correct } = tidy(() => {
    const saved = forward(parameters, images);
    const meanLoss = crossEntropy(saved.logits, labels);
    const gradients = backward(parameters, saved, grad.crossEntropy(ones([]), saved.logits, labels));
    for (const name of PARAMETER_NAMES) {
      sgdStep_(parameters[name], gradients[name], { ...step, velocity: velocities[name] });
    }
    return { loss: meanLoss, correct: sum(equal(argmax(saved.logits, { axis: 1 }), labels)) };
  });
  return readStep(loss, correct, indices.length);
}

/**
 * @param {import('receptive').Tensor} loss disposed here
 * @param {import('receptive').Tensor<'int32'>} correct disposed here
 * @param {number} count
 * @returns {Promise<StepResult>}
 */
async function readStep(loss, correct, count) {
  const reads = Promise.all([loss.data(), correct.data()]);
  // A pending read has its own hold on the storage.
  loss.dispose();
  correct.dispose();
  const [[lossValue], [correctValue]] = await reads;
  return { loss: lossValue, correct: correctValue, count };
}

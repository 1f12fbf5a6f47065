/** The example from end to end: data, training or resuming, evaluation, weights, report. */
import { devices, getDefaultDevice, setNumThreads } from 'receptive';
import { channelStatistics } from 'receptive/data';
import { count, duration, percent, plural } from '#dist/report/text.js';
import { EpochMeter } from '#dist/train/meter.js';
import { checkWritable } from '#dist/train/outputFile.js';
import { createProgress } from '#dist/train/progress.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.mjs';
import { classScores } from './confusion.mjs';
import { loadDataset, locateDataset } from './dataset.mjs';
import { evaluate } from './evaluate.mjs';
import { disposeParameters, initialParameters, zeroParameters } from './network.mjs';
import { classTable } from './text.mjs';
import { trainEpoch } from './trainer.mjs';

/** @typedef {import('./checkpoint.mjs').Checkpoint} Checkpoint */
/** @typedef {import('./commandLine.mjs').CommandLine} CommandLine */
/** @typedef {import('./dataset.mjs').Dataset} Dataset */
/** @typedef {import('./evaluate.mjs').Evaluation} Evaluation */

const DEFAULTS = Object.freeze({ seed: 1, batchSize: 32, learningRate: 0.01, momentum: 0.9 });
// A small data set has fewer steps per epoch and needs more epochs.
const SMALL_DATASET = 30_000;
const DEFAULT_EPOCHS = Object.freeze({ small: 8, large: 5 });

/**
 * @typedef {object} Speed of the epochs trained in this run
 * @property {number} images
 * @property {number} seconds without the evaluations
 */

/** The signal ended the run; the message says what was saved. */
export class InterruptedError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'InterruptedError';
  }
}

/**
 * @param {CommandLine} options
 * @param {AbortSignal} signal
 * @throws {InterruptedError} within one step of the signal
 */
export async function runDemo(options, signal) {
  for (const file of [options.out, options.report]) if (file !== undefined) checkWritable(file);
  if (options.threads !== undefined) setNumThreads(options.threads);
  const dataset = await loadDataset(locateDataset({ directory: options.data, subset: options.subset }));
  console.log(
    `Data:    ${dataset.description}: ${count(dataset.train.length)} training, ${count(dataset.test.length)} test images`,
  );
  const device = describeDevice();
  console.log(`Device:  ${device}`);

  const checkpoint = await start(options, dataset);
  const { parameters, velocities, state } = checkpoint;
  const epochsBefore = state.history.length;
  try {
    const epochs = options.epochs ?? Math.max(state.hyper.scheduleEpochs - epochsBefore, 0);
    if (options.epochs === undefined && epochs === 0)
      console.log('Note:    all epochs of its schedule are trained, so it is only evaluated; --epochs trains further');
    const speed = { images: 0, seconds: 0 };
    const evaluation =
      epochs === 0
        ? await evaluate(parameters, dataset.test, state.hyper.normalisation, signal)
        : await trainEpochs(checkpoint, dataset, { epochs, out: options.out, speed, signal });

    console.log(`\nTest accuracy per class\n\n${classTable(classScores(evaluation.confusion))}\n`);
    console.log(`Test accuracy: ${percent(evaluation.accuracy)} after ${plural(state.history.length, 'epoch')}`);
    if (epochs > 0) {
      console.log(`Training: ${count(speed.images / speed.seconds)} images/s, ${duration(speed.seconds)}`);
      console.log(`Weights saved to ${options.out}`);
    }
    if (options.report !== undefined) {
      // Loaded here, because the plotting library takes a second that a run without a report can save.
      const { writeReport } = await import('./report/report.mjs');
      const filters = { shape: parameters['conv1.weight'].shape, values: await parameters['conv1.weight'].data() };
      await writeReport(options.report, { dataset, device, state, evaluation, speed, filters });
      console.log(`Report written to ${options.report}`);
    }
  } catch (error) {
    throw signal.aborted && error === signal.reason
      ? interrupted(state.history.length, epochsBefore, options.out)
      : error;
  } finally {
    disposeParameters(parameters);
    disposeParameters(velocities);
  }
}

/**
 * @param {number} epochs finished
 * @param {number} epochsBefore finished before this run
 * @param {string} out
 */
function interrupted(epochs, epochsBefore, out) {
  return new InterruptedError(
    epochs > epochsBefore
      ? `Interrupted. ${out} has the weights after ${plural(epochs, 'epoch')}; --resume continues from there.`
      : 'Interrupted before an epoch of this run was finished; nothing was saved.',
  );
}

/**
 * A fresh start, or the saved one, with what the command line changes in it.
 * @param {CommandLine} options
 * @param {Dataset} dataset
 * @returns {Promise<Checkpoint>}
 */
async function start(options, dataset) {
  const given = dropUndefined({
    seed: options.seed,
    batchSize: options.batch,
    learningRate: options.learningRate,
    scheduleEpochs: options.schedule,
  });
  if (options.resume === undefined) {
    const size = dataset.train.length < SMALL_DATASET ? 'small' : 'large';
    const scheduleEpochs = options.epochs ?? DEFAULT_EPOCHS[size];
    const { mean, std } = await channelStatistics(dataset.train);
    const normalisation = { mean: mean[0], std: std[0] };
    const hyper = { ...DEFAULTS, scheduleEpochs, normalisation, ...given };
    const state = { hyper, dataFingerprint: dataset.fingerprint, history: [] };
    return { parameters: initialParameters(hyper.seed), velocities: zeroParameters(), state };
  }
  const checkpoint = await loadCheckpoint(options.resume);
  const { state } = checkpoint;
  console.log(`Weights: ${options.resume}, after ${plural(state.history.length, 'epoch')}`);
  const changed = Object.keys(given).filter((name) => Reflect.get(given, name) !== Reflect.get(state.hyper, name));
  if (dataset.fingerprint !== state.dataFingerprint) changed.push('training images');
  if (changed.length > 0)
    console.log(`Note:    not the same ${changed.join(', ')} as before: this run is no exact continuation`);
  Object.assign(state.hyper, given);
  state.dataFingerprint = dataset.fingerprint;
  return checkpoint;
}

/**
 * Trains, evaluates and saves epoch by epoch.
 * @param {Checkpoint} checkpoint updated
 * @param {Dataset} dataset
 * @param {{ epochs: number, out: string, speed: Speed, signal: AbortSignal }} run `speed` is updated
 * @returns {Promise<Evaluation>} of the last epoch
 */
async function trainEpochs(checkpoint, dataset, { epochs, out, speed, signal }) {
  const { parameters, velocities, state } = checkpoint;
  const { hyper } = state;
  const first = state.history.length;
  const last = first + epochs;
  const steps = Math.ceil(dataset.train.length / hyper.batchSize);
  const progress = await createProgress({ lastEpoch: last });
  /** @type {Evaluation | undefined} */
  let evaluation;
  for (let epoch = first; epoch < last; epoch++) {
    const meter = new EpochMeter(steps);
    progress.startEpoch(epoch + 1, dataset.train.length);
    try {
      await trainEpoch({
        parameters,
        velocities,
        split: dataset.train,
        hyper,
        epoch,
        signal,
        onStep(result) {
          meter.add(result);
          progress.step(meter);
        },
      });
    } finally {
      progress.endEpoch();
    }
    const { seconds, imagesPerSecond } = meter;
    speed.images += meter.images;
    speed.seconds += seconds;

    evaluation = await evaluate(parameters, dataset.test, hyper.normalisation, signal);
    state.history.push({
      trainLoss: meter.loss,
      trainAccuracy: meter.accuracy,
      testLoss: evaluation.loss,
      testAccuracy: evaluation.accuracy,
      curve: [...meter.curve],
    });
    await saveCheckpoint(out, checkpoint);
    console.log(
      `epoch ${epoch + 1}/${last}  loss ${meter.loss.toFixed(4)}  accuracy ${percent(meter.accuracy)}  ` +
        `test loss ${evaluation.loss.toFixed(4)}  test accuracy ${percent(evaluation.accuracy)}  ` +
        `${count(imagesPerSecond)} images/s  ${duration(seconds)}`,
    );
  }
  return /** @type {Evaluation} */ (evaluation);
}

function describeDevice() {
  const id = getDefaultDevice();
  const info = devices().find((device) => device.id === id);
  return info === undefined ? id : `${info.id} (${info.name}, ${info.target}, ${info.threads} threads)`;
}

/**
 * @template {object} T
 * @param {T} object
 * @returns {{ [K in keyof T]?: NonNullable<T[K]> }}
 */
function dropUndefined(object) {
  return /** @type {any} */ (Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)));
}

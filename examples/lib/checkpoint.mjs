/**
 * The state of a training run in a weights file: parameters under their names, momentum buffers as `velocity.<name>`, and
 * in the metadata, as JSON, everything that a resumed run needs to continue exactly. Times are left out: the same training
 * gives the same file.
 */
import { tensor } from 'receptive';
import { disposeParameters, mapParameters, PARAMETER_NAMES, PARAMETER_SHAPES } from './network.mjs';
import { readWeights, WeightsFileError, writeWeights } from './weights.mjs';

const FORMAT = 'receptive-example-lenet/1';
const VELOCITY = 'velocity.';

/**
 * @typedef {object} EpochRecord
 * @property {number} trainLoss
 * @property {number} trainAccuracy
 * @property {number} testLoss
 * @property {number} testAccuracy
 * @property {number[]} curve mean training loss of equal parts of the epoch, in order
 */

/**
 * @typedef {object} TrainingState
 * @property {import('./trainer.mjs').Hyperparameters} hyper
 * @property {string} dataFingerprint
 * @property {EpochRecord[]} history one record per finished epoch
 */

/**
 * @typedef {object} Checkpoint
 * @property {import('./network.mjs').Parameters} parameters
 * @property {import('./network.mjs').Parameters} velocities
 * @property {TrainingState} state
 */

/**
 * @param {string} file
 * @param {Checkpoint} checkpoint
 * @returns {Promise<void>}
 */
export async function saveCheckpoint(file, { parameters, velocities, state }) {
  const tensors = new Map();
  for (const [prefix, group] of /** @type {const} */ ([
    ['', parameters],
    [VELOCITY, velocities],
  ])) {
    for (const name of PARAMETER_NAMES) {
      tensors.set(prefix + name, { shape: [...PARAMETER_SHAPES[name]], data: await group[name].data() });
    }
  }
  writeWeights(file, tensors, { format: FORMAT, training: JSON.stringify(state) });
}

/**
 * @param {string} file
 * @returns {Checkpoint}
 * @throws {WeightsFileError} unreadable, damaged, or of another network
 */
export function loadCheckpoint(file) {
  const { tensors, metadata } = readWeights(file);
  if (metadata.format !== FORMAT) {
    throw new WeightsFileError(
      file,
      `not saved by this program: metadata 'format' is ${JSON.stringify(metadata.format)}, expected "${FORMAT}"`,
    );
  }
  const state = parseState(file, metadata.training);
  // Everything is checked before the first tensor is made.
  for (const prefix of ['', VELOCITY]) {
    for (const name of PARAMETER_NAMES) checkTensor(file, prefix + name, PARAMETER_SHAPES[name], tensors);
  }
  const expected = 2 * PARAMETER_NAMES.length;
  if (tensors.size !== expected) {
    throw new WeightsFileError(
      file,
      `${tensors.size} tensors, this network has ${expected}: another network's weights`,
    );
  }
  /** @param {string} prefix */
  const load = (prefix) =>
    mapParameters((name, shape) => tensor(/** @type {Float32Array} */ (tensors.get(prefix + name)?.data), { shape }));
  const parameters = load('');
  try {
    return { parameters, velocities: load(VELOCITY), state };
  } catch (error) {
    disposeParameters(parameters);
    throw error;
  }
}

/**
 * @param {string} file
 * @param {string} name
 * @param {readonly number[]} shape
 * @param {Map<string, import('./weights.mjs').NamedArray>} tensors
 */
function checkTensor(file, name, shape, tensors) {
  const found = tensors.get(name);
  if (found === undefined) throw new WeightsFileError(file, `tensor '${name}' is missing`);
  if (found.shape.length !== shape.length || found.shape.some((dim, axis) => dim !== shape[axis])) {
    throw new WeightsFileError(
      file,
      `tensor '${name}' has shape [${found.shape.join(', ')}], this network needs [${shape.join(', ')}]`,
    );
  }
  const bad = found.data.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) throw new WeightsFileError(file, `tensor '${name}' holds ${found.data[bad]} at position ${bad}`);
}

/**
 * @param {string} file
 * @param {string | undefined} text
 * @returns {TrainingState}
 */
function parseState(file, text) {
  /** @type {any} */
  let state;
  try {
    state = JSON.parse(text ?? '');
  } catch (error) {
    throw new WeightsFileError(file, "metadata 'training' is not JSON", error);
  }
  const problem = stateProblem(state);
  if (problem !== undefined) throw new WeightsFileError(file, `metadata 'training': ${problem}`);
  return state;
}

/**
 * @param {any} state
 * @returns {string | undefined} what is wrong with it
 */
function stateProblem(state) {
  const hyper = state?.hyper;
  const { mean, std } = hyper?.normalisation ?? {};
  const numbers = {
    seed: hyper?.seed,
    batchSize: hyper?.batchSize,
    learningRate: hyper?.learningRate,
    momentum: hyper?.momentum,
    scheduleEpochs: hyper?.scheduleEpochs,
    mean,
    std,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== 'number' || !Number.isFinite(value))
      return `${name} is ${JSON.stringify(value)}, expected a number`;
  }
  for (const name of ['batchSize', 'scheduleEpochs']) {
    if (!Number.isSafeInteger(hyper[name]) || hyper[name] < 1)
      return `${name} is ${hyper[name]}, expected an integer > 0`;
  }
  if (std <= 0) return `std is ${std}, expected a number > 0`;
  if (typeof state.dataFingerprint !== 'string') return 'dataFingerprint is missing';
  if (!Array.isArray(state.history) || !state.history.every(isEpochRecord)) return 'history is not a list of epochs';
  return undefined;
}

/** @param {any} record */
function isEpochRecord(record) {
  return (
    ['trainLoss', 'trainAccuracy', 'testLoss', 'testAccuracy'].every((name) => typeof record?.[name] === 'number') &&
    Array.isArray(record.curve) &&
    record.curve.every((/** @type {unknown} */ value) => typeof value === 'number')
  );
}

/**
 * The state of a training run in a checkpoint of `receptive/io`: parameters and momentum buffers are its parts, and everything
 * else that a resumed run needs to continue exactly are its values. Times are left out: the same training gives the same file.
 */
import { loadCheckpoint as load, saveCheckpoint as save } from 'receptive/io';
import { disposeParameters, PARAMETER_NAMES, zeroParameters } from './network.mjs';

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

/** A weights file that cannot be used; the message names it. */
export class WeightsFileError extends Error {
  /**
   * @param {string} file
   * @param {unknown} cause
   */
  constructor(file, cause) {
    const { message } = /** @type {Error} */ (cause);
    super(message.includes(file) ? message : `${file}: ${message}`, { cause });
    this.name = 'WeightsFileError';
  }
}

/**
 * A part of a checkpoint: something whose state can be taken and replaced.
 * @param {import('./network.mjs').Parameters} parameters
 * @returns {import('receptive/io').Stateful}
 */
function part(parameters) {
  return {
    stateDict: () => ({ tensors: parameters, values: {} }),
    loadStateDict({ tensors }) {
      const missing = PARAMETER_NAMES.find((name) => !Object.hasOwn(tensors, name));
      if (missing !== undefined) throw new Error(`tensor '${missing}' is missing`);
      const count = Object.keys(tensors).length;
      if (count !== PARAMETER_NAMES.length) {
        throw new Error(`${count} tensors, this network has ${PARAMETER_NAMES.length}: another network's weights`);
      }
      for (const name of PARAMETER_NAMES) {
        parameters[name].copy_(/** @type {import('receptive').Tensor} */ (tensors[name]));
      }
    },
  };
}

/** @param {Pick<Checkpoint, 'parameters' | 'velocities'>} checkpoint */
const parts = ({ parameters, velocities }) => ({ parameters: part(parameters), velocities: part(velocities) });

/**
 * @param {string} file
 * @param {Checkpoint} checkpoint
 * @returns {Promise<void>}
 * @throws {WeightsFileError} when it cannot be written
 */
export async function saveCheckpoint(file, checkpoint) {
  const values = /** @type {Record<string, any>} */ (checkpoint.state);
  try {
    await save(file, { parts: parts(checkpoint), values });
  } catch (error) {
    throw new WeightsFileError(file, error);
  }
}

/**
 * @param {string} file
 * @returns {Promise<Checkpoint>}
 * @throws {WeightsFileError} unreadable, damaged, or of another network
 */
export async function loadCheckpoint(file) {
  const tensors = { parameters: zeroParameters(), velocities: zeroParameters() };
  try {
    // Names, shapes and the checksum are compared before anything is copied.
    const { values } = await load(file, { parts: parts(tensors) });
    const problem = stateProblem(values);
    if (problem !== undefined) throw new Error(`its values: ${problem}`);
    for (const group of Object.values(tensors)) await expectFinite(group);
    return { ...tensors, state: /** @type {any} */ (values) };
  } catch (error) {
    for (const group of Object.values(tensors)) disposeParameters(group);
    throw new WeightsFileError(file, error);
  }
}

/** @param {import('./network.mjs').Parameters} parameters */
async function expectFinite(parameters) {
  for (const name of PARAMETER_NAMES) {
    const values = await parameters[name].data();
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad !== -1) throw new Error(`tensor '${name}' holds ${values[bad]} at position ${bad}`);
  }
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

/** The example's command line: parsing and checking. It prints nothing and never exits, so that tests can call it. */
import { parseArgs } from 'node:util';

/** A wrong command line; the message is meant for the person who typed it. */
export class UsageError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'UsageError';
  }
}

export const DEFAULT_WEIGHTS_FILE = 'demo-weights.safetensors';
export const DEFAULT_REPORT_FILE = 'demo-report.html';

export const HELP = `Trains a LeNet-5-like network on Fashion-MNIST, written with receptive's explicit kernels and gradients.

Usage: npm run demo -- [options]
       node examples/lenetExplicit.mjs [options]

Data (by default the full data set where Debian's dataset-fashion-mnist is installed, else the subset shipped here)
  --data DIR           read the four IDX files (.gz or plain) from DIR
  --subset             use the shipped subset: 6,000 training and 1,000 test images

Training
  --epochs N           epochs to train in this run (default: what is left of --schedule); with --resume, 0 only evaluates
  --schedule N         epochs over which the learning rate falls (default: --epochs; without it 5, or 8 where there are
                       fewer than 30,000 training images). Two runs of one epoch each with --schedule 2, the second
                       resumed, train exactly what one run of two epochs does
  --batch N            images per step (default 32)
  --learning-rate X    learning rate of the first step (default 0.01)
  --seed N             seed of the initial weights and of the order of the images (default 1)
  --resume [FILE]      continue from saved weights (default FILE: that of --out). Schedule, batch, learning rate and
                       seed are those saved, unless given again
  --threads N          compute threads (default: what the runtime chooses)

Output
  --out FILE           where the weights are saved after each epoch (default ${DEFAULT_WEIGHTS_FILE})
  --report FILE        where the HTML report is written (default ${DEFAULT_REPORT_FILE})
  --no-report          write no report
  --help               print this text

Exit status: 0 done, 1 failed (data, weights or training), 2 wrong command line, 130 interrupted.
`;

/**
 * @typedef {object} CommandLine
 * @property {boolean} help
 * @property {string | undefined} data
 * @property {boolean} subset
 * @property {number | undefined} epochs
 * @property {number | undefined} schedule
 * @property {number | undefined} batch
 * @property {number | undefined} learningRate
 * @property {number | undefined} seed
 * @property {string | undefined} resume the file to resume from
 * @property {number | undefined} threads
 * @property {string} out
 * @property {string | undefined} report undefined: no report
 */

/**
 * @param {string[]} args without the program's name
 * @returns {CommandLine}
 * @throws {UsageError}
 */
export function parseCommandLine(args) {
  const values = parseOptions(args);
  for (const name of /** @type {const} */ (['data', 'out', 'report'])) {
    if (values[name] === '') throw new UsageError(`--${name} needs a path, got an empty string`);
  }
  if (values.data !== undefined && values.subset) throw new UsageError('--data and --subset exclude each other');
  if (values.report !== undefined && values['no-report']) {
    throw new UsageError('--report and --no-report exclude each other');
  }
  const out = values.out ?? DEFAULT_WEIGHTS_FILE;
  const resume = values.resume === '' ? out : values.resume;
  const epochs = integer('epochs', values.epochs, 0, 10_000);
  if (epochs === 0 && resume === undefined) {
    throw new UsageError('--epochs 0 needs --resume: without saved weights there is nothing to evaluate');
  }
  return {
    help: values.help ?? false,
    data: values.data,
    subset: values.subset ?? false,
    epochs,
    schedule: integer('schedule', values.schedule, 1, 10_000),
    batch: integer('batch', values.batch, 1, 65_536),
    learningRate: positive('learning-rate', values['learning-rate']),
    seed: integer('seed', values.seed, 0, 2 ** 32 - 1),
    resume,
    threads: integer('threads', values.threads, 1, 1024),
    out,
    report: values['no-report'] ? undefined : (values.report ?? DEFAULT_REPORT_FILE),
  };
}

/** @param {string[]} args */
function parseOptions(args) {
  try {
    return parseArgs({
      args: withOptionalValue(args, '--resume'),
      strict: true,
      allowPositionals: false,
      options: {
        data: { type: 'string' },
        subset: { type: 'boolean' },
        epochs: { type: 'string' },
        schedule: { type: 'string' },
        batch: { type: 'string' },
        'learning-rate': { type: 'string' },
        seed: { type: 'string' },
        resume: { type: 'string' },
        threads: { type: 'string' },
        out: { type: 'string' },
        report: { type: 'string' },
        'no-report': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    // Node's own messages name the option and what is wrong with it.
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/**
 * parseArgs knows options with and without a value, not both at once: an option that stands alone gets an empty value.
 * @param {string[]} args
 * @param {string} option
 */
function withOptionalValue(args, option) {
  return args.map((arg, index) => {
    const next = args[index + 1];
    return arg === option && (next === undefined || next.startsWith('-')) ? `${option}=` : arg;
  });
}

/**
 * The number that an option has, undefined where it is not given.
 * @param {string} name
 * @param {string | undefined} text
 * @param {number} min
 * @param {number} max
 * @throws {UsageError}
 */
export function integer(name, text, min, max) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`--${name} must be an integer from ${min} to ${max}, got '${text}'`);
  }
  return value;
}

/**
 * @param {string} name
 * @param {string | undefined} text
 */
function positive(name, text) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new UsageError(`--${name} must be a positive number, got '${text}'`);
  }
  return value;
}

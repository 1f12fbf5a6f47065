// The command line of `receptive train`: parsing and checking. It loads neither addon nor data.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { TrainSettings } from '../train/settings';
import { optimizerDefaults, optimizerNames, scheduleNames } from '../train/settings';
import { choiceOption, integerOption, numberOption, pathOption } from './optionValues';
import { UsageError } from './usageError';

/** What a command line says of a run, apart from what determines the weights. */
export interface RunOptions {
  /** Folder of the checkpoints; none are kept if undefined. */
  readonly checkpoint: string | undefined;
  readonly checkpointSteps: number | undefined;
  readonly checkpointMinutes: number;
  readonly resume: boolean;
  readonly overwrite: boolean;
  readonly report: string | undefined;
  readonly json: string | undefined;
  readonly patience: number | undefined;
  readonly threads: number | undefined;
  readonly workers: number;
  readonly device: string | undefined;
  /** By what several processes train together; this one by itself if undefined. */
  readonly distributed: (typeof launchers)[number] | undefined;
}

/** What starts processes that train together. */
const launchers = ['mpi'] as const;

export interface TrainCommandLine {
  readonly help: boolean;
  /** What was given, without what was left out. */
  readonly given: Partial<TrainSettings>;
  readonly run: RunOptions;
}

const string = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

const options = {
  ...{ model: string, data: string, epochs: string, batch: string, optimizer: string, lr: string, momentum: string },
  ...{ 'weight-decay': string, schedule: string, 'step-epochs': string, 'step-factor': string, warmup: string },
  ...{ augment: string, 'no-normalise': flag, resize: flag, seed: string, 'val-split': string, patience: string },
  ...{ checkpoint: string, 'checkpoint-steps': string, 'checkpoint-minutes': string, resume: flag, overwrite: flag },
  ...{ report: string, json: string, threads: string, workers: string, device: string },
  distributed: string,
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parse>;

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], strict: true, allowPositionals: false, options }).values;

/** Where checkpoints are kept if nothing is said. */
export const defaultCheckpoint = 'receptive-run';

/** @throws UsageError. */
export function parseTrainOptions(args: readonly string[]): TrainCommandLine {
  try {
    const values = parse(args);
    return { help: values.help ?? false, given: settingsOf(values), run: runOptionsOf(values) };
  } catch (error) {
    throw trainUsageError(error);
  }
}

/** An error of the command line, with where to look. */
export function trainUsageError(error: unknown): UsageError {
  // Node's own messages have several lines.
  const message = (error as Error).message.replaceAll('\n', ' ');
  return new UsageError(`receptive train: ${message}`, 'receptive train --help lists the options');
}

function settingsOf(values: Values): Partial<TrainSettings> {
  const settings = {
    model: values.model,
    data: values.data,
    epochs: integerOption('epochs', values.epochs, 1, 100_000),
    batch: integerOption('batch', values.batch, 1, 65_536),
    optimizer: choiceOption('optimizer', values.optimizer, optimizerNames),
    learningRate: numberOption('lr', values.lr, 0, undefined, { above: true }),
    momentum: numberOption('momentum', values.momentum, 0, 1, { below: true }),
    weightDecay: numberOption('weight-decay', values['weight-decay'], 0),
    schedule: choiceOption('schedule', values.schedule, scheduleNames),
    stepEpochs: numberOption('step-epochs', values['step-epochs'], 0, undefined, { above: true }),
    stepFactor: numberOption('step-factor', values['step-factor'], 0, 1),
    warmup: numberOption('warmup', values.warmup, 0),
    augment: values.augment,
    normalise: values['no-normalise'] ? false : undefined,
    resize: values.resize,
    seed: integerOption('seed', values.seed, 0),
    valSplit: numberOption('val-split', values['val-split'], 0, 1, { below: true }),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function runOptionsOf(values: Values): RunOptions {
  const { resume = false, overwrite = false } = values;
  const checkpoint = pathOption('checkpoint', values.checkpoint) ?? defaultCheckpoint;
  const kept = checkpoint !== 'none';
  if (resume && overwrite) throw new Error('--resume and --overwrite exclude each other');
  for (const name of ['resume', 'checkpoint-steps', 'checkpoint-minutes'] as const) {
    if (!kept && values[name] !== undefined) throw new Error(`--${name} and --checkpoint none exclude each other`);
  }
  const distributed = choiceOption('distributed', values.distributed, launchers);
  if (distributed !== undefined && values.device !== undefined && values.device !== 'cpu') {
    throw new Error(
      `--distributed ${distributed} trains on the CPU; it and --device ${values.device} exclude each other`,
    );
  }
  return {
    checkpoint: kept ? resolve(checkpoint) : undefined,
    checkpointSteps: integerOption('checkpoint-steps', values['checkpoint-steps'], 1),
    checkpointMinutes:
      numberOption('checkpoint-minutes', values['checkpoint-minutes'], 0, undefined, { above: true }) ?? 10,
    resume,
    overwrite,
    report: pathOption('report', values.report),
    json: pathOption('json', values.json),
    patience: integerOption('patience', values.patience, 1),
    threads: integerOption('threads', values.threads, 1, 256),
    workers: integerOption('workers', values.workers, 0, 64) ?? 1,
    device: values.device,
    distributed,
  };
}

/** Checks that need more than the option itself; they name the option. */
export interface NameChecks {
  model(text: string): string;
  data(text: string): string;
  augment(text: string): unknown;
}

/** Settings with the names of model, data and augmentation checked, where they are given. @throws UsageError. */
export function checkedNames(given: Partial<TrainSettings>, checks: NameChecks): Partial<TrainSettings> {
  const check = <T>(name: string, text: string | undefined, one: (text: string) => T): T | undefined => {
    try {
      return text === undefined ? undefined : one(text);
    } catch (error) {
      throw trainUsageError(new Error(`--${name} ${(error as Error).message}`));
    }
  };
  const { model, data, augment } = given;
  check('augment', augment, checks.augment);
  return {
    ...given,
    ...(model === undefined ? {} : { model: check('model', model, checks.model) }),
    ...(data === undefined ? {} : { data: check('data', data, checks.data) }),
  };
}

/** The settings of a new run, what was left out as it is by default. @throws UsageError without model or data. */
export function newSettings(given: Partial<TrainSettings>): TrainSettings {
  const { model, data } = given;
  if (model === undefined || data === undefined) {
    const missing = model === undefined ? '--model NAME or FILE' : '--data fashion-mnist, images:DIR or module:FILE';
    throw trainUsageError(new Error(`${missing} is missing`));
  }
  const { epochs = 10, optimizer = 'sgd' } = given;
  return {
    ...{ model, data, epochs, batch: 64, optimizer, ...optimizerDefaults[optimizer] },
    ...{ schedule: 'cosine', stepEpochs: Math.ceil(epochs / 3), stepFactor: 0.1, warmup: 0 },
    ...{ augment: 'none', normalise: true, resize: false, seed: 1, valSplit: 0 },
    ...given,
  };
}

/**
 * The settings of a run that is resumed: those it had, of which only the number of epochs may change.
 *
 * @throws UsageError naming an option that differs.
 */
export function resumedSettings(given: Partial<TrainSettings>, saved: TrainSettings): TrainSettings {
  for (const [name, value] of Object.entries(given)) {
    const before = saved[name as keyof TrainSettings];
    if (name === 'epochs' || value === before) continue;
    throw trainUsageError(
      new Error(
        `${optionNames[name] ?? `--${name}`} is ${value}, but the run to be resumed has ${before}; without the option it goes ` +
          'on as it was, --overwrite begins anew',
      ),
    );
  }
  return { ...saved, ...given };
}

/** @throws UsageError where processes cannot have equal parts of a batch. */
export function expectDivisible(batch: number, processes: number): void {
  if (batch % processes === 0) return;
  throw trainUsageError(
    new Error(`--batch ${batch} is no multiple of the ${processes} processes, which have an equal part of each batch`),
  );
}

const optionNames: Readonly<Record<string, string>> = {
  learningRate: '--lr',
  weightDecay: '--weight-decay',
  stepEpochs: '--step-epochs',
  stepFactor: '--step-factor',
  valSplit: '--val-split',
  normalise: 'normalisation',
};

// The checkpoints of a run, in a folder of their own.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '../errors';
import { saveCheckpoint } from '../io/checkpoint';
import { isPlainObject, type Json } from '../io/json';
import { loadCheckpoint } from '../io/restore';
import type { Stateful } from '../io/stateful';
import type { Module } from '../nn/module';
import type { RunState } from './records';
import type { TrainSettings } from './settings';
import type { StateKeeper } from './trainer';

/** What else a resumed run needs: nothing in it may depend on the machine. */
export type RunContext = {
  readonly settings: TrainSettings;
  /** To recognise the data. */
  readonly data: { readonly train: number; readonly validation: number; readonly classes: readonly string[] };
  /** Of the normalisation; null without one. */
  readonly statistics: { readonly mean: readonly number[]; readonly std: readonly number[] } | null;
};

/** What a checkpoint holds besides tensors. */
export type SavedRun = RunContext & { readonly state: RunState };

/** The parts of a checkpoint: model, optimiser, schedule. The state of the random numbers is in every checkpoint. */
export type RunParts = {
  readonly model: Stateful;
  readonly optimizer: Stateful;
  readonly scheduler: Stateful;
};

export class CheckpointFolder {
  /** What a run continues from. */
  readonly last: string;
  /** The state after the epoch with the lowest validation loss. */
  readonly best: string;

  constructor(readonly folder: string) {
    this.last = join(folder, 'last.safetensors');
    this.best = join(folder, 'best.safetensors');
  }

  /** Whether there is something to continue from. */
  get hasRun(): boolean {
    return existsSync(this.last);
  }

  async create(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
  }

  /** Saves the parts, as they are at each call, with what else a resumed run needs. */
  keeper({ model, optimizer, scheduler }: RunParts, context: RunContext): StateKeeper {
    const parts = { model, optimizer, scheduler };
    const save = (file: string, state: RunState): Promise<void> =>
      saveCheckpoint(file, { parts, values: { run: { ...context, state } as unknown as Json } });
    return { saveLast: (state) => save(this.last, state), saveBest: (state) => save(this.best, state) };
  }

  /**
   * What the last checkpoint says, without its tensors.
   *
   * @throws FormatError, by rejection, when the file is damaged or not of this command; Node's error when there is none.
   */
  async read(): Promise<SavedRun> {
    return expectRun(this.last, (await loadCheckpoint(this.last, { random: false })).values);
  }

  /** Restores the parts and the state of the random numbers. */
  async restore({ model, optimizer, scheduler }: RunParts): Promise<void> {
    await loadCheckpoint(this.last, { parts: { model, optimizer, scheduler } });
  }

  /** Copies the weights of the epoch with the lowest validation loss into the model. */
  async restoreBest(model: Module): Promise<void> {
    await loadCheckpoint(this.best, { parts: { model }, random: false });
  }
}

function expectRun(file: string, values: Readonly<Record<string, Json>>): SavedRun {
  const { run } = values;
  const { settings, data, state } = (isPlainObject(run) ? run : {}) as Partial<SavedRun>;
  const history: unknown = state?.history;
  const whole =
    isPlainObject(settings) && isPlainObject(data) && Number.isInteger(state?.epoch) && Array.isArray(history);
  if (!whole) throw new FormatError(`train: ${file}: no checkpoint of receptive train: it has no settings or state`);
  return run as unknown as SavedRun;
}

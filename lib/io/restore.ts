import { expectBoolean, expectOptions } from '../check';
import { defaultDeviceNumber, resolveDevice } from '../deviceTable';
import { ArgumentError, DTypeError, errorClasses, ReceptiveError, ShapeError } from '../errors';
import { getRngState, setRngState } from '../random';
import { sameShape, shapeText } from '../shape';
import type { AnyTensor } from '../tensor';
import { readCheckpointHeader, type SavedCheckpoint } from './checkpointHeader';
import { elementOf } from './elements';
import type { Json } from './json';
import { tensorReader } from './safetensors';
import type { SafetensorsEntry } from './safetensorsHeader';
import { expectPath, type FilePath, type InputFile, withFile } from './source';
import { expectParts, type Parts, type StateDict, type Stateful, stateOf } from './stateful';
import { collect, copyOf, type NamedTensors } from './tensorData';

/** Options of `loadCheckpoint()`. */
export interface CheckpointOptions {
  /** What is to be restored, by the names under which it was saved. Parts of the file that are not named here are left out. */
  parts?: Readonly<Record<string, Stateful>>;
  /** Whether the random state of this thread is restored as well; true by default. */
  random?: boolean;
}

/** What `loadCheckpoint()` gives back. */
export interface LoadedCheckpoint {
  /** The values given to `saveCheckpoint()`. */
  readonly values: Readonly<Record<string, Json>>;
  /** Names of all parts in the file. */
  readonly parts: readonly string[];
}

/** A tensor to be read, and whose it is. */
interface Wanted {
  readonly part: string;
  readonly key: string;
  readonly entry: SafetensorsEntry;
  readonly device: number;
}

/** Everything the parts need, after comparing what can be compared before reading. */
function plan(op: string, path: string, saved: SavedCheckpoint, parts: Parts, standard: number): Wanted[] {
  return Object.entries(parts).flatMap(([name, part]) => {
    const found = saved.parts.get(name);
    if (found === undefined) {
      const names = [...saved.parts.keys()].join(', ') || 'none';
      throw new ArgumentError(`${op}: ${path} has no part '${name}'; its parts are: ${names}`);
    }
    const own = stateOf(op, name, part).tensors;
    const [first] = Object.values(own);
    return [...found.entries].map(([key, entry]) => {
      const like = Object.hasOwn(own, key) ? own[key] : undefined;
      if (like !== undefined) expectLike(`${op}: ${path}: tensor '${name}.${key}'`, entry, `parts.${name}`, like);
      const device = (like ?? first)?.device;
      return { part: name, key, entry, device: device === undefined ? standard : resolveDevice(op, device) };
    });
  });
}

function expectLike(what: string, { shape, dtype }: SafetensorsEntry, part: string, like: AnyTensor): void {
  if (!sameShape(shape, like.shape)) {
    throw new ShapeError(`${what} has shape ${shapeText(shape)}, that of ${part} has ${shapeText(like.shape)}`);
  }
  const read = elementOf(dtype)?.dtype;
  if (read !== like.dtype) throw new DTypeError(`${what} is ${read ?? dtype}, that of ${part} is ${like.dtype}`);
}

/** A part and the state that it is to take over. */
interface Restoring {
  readonly name: string;
  readonly part: Stateful;
  readonly state: StateDict;
}

function restoring(saved: SavedCheckpoint, parts: Parts, wanted: readonly Wanted[], loaded: NamedTensors): Restoring[] {
  return Object.entries(parts).map(([name, part]) => {
    const own = wanted.filter((one) => one.part === name);
    const tensors = Object.fromEntries(own.map(({ key }) => [key, loaded[`${name}.${key}`]]));
    return { name, part, state: { tensors, values: saved.parts.get(name)?.values ?? {} } };
  });
}

function disposeAll(tensors: NamedTensors): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** A state with tensors of its own. */
function copyOfState({ tensors, values }: StateDict): StateDict {
  const copies: [string, AnyTensor][] = [];
  try {
    for (const [name, tensor] of Object.entries(tensors)) copies.push([name, copyOf(tensor)]);
    return { tensors: Object.fromEntries(copies), values: structuredClone(values) };
  } catch (error) {
    for (const [, copy] of copies) copy.dispose();
    throw error;
  }
}

/** Goes back to a state; called in the opposite order of the changes. */
type Undo = () => void;

/**
 * Changes all parts or none. A part that refuses its state has not changed; those before it go back to copies of their states.
 * The one with the most elements is changed last, so that no copy of it is needed.
 */
function apply(op: string, path: string, all: readonly Restoring[]): void {
  const undo: Undo[] = [];
  const copies: StateDict[] = [];
  const sorted = all
    .map((one) => ({ ...one, before: stateOf(op, one.name, one.part) }))
    .sort((a, b) => elements(a.before) - elements(b.before));
  try {
    for (const [i, { name, part, state, before }] of sorted.entries()) {
      const copy = i < sorted.length - 1 ? copyOfState(before) : undefined;
      if (copy !== undefined) copies.push(copy);
      try {
        part.loadStateDict(state);
      } catch (error) {
        throw withContext(error, `${op}: ${path}: parts.${name}: `);
      }
      if (copy !== undefined) undo.unshift(() => part.loadStateDict(copy));
    }
  } catch (error) {
    for (const one of undo) one();
    throw error;
  } finally {
    for (const { tensors } of copies) disposeAll(tensors);
  }
}

function elements({ tensors }: StateDict): number {
  return Object.values(tensors).reduce((sum, { size }) => sum + size, 0);
}

/** The same kind of error with more to its message; errors of others stay as they are. */
function withContext(error: unknown, context: string): unknown {
  if (!(error instanceof ReceptiveError)) return error;
  const longer = new errorClasses[error.code](context + error.message);
  longer.cause = error;
  return longer;
}

/** Sets the random state for as long as `body` takes, and for good if that succeeds. */
function withRandomState(file: InputFile, saved: SavedCheckpoint, body: () => void): void {
  const before = getRngState();
  try {
    setRngState(saved.random);
  } catch (error) {
    throw file.fail(`its metadata 'random' is no random state (${(error as Error).message})`);
  }
  try {
    body();
  } catch (error) {
    setRngState(before);
    throw error;
  }
}

/**
 * Restores what `saveCheckpoint()` saved: the parts named here and the random state of this thread. All of them are restored or,
 * when anything fails, none: the file's checksum, then names, types and shapes are compared before anything changes, and a part
 * whose neighbour refuses its state goes back to its own.
 *
 * @param file A path or a `file:` URL.
 * @param options Without parts, only values and random state are read.
 * @returns The values, and the names of the file's parts. It rejects with FormatError when the file is damaged or no checkpoint;
 *   ArgumentError when it lacks a part; ShapeError or DTypeError when a tensor is not like the part's; what a part's
 *   `loadStateDict()` throws; OutOfMemoryError; Node's error (`ENOENT` …) when it cannot be read.
 * @throws ArgumentError for parts that are not Stateful.
 * @example const { values } = await loadCheckpoint('run.safetensors', { parts: { model, optimizer } });
 */
export function loadCheckpoint(file: FilePath, options?: CheckpointOptions): Promise<LoadedCheckpoint> {
  const op = 'loadCheckpoint';
  const path = expectPath(op, file);
  const given = expectOptions(op, options, ['parts', 'random']);
  const parts = expectParts(op, given.parts);
  const random = given.random === undefined ? true : expectBoolean(op, 'random', given.random);
  const standard = defaultDeviceNumber();
  return withFile(op, path, async (input) => {
    const saved = await readCheckpointHeader(input);
    const wanted = plan(op, path, saved, parts, standard);
    const read = tensorReader(op, input);
    const loaded = await collect(wanted, async ({ part, key, entry, device }) => {
      const name = `${part}.${key}`;
      return [name, await read(name, entry, device)];
    });
    try {
      const body = () => apply(op, path, restoring(saved, parts, wanted, loaded));
      if (random) withRandomState(input, saved, body);
      else body();
    } finally {
      disposeAll(loaded);
    }
    return { values: saved.values, parts: [...saved.parts.keys()] };
  });
}

// A checkpoint is a safetensors file. Its tensors are named `<part>.<name>`; the metadata holds, as JSON, the values of the
// parts, the caller's and the state of the random numbers, and a checksum of the whole file.
import { expectOptions } from '../check';
import { ArgumentError } from '../errors';
import { getRngState } from '../random';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import { Checksum, checksumKey, emptyChecksum } from './checksum';
import { isPlainObject, type Json, jsonText } from './json';
import { type SaveOptions, snapshotOption } from './options';
import { prepare, writePrepared } from './safetensors';
import { expectPath, type FilePath } from './source';
import { expectParts, type Stateful, stateOf } from './stateful';

/** What `saveCheckpoint()` saves, and how. */
export interface CheckpointContents extends SaveOptions {
  /** Models, optimisers and whatever else has a state, by names of letters, digits, `_` and `-`. */
  parts?: Readonly<Record<string, Stateful>>;
  /** Plain data that JSON holds exactly: the epoch, the history … */
  values?: Readonly<Record<string, Json>>;
}

/** The version of what is in the metadata. @internal */
export const checkpointFormat = 'receptive-checkpoint/1';

/**
 * Saves the state of a training run: parts, values, and the random state of this thread. Everything is as of the time of the
 * call. The file appears whole or not at all, as with `saveSafetensors()`: a run that is ended at any moment finds the last
 * checkpoint that was complete. It is a safetensors file, in which other programs find the tensors as `<part>.<name>`.
 *
 * @param file A path or a `file:` URL.
 * @returns As that of `saveSafetensors()`.
 * @throws ArgumentError for parts that are not Stateful, and for values that JSON does not hold exactly (NaN and infinities
 *   among them), with their place; DisposedError; OutOfMemoryError when there is no memory for the copies (see `snapshot`).
 * @example await saveCheckpoint('run.safetensors', { parts: { model, optimizer }, values: { epoch } });
 */
export function saveCheckpoint(file: FilePath, contents: CheckpointContents): Promise<void> {
  const op = 'saveCheckpoint';
  const path = expectPath(op, file);
  if (contents === undefined) throw new ArgumentError(`${op}: contents must be an object, given undefined`);
  const given = expectOptions(op, contents, ['parts', 'values', 'snapshot']);
  const parts = expectParts(op, given.parts);
  const copy = snapshotOption(op, given.snapshot);
  const values = given.values ?? {};
  if (!isPlainObject(values)) {
    throw new ArgumentError(`${op}: values must be an object, given ${describe(values)}`);
  }
  const tensors: [string, AnyTensor][] = [];
  const partValues: [string, object][] = [];
  for (const [name, part] of Object.entries(parts)) {
    const state = stateOf(op, name, part);
    for (const [key, tensor] of Object.entries(state.tensors)) tensors.push([`${name}.${key}`, tensor]);
    partValues.push([name, state.values]);
  }
  const metadata = {
    // First, so that its place in the file is known.
    [checksumKey]: emptyChecksum,
    format: checkpointFormat,
    parts: jsonText(op, 'parts', Object.fromEntries(partValues)),
    random: jsonText(op, 'the random state', getRngState()),
    values: jsonText(op, 'values', values),
  };
  const checksum = new Checksum();
  return writePrepared(
    op,
    path,
    prepare(op, Object.fromEntries(tensors), metadata, copy),
    (bytes) => checksum.add(bytes),
    (output) => output.rewrite(checksum.text(), Checksum.position),
  );
}

import type { RngState } from '../random';
import { describe } from '../text';
import { checkpointFormat } from './checkpoint';
import { verifyChecksum } from './checksum';
import { isPlainObject, type Json } from './json';
import { readHeader } from './safetensors';
import type { SafetensorsEntry } from './safetensorsHeader';
import type { InputFile } from './source';
import { isPartName } from './stateful';

/** What a file has of a part. */
interface SavedPart {
  readonly values: object;
  /** By the part's own names. */
  readonly entries: Map<string, SafetensorsEntry>;
}

/** A checkpoint's header, understood. */
export interface SavedCheckpoint {
  readonly values: Record<string, Json>;
  readonly random: RngState;
  readonly parts: ReadonlyMap<string, SavedPart>;
}

/**
 * Reads the header of a checkpoint and compares its checksum.
 *
 * @throws FormatError.
 */
export async function readCheckpointHeader(file: InputFile): Promise<SavedCheckpoint> {
  const { metadata, tensors } = await readHeader(file);
  if (metadata.format !== checkpointFormat) {
    throw file.fail(
      `no checkpoint: its metadata 'format' is ${describe(metadata.format)}, expected '${checkpointFormat}'`,
    );
  }
  await verifyChecksum(file, metadata);
  const parse = (key: string): Record<string, unknown> => {
    let value: unknown;
    try {
      value = JSON.parse(metadata[key] ?? '');
    } catch {
      throw file.fail(`its metadata '${key}' is not JSON`);
    }
    if (!isPlainObject(value)) throw file.fail(`its metadata '${key}' is no JSON object`);
    return value;
  };
  const parts = new Map<string, SavedPart>();
  for (const [name, values] of Object.entries(parse('parts'))) {
    if (!isPartName(name) || !isPlainObject(values)) {
      throw file.fail(`its metadata 'parts' has a wrong entry ${describe(name)}`);
    }
    parts.set(name, { values, entries: new Map() });
  }
  for (const [name, entry] of Object.entries(tensors)) {
    const dot = name.indexOf('.');
    const part = parts.get(name.slice(0, Math.max(dot, 0)));
    if (part === undefined) throw file.fail(`tensor ${describe(name)} belongs to no part`);
    part.entries.set(name.slice(dot + 1), entry);
  }
  const random = parse('random') as unknown as RngState;
  return { values: parse('values') as Record<string, Json>, random, parts };
}

import { expectOptions } from '../check';
import { deviceOption } from '../deviceTable';
import { bytesPerElement } from '../dtype';
import { ArgumentError, UnsupportedError } from '../errors';
import { maxRank } from '../shape';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import { type OutputFile, replaceFile } from './atomicFile';
import { elementOf, readableNames, writtenAs } from './elements';
import { type LoadNamedOptions, namesOption, type SaveOptions, snapshotOption } from './options';
import {
  formatHeader,
  largestHeader,
  lengthBytes,
  parseHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from './safetensorsHeader';
import { expectPath, type FilePath, type InputFile, withFile } from './source';
import { collect, expectNamedTensors, type NamedTensors, readTensor, Snapshot } from './tensorData';

/** Options of `saveSafetensors()`. */
export interface SafetensorsOptions extends SaveOptions {
  /** Text by name, kept with the tensors. */
  metadata?: Readonly<Record<string, string>>;
}

function expectMetadata(op: string, value: unknown): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new ArgumentError(`${op}: metadata must be an object of strings, given ${describe(value)}`);
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw new ArgumentError(`${op}: metadata['${key}'] must be a string, given ${describe(text)}`);
    }
    if (/\p{Surrogate}/u.test(key + text)) {
      throw new ArgumentError(`${op}: metadata['${key}'] is no well-formed Unicode`);
    }
  }
  return { ...value } as Record<string, string>;
}

/** A file's header, ready, and the tensors in the order of the data. @internal */
export interface PreparedFile {
  readonly header: Buffer;
  readonly snapshots: readonly Snapshot[];
}

/**
 * Takes snapshots of the tensors and writes the header of their file.
 *
 * @internal
 */
export function prepare(
  op: string,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> | undefined,
  copy: boolean,
): PreparedFile {
  // Types with larger elements first, so that every tensor lies at a multiple of its element's size.
  const names = Object.keys(tensors).sort(
    (a, b) => bytesPerElement(tensors[b].dtype) - bytesPerElement(tensors[a].dtype),
  );
  const entries = names.map((name) => {
    const { dtype, shape, size } = tensors[name];
    return { name, dtype: writtenAs(dtype), shape, bytes: size * bytesPerElement(dtype) };
  });
  const header = formatHeader(entries, metadata);
  if (header.length - lengthBytes > largestHeader) {
    throw new ArgumentError(
      `${op}: names, shapes and metadata take ${header.length - lengthBytes} bytes, the format allows ${largestHeader}`,
    );
  }
  const snapshots = Snapshot.ofAll(op, tensors, copy);
  return { header, snapshots: names.map((name) => snapshots.get(name) as Snapshot) };
}

/**
 * Writes what `prepare()` made, and disposes it.
 *
 * @param seen Gets every piece of the file in order.
 * @param finish Called when all is written, before the file takes its name.
 * @internal
 */
export async function writePrepared(
  op: string,
  path: string,
  { header, snapshots }: PreparedFile,
  seen: (bytes: Uint8Array) => void = () => {},
  finish: (output: OutputFile) => Promise<void> = async () => {},
): Promise<void> {
  try {
    await replaceFile(op, path, async (output) => {
      seen(header);
      await output.write(header);
      for (const snapshot of snapshots) {
        for await (const piece of snapshot.pieces()) {
          seen(piece);
          await output.write(piece);
        }
        snapshot.dispose();
      }
      await finish(output);
    });
  } finally {
    for (const snapshot of snapshots) snapshot.dispose();
  }
}

/**
 * Saves tensors in a safetensors file (https://github.com/huggingface/safetensors#format), which other programs read too. The
 * values are those of the time of the call; the file appears whole or, when anything fails, not at all: the one before it
 * stays as it was. Of several calls for the same file, the last one's remains.
 *
 * float32, float64, int32, uint8 and bool are written as F32, F64, I32, U8 and BOOL. The order of the data is that of the
 * names, larger elements first.
 *
 * @param file A path or a `file:` URL.
 * @param tensors By name; any dtype, shape and device.
 * @returns Settles when the file is on the disk. It rejects with Node's error (`ENOSPC`, `EACCES` …), or with that of the
 *   operation that made a tensor, if it failed.
 * @throws ArgumentError for an argument that is not as above, among them the name `__metadata__`, which the format reserves;
 *   DisposedError; OutOfMemoryError when there is no memory for the copies (see `snapshot`).
 */
export function saveSafetensors(file: FilePath, tensors: NamedTensors, options?: SafetensorsOptions): Promise<void> {
  const op = 'saveSafetensors';
  const path = expectPath(op, file);
  expectNamedTensors(op, 'tensors', tensors);
  const given = expectOptions(op, options, ['metadata', 'snapshot']);
  const metadata = expectMetadata(op, given.metadata);
  const copy = snapshotOption(op, given.snapshot);
  if (Object.hasOwn(tensors, '__metadata__')) {
    throw new ArgumentError(`${op}: the format reserves the name '__metadata__'; metadata is an option`);
  }
  return writePrepared(op, path, prepare(op, tensors, metadata, copy));
}

/** @internal */
export async function readHeader(file: InputFile): Promise<SafetensorsHeader> {
  const { size } = file;
  if (size < lengthBytes) throw file.fail(`truncated: ${size} bytes, the header's length alone takes ${lengthBytes}`);
  const start = Buffer.alloc(lengthBytes);
  await file.read(start);
  const length = start.readBigUInt64LE();
  if (length > largestHeader) {
    throw file.fail(`no safetensors file: header of ${length} bytes, the format allows ${largestHeader}`);
  }
  if (Number(length) > size - lengthBytes) {
    throw file.fail(`truncated: header of ${length} bytes announced, ${size - lengthBytes} are there`);
  }
  const header = Buffer.alloc(Number(length));
  await file.read(header);
  return parseHeader(header, size, (problem) => file.fail(problem));
}

/** @internal */
export function tensorReader(
  op: string,
  file: InputFile,
): (name: string, entry: SafetensorsEntry, device: number) => Promise<AnyTensor> {
  return (name, { dtype, shape, begin }, device) => {
    const what = `tensor '${name}'`;
    const element = elementOf(dtype);
    if (element === undefined) {
      throw new UnsupportedError(
        `${op}: ${file.path}: ${what} has elements of type ${describe(dtype)}; ${readableNames} can be read`,
      );
    }
    if (shape.length > maxRank) {
      throw new UnsupportedError(
        `${op}: ${file.path}: ${what} has ${shape.length} axes, at most ${maxRank} are supported`,
      );
    }
    file.position = begin;
    return readTensor(op, file, { element, littleEndian: true, shape, what }, device);
  };
}

/**
 * Reads the tensors of a safetensors file, in pieces of a few MiB: beside the tensors little memory is needed.
 *
 * F32, F64, I32, U8 and BOOL become float32, float64, int32, uint8 and bool; F16 and BF16 become float32, exactly; I64, U64,
 * U32, I16, U16 and I8 become int32, where a value that int32 does not hold is a FormatError. Other types are an
 * UnsupportedError.
 *
 * @param file A path or a `file:` URL.
 * @returns Tensors by name, in the order of the data. It rejects with FormatError, which names the place, when the file is not
 *   as the format demands; UnsupportedError; ArgumentError when a name is not in the file; OutOfMemoryError; Node's error
 *   (`ENOENT` …) when the file cannot be read.
 * @throws ArgumentError, DeviceError.
 */
export function loadSafetensors(file: FilePath, options?: LoadNamedOptions): Promise<Record<string, AnyTensor>> {
  const op = 'loadSafetensors';
  const path = expectPath(op, file);
  const given = expectOptions(op, options, ['device', 'names']);
  const device = deviceOption(op, given.device);
  const names = namesOption(op, given.names);
  return withFile(op, path, async (input) => {
    const { tensors } = await readHeader(input);
    const missing = names?.find((name) => !Object.hasOwn(tensors, name));
    if (missing !== undefined) throw new ArgumentError(`${op}: ${path} has no tensor ${describe(missing)}`);
    const wanted = names === undefined ? undefined : new Set(names);
    const chosen = Object.entries(tensors).filter(([name]) => wanted?.has(name) ?? true);
    const read = tensorReader(op, input);
    return collect(chosen, async ([name, entry]) => [name, await read(name, entry, device)]);
  });
}

/**
 * What a safetensors file says of its contents: metadata, and each tensor's type, shape and place. The data is not read.
 *
 * @param file A path or a `file:` URL.
 * @returns It rejects as that of `loadSafetensors()` does.
 * @throws ArgumentError.
 */
export function readSafetensorsHeader(file: FilePath): Promise<SafetensorsHeader> {
  const op = 'readSafetensorsHeader';
  return withFile(op, expectPath(op, file), readHeader);
}

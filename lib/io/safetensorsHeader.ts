// The header of a safetensors file (https://github.com/huggingface/safetensors#format): a JSON object
// { name: { dtype, shape, data_offsets: [begin, end] } }, with an optional "__metadata__" of strings. The offsets count from the
// header's end. What is read here is checked before it is used: a damaged or hostile file gives a FormatError.
import type { FormatError } from '../errors';
import { shapeText } from '../shape';
import { elementOf } from './elements';
import { JsonText } from './jsonText';

/** Where a tensor lies in a safetensors file. */
export interface SafetensorsEntry {
  /** The file's name for the element type: `F32`, `BF16`, `I64` … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte, counted from the begin of the file. */
  readonly begin: number;
  /** The byte after the last one. */
  readonly end: number;
}

/** What a safetensors file says of its contents. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the data. */
  readonly tensors: Readonly<Record<string, SafetensorsEntry>>;
}

/** Bytes of the header's length, a little-endian uint64, at the begin of the file. */
export const lengthBytes = 8;

/** The format's own limit: a longer header is a damaged length. */
export const largestHeader = 100_000_000;

/** Longest time without a turn of the event loop, in milliseconds. */
const longestTime = 8;

/** A function to be called in a long loop: now and then it returns a promise that gives the event loop a turn. */
function turns(): () => Promise<void> | undefined {
  let next = performance.now() + longestTime;
  return () => {
    if (performance.now() < next) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        next = performance.now() + longestTime;
        resolve();
      });
    });
  };
}

interface RawEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly number[];
}

/**
 * @param bytes The header alone.
 * @param fileBytes Size of the file.
 * @param fail Makes the error to throw of what is wrong.
 * @internal
 */
export async function parseHeader(
  bytes: Buffer,
  fileBytes: number,
  fail: (problem: string) => FormatError,
): Promise<SafetensorsHeader> {
  const text = new JsonText(bytes, (problem, at) => fail(`${problem} at byte ${lengthBytes + at}, in the header`));
  if (bytes[0] !== 0x7b) throw fail(`the header must begin with '{' at byte ${lengthBytes}`);
  const metadata: [string, string][] = [];
  const entries = new Map<string, RawEntry>();
  let hasMetadata = false;
  const turn = turns();
  for (const name of text.object()) {
    if (name === '__metadata__') {
      if (hasMetadata) throw text.problem("a second '__metadata__'");
      hasMetadata = true;
      parseMetadata(text, metadata);
    } else {
      if (entries.has(name)) throw text.problem(`a second tensor ${JSON.stringify(name)}`);
      entries.set(name, parseEntry(text));
    }
    const pause = turn();
    if (pause !== undefined) await pause;
  }
  text.end();
  return {
    metadata: Object.fromEntries(metadata),
    tensors: await place(entries, lengthBytes + bytes.length, fileBytes, fail),
  };
}

function parseMetadata(text: JsonText, metadata: [string, string][]): void {
  const keys = new Set<string>();
  for (const key of text.object()) {
    if (keys.has(key)) throw text.problem(`a second '__metadata__' entry ${JSON.stringify(key)}`);
    keys.add(key);
    metadata.push([key, text.string()]);
  }
}

function parseEntry(text: JsonText): RawEntry {
  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  for (const key of text.object()) {
    if (key === 'dtype' && dtype === undefined) dtype = text.string();
    else if (key === 'shape' && shape === undefined) shape = text.counts();
    else if (key === 'data_offsets' && offsets === undefined) offsets = text.counts();
    else throw text.problem(`${JSON.stringify(key)}, where dtype, shape and data_offsets are expected, each once`);
  }
  if (dtype === undefined || shape === undefined || offsets?.length !== 2) {
    throw text.problem('a tensor without dtype, shape and two data_offsets');
  }
  return { dtype, shape, offsets };
}

/** Checks that the tensors fill the data without gaps and overlaps. */
async function place(
  raw: ReadonlyMap<string, RawEntry>,
  dataBegin: number,
  fileBytes: number,
  fail: (problem: string) => FormatError,
): Promise<Record<string, SafetensorsEntry>> {
  const dataBytes = fileBytes - dataBegin;
  const sorted = [...raw].sort(
    ([, { offsets: a }], [, { offsets: b }]) => a[0] - b[0] || a[1] - b[1], // empty tensors before what follows them
  );
  let position = 0;
  const placed: Record<string, SafetensorsEntry> = {};
  const turn = turns();
  for (const [name, { dtype, shape, offsets }] of sorted) {
    const [begin, end] = offsets;
    const what = `tensor ${JSON.stringify(name)}`;
    if (begin !== position) {
      throw fail(`${what} begins at byte ${begin} of the data, expected ${position}: no gaps, no overlaps`);
    }
    if (end < begin) throw fail(`${what} ends at byte ${end} of the data, before its begin ${begin}`);
    if (end > dataBytes) throw fail(`truncated: ${what} ends at byte ${end} of the data, which has ${dataBytes}`);
    const expected = sizeInBytes(dtype, shape);
    if (expected !== undefined && expected !== end - begin) {
      throw fail(`${what} has ${end - begin} bytes, ${dtype} ${shapeText(shape)} needs ${expected}`);
    }
    position = end;
    setOwn(placed, name, { dtype, shape, begin: dataBegin + begin, end: dataBegin + end });
    const pause = turn();
    if (pause !== undefined) await pause;
  }
  if (position !== dataBytes) throw fail(`${dataBytes} bytes of data, the header describes ${position}`);
  return placed;
}

/** Sets a property of that name: assigned, `__proto__` would be something else. */
function setOwn<T>(object: Record<string, T>, name: string, value: T): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Undefined for a type that is not known here. Too large to be counted is Infinity or inexact, and so no size of a file. */
function sizeInBytes(dtype: string, shape: readonly number[]): number | undefined {
  const element = elementOf(dtype);
  if (element === undefined) return undefined;
  return shape.includes(0) ? 0 : shape.reduce((product, extent) => product * extent, element.bytes);
}

/** A tensor to be written. */
export interface EntryToWrite {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Length and header of a file with these tensors in this order, padded so that the data begins at a multiple of 8. @internal */
export function formatHeader(
  entries: readonly EntryToWrite[],
  metadata: Readonly<Record<string, string>> | undefined,
): Buffer {
  const fields: [string, object][] = metadata === undefined ? [] : [['__metadata__', metadata]];
  let offset = 0;
  for (const { name, dtype, shape, bytes } of entries) {
    fields.push([name, { dtype, shape, data_offsets: [offset, offset + bytes] }]);
    offset += bytes;
  }
  // Written name by name: an object would put names like '1' first.
  const json = Buffer.from(`{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const result = Buffer.alloc(lengthBytes + padded, ' ');
  result.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(result, lengthBytes);
  return result;
}

/**
 * Float32 tensors in a safetensors file (https://github.com/huggingface/safetensors#format).
 *
 * Layout: header length as little-endian uint64; the header, a JSON object { name: { dtype, shape, data_offsets } } with
 * an optional "__metadata__" of strings; then the data, little-endian, without gaps. The header is padded with spaces so
 * that the data starts at a multiple of 8. Beyond the format, the metadata has the SHA-256 of the data, so that a damaged file is noticed.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFileAtomically } from './atomicFile.mjs';

const LENGTH_BYTES = 8;
const CHECKSUM_KEY = 'sha256';
// The format's own limit: a longer header is a damaged length.
const MAX_HEADER_BYTES = 100_000_000;

/**
 * @typedef {object} NamedArray
 * @property {number[]} shape
 * @property {Float32Array} data
 */

/** A weights file that cannot be used: names the file, what was found and what was expected. */
export class WeightsFileError extends Error {
  /**
   * @param {string} file
   * @param {string} problem
   * @param {unknown} [cause]
   */
  constructor(file, problem, cause) {
    super(`${file}: ${problem}`, cause === undefined ? undefined : { cause });
    this.name = 'WeightsFileError';
    this.file = file;
  }
}

/**
 * Writes the file whole or not at all.
 * @param {string} file
 * @param {Map<string, NamedArray>} tensors
 * @param {Record<string, string>} metadata
 */
export function writeWeights(file, tensors, metadata) {
  /** @type {Record<string, { dtype: string, shape: number[], data_offsets: [number, number] }>} */
  const entries = {};
  const chunks = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const chunk = littleEndian(data);
    entries[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + chunk.length] };
    chunks.push(chunk);
    offset += chunk.length;
  }
  const data = Buffer.concat(chunks);
  const json = JSON.stringify({ __metadata__: { ...metadata, [CHECKSUM_KEY]: sha256(data) }, ...entries });
  const unpadded = Buffer.from(json);
  const header = Buffer.concat([unpadded, Buffer.alloc((8 - (unpadded.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(header.length));
  try {
    writeFileAtomically(file, Buffer.concat([length, header, data]));
  } catch (error) {
    throw new WeightsFileError(file, `cannot be written (${/** @type {Error} */ (error).message})`, error);
  }
}

/**
 * @param {string} file
 * @returns {{ tensors: Map<string, NamedArray>, metadata: Record<string, string> }}
 * @throws {WeightsFileError}
 */
export function readWeights(file) {
  let bytes;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const reason = /** @type {NodeJS.ErrnoException} */ (error);
    const problem = reason.code === 'ENOENT' ? 'no such file' : `cannot be read (${reason.message})`;
    throw new WeightsFileError(file, problem, error);
  }
  const { header, data } = splitHeader(file, bytes);
  const metadata = readMetadata(file, header.__metadata__);
  delete header.__metadata__;

  const tensors = new Map();
  let end = 0;
  const entries = Object.entries(header).map(([name, entry]) => ({ name, ...checkEntry(file, name, entry) }));
  for (const { name, shape, begin, end: entryEnd } of entries.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== end) {
      throw new WeightsFileError(
        file,
        `tensor '${name}' starts at byte ${begin} of the data, expected ${end}: tensors may neither overlap nor leave gaps`,
      );
    }
    if (entryEnd > data.length) {
      throw new WeightsFileError(
        file,
        `truncated: tensor '${name}' ends at byte ${entryEnd} of the data, which has ${data.length}`,
      );
    }
    tensors.set(name, { shape, data: fromLittleEndian(data.subarray(begin, entryEnd)) });
    end = entryEnd;
  }
  if (end !== data.length)
    throw new WeightsFileError(file, `${data.length} bytes of data, the header announces ${end}`);
  const checksum = metadata[CHECKSUM_KEY];
  if (checksum !== undefined && checksum !== sha256(data)) {
    throw new WeightsFileError(file, `the data is damaged: its SHA-256 is ${sha256(data)}, recorded is ${checksum}`);
  }
  return { tensors, metadata };
}

/**
 * @param {string} file
 * @param {Buffer} bytes
 * @returns {{ header: Record<string, unknown>, data: Buffer }}
 */
function splitHeader(file, bytes) {
  if (bytes.length < LENGTH_BYTES) {
    throw new WeightsFileError(
      file,
      `truncated: ${bytes.length} bytes, the header's length alone takes ${LENGTH_BYTES}`,
    );
  }
  const length = bytes.readBigUInt64LE();
  if (length > MAX_HEADER_BYTES) {
    throw new WeightsFileError(
      file,
      `not a safetensors file: header of ${length} bytes, at most ${MAX_HEADER_BYTES} are allowed`,
    );
  }
  const end = LENGTH_BYTES + Number(length);
  if (end > bytes.length) {
    throw new WeightsFileError(
      file,
      `truncated: header of ${length} bytes announced, ${bytes.length - LENGTH_BYTES} are there`,
    );
  }
  let header;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, end)));
  } catch (error) {
    throw new WeightsFileError(file, `the header is not JSON (${/** @type {Error} */ (error).message})`, error);
  }
  if (!isObject(header)) throw new WeightsFileError(file, 'the header is not a JSON object');
  return { header, data: bytes.subarray(end) };
}

/**
 * @param {string} file
 * @param {unknown} metadata
 * @returns {Record<string, string>}
 */
function readMetadata(file, metadata) {
  if (metadata === undefined) return {};
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw new WeightsFileError(file, '__metadata__ must be an object of strings');
  }
  return /** @type {Record<string, string>} */ (metadata);
}

/**
 * @param {string} file
 * @param {string} name
 * @param {unknown} entry
 * @returns {{ shape: number[], begin: number, end: number }}
 */
function checkEntry(file, name, entry) {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  if (dtype !== 'F32')
    throw new WeightsFileError(file, `tensor '${name}' has dtype ${JSON.stringify(dtype)}, only "F32" is read here`);
  if (!isListOfCounts(shape)) {
    throw new WeightsFileError(
      file,
      `tensor '${name}' has shape ${JSON.stringify(shape)}, expected a list of integers >= 0`,
    );
  }
  if (!isListOfCounts(offsets) || offsets.length !== 2) {
    throw new WeightsFileError(
      file,
      `tensor '${name}' has data_offsets ${JSON.stringify(offsets)}, expected [begin, end]`,
    );
  }
  const [begin, end] = offsets;
  const bytes = shape.reduce((product, dim) => product * dim, 4);
  if (end - begin !== bytes) {
    throw new WeightsFileError(
      file,
      `tensor '${name}' has ${end - begin} bytes, its shape [${shape.join(', ')}] needs ${bytes}`,
    );
  }
  return { shape, begin, end };
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value
 * @returns {value is number[]}
 */
function isListOfCounts(value) {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** @param {Buffer} data */
function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}

/** @param {Float32Array} values */
function littleEndian(values) {
  const bytes = Buffer.alloc(values.length * 4);
  for (let index = 0; index < values.length; index++) bytes.writeFloatLE(values[index], index * 4);
  return bytes;
}

/** @param {Buffer} bytes */
function fromLittleEndian(bytes) {
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}

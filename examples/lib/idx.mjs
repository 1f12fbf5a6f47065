/**
 * Reader for the IDX format of MNIST and Fashion-MNIST (Y. LeCun, "The MNIST database of handwritten digits").
 *
 * Layout, big-endian: two zero bytes, an element type (0x08 = unsigned byte), the number of dimensions; one uint32 per
 * dimension; then the elements, last dimension fastest. Files may be gzip-compressed; the content decides, not the name.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const UNSIGNED_BYTE = 0x08;

/**
 * @typedef {'MISSING' | 'UNREADABLE' | 'CORRUPT' | 'MAGIC' | 'TRUNCATED' | 'TRAILING' | 'SHAPE' | 'LABEL' | 'MISMATCH'} DataFileErrorCode
 */

/** A data file that cannot be used: names the file, what was found and what was expected. */
export class DataFileError extends Error {
  /**
   * @param {DataFileErrorCode} code stable, for programs
   * @param {string} file
   * @param {string} problem
   * @param {unknown} [cause]
   */
  constructor(code, file, problem, cause) {
    super(`${file}: ${problem}`, cause === undefined ? undefined : { cause });
    this.name = 'DataFileError';
    this.code = code;
    this.file = file;
  }
}

/**
 * @typedef {object} IdxArray
 * @property {number[]} dims
 * @property {Uint8Array} data dims[0] * dims[1] * … elements
 */

/**
 * The file's bytes, decompressed when they start as a gzip stream does.
 * @param {string} file
 * @returns {Uint8Array}
 */
function readBytes(file) {
  let bytes;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const reason = /** @type {NodeJS.ErrnoException} */ (error);
    if (reason.code === 'ENOENT') throw new DataFileError('MISSING', file, 'no such file', error);
    throw new DataFileError('UNREADABLE', file, `cannot be read (${reason.message})`, error);
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    const reason = /** @type {NodeJS.ErrnoException} */ (error);
    if (reason.code === 'Z_BUF_ERROR') {
      throw new DataFileError('TRUNCATED', file, `the gzip stream ends early, after ${bytes.length} bytes`, error);
    }
    throw new DataFileError('CORRUPT', file, `the gzip stream is corrupt (${reason.message})`, error);
  }
}

/**
 * Reads an IDX file of unsigned bytes.
 *
 * @param {string} file
 * @param {number} rank the number of dimensions it must have: 3 for images, 1 for labels
 * @returns {IdxArray}
 * @throws {DataFileError} missing, unreadable, corrupt, wrong magic number, truncated, or longer than its header says
 */
export function readIdx(file, rank) {
  const bytes = readBytes(file);
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < 4) {
    throw new DataFileError('TRUNCATED', file, `${bytes.length} bytes, too short for an IDX magic number (4 bytes)`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const expected = (UNSIGNED_BYTE << 8) | rank;
  if (magic !== expected) {
    throw new DataFileError(
      'MAGIC',
      file,
      `magic number ${hex(magic)}, expected ${hex(expected)} (unsigned bytes, rank ${rank})`,
    );
  }
  if (bytes.length < headerBytes) {
    throw new DataFileError('TRUNCATED', file, `${bytes.length} bytes, its header alone needs ${headerBytes}`);
  }
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  // Three uint32 can exceed 2^53, where a product of numbers would round and compare equal by accident.
  const size = dims.reduce((product, dim) => product * BigInt(dim), 1n);
  const available = BigInt(bytes.length - headerBytes);
  if (available !== size) {
    const code = available < size ? 'TRUNCATED' : 'TRAILING';
    const formula = rank > 1 ? `${dims.join(' * ')} = ${size}` : `${size}`;
    throw new DataFileError(code, file, `${available} bytes of data after the header, which announces ${formula}`);
  }
  return { dims, data: bytes.subarray(headerBytes) };
}

/**
 * The same array as an IDX file's bytes, not compressed.
 * @param {IdxArray} array
 * @returns {Buffer}
 */
export function encodeIdx({ dims, data }) {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE((UNSIGNED_BYTE << 8) | dims.length, 0);
  for (const [axis, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * axis);
  return Buffer.concat([header, data]);
}

/** @param {number} magic */
function hex(magic) {
  return `0x${magic.toString(16).padStart(8, '0')}`;
}

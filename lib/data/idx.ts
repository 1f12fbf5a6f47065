// The IDX format of MNIST and Fashion-MNIST (Y. LeCun, "The MNIST database of handwritten digits").
//
// Layout, big-endian: two zero bytes, an element type (0x08: unsigned bytes), the number of dimensions; a uint32 per dimension;
// then the elements, last dimension fastest. Files may be compressed by gzip: the content decides, not the name.
import { constants } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ArgumentError, FormatError } from '../errors';
import { checkedSize, expectShape } from '../shape';
import { describe } from '../text';

const unsignedByte = 0x08;
/** deflate makes at most 1032 bytes of one (a match of 258 bytes in two bits). */
const largestExpansion = 1032;
const blockBytes = 1 << 18;

/** The elements of an IDX file. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Reads what a stream of bytes brings, and refuses it at the first byte that is wrong. */
class IdxParser {
  private readonly header = Buffer.alloc(4 + 4 * 255);
  private headerBytes = 4;
  /** Bytes read so far, header included. */
  private position = 0;
  private shape: number[] | undefined;
  private data: Uint8Array | undefined;

  /**
   * @param ranks Numbers of dimensions that are accepted.
   * @param fileBytes Size of the file as it lies on the disk.
   */
  constructor(
    private readonly fail: (problem: string, cause?: unknown) => Error,
    private readonly ranks: readonly number[],
    private readonly fileBytes: number,
    private readonly compressed: boolean,
    private readonly allocate: (bytes: number) => Uint8Array,
  ) {}

  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (this.data === undefined && rest.length > 0) {
      const taken = rest.subarray(0, this.headerBytes - this.position);
      this.header.set(taken, this.position);
      this.position += taken.length;
      rest = rest.subarray(taken.length);
      if (this.position === this.headerBytes) this.readHeader();
    }
    if (this.data === undefined || rest.length === 0) return;
    const offset = this.position - this.headerBytes;
    if (offset + rest.length > this.data.length) {
      throw this.fail(`byte ${this.headerBytes + this.data.length}: data goes on after the ${this.announced()}`);
    }
    this.data.set(rest, offset);
    this.position += rest.length;
  }

  finish(): IdxArray {
    if (this.position < 4) throw this.fail(`${this.position} bytes, too short for an IDX magic number (4 bytes)`);
    if (this.shape === undefined || this.data === undefined) {
      throw this.fail(`ends at byte ${this.position}, its header alone needs ${this.headerBytes} bytes`);
    }
    const found = this.position - this.headerBytes;
    if (found < this.data.length) {
      throw this.fail(
        `ends at byte ${this.position}: ${found} bytes of data after the header, not the ${this.announced()}`,
      );
    }
    return { shape: this.shape, data: this.data };
  }

  private announced(): string {
    const { length } = this.data as Uint8Array;
    return `${this.shape?.join(' * ')} = ${length} that it announces`;
  }

  /** First the magic number, from which the header's length follows, then the dimensions. */
  private readHeader(): void {
    if (this.headerBytes === 4) this.readMagic();
    else this.readShape();
  }

  private readMagic(): void {
    const magic = this.header.readUInt32BE(0);
    const rank = magic & 0xff;
    if (magic >>> 8 !== unsignedByte || !this.ranks.includes(rank)) {
      const allowed = this.ranks.map((r) => hex((unsignedByte << 8) | r)).join(' or ');
      const meaning = `unsigned bytes of rank ${this.ranks.join(' or ')}`;
      throw this.fail(`byte 0: magic number ${hex(magic)}, expected ${allowed} (${meaning})`);
    }
    this.headerBytes = 4 + 4 * rank;
  }

  /** Refuses a size that the file cannot hold, before memory is taken for it. */
  private readShape(): void {
    const rank = (this.headerBytes - 4) / 4;
    const shape = Array.from({ length: rank }, (_, axis) => this.header.readUInt32BE(4 + 4 * axis));
    // Three uint32 can exceed 2^53, where a product of numbers would round and compare equal by accident.
    const size = shape.reduce((product, extent) => product * BigInt(extent), 1n);
    const formula = rank > 1 ? `${shape.join(' * ')} = ${size}` : `${size}`;
    const place = `byte ${this.headerBytes}`;
    if (size > BigInt(constants.MAX_LENGTH)) {
      throw this.fail(`${place}: the header announces ${formula} bytes, at most ${constants.MAX_LENGTH} are possible`);
    }
    if (this.compressed) {
      if (size > BigInt(this.fileBytes) * BigInt(largestExpansion)) {
        throw this.fail(
          `${place}: the header announces ${formula} bytes, more than ${this.fileBytes} bytes of gzip can hold ` +
            `(${largestExpansion} each)`,
        );
      }
    } else if (size !== BigInt(this.fileBytes - this.headerBytes)) {
      const found = this.fileBytes - this.headerBytes;
      throw this.fail(`${place}: ${found} bytes of data after the header, which announces ${formula}`);
    }
    this.shape = shape;
    this.data = this.allocate(Number(size));
  }
}

/** `op` is the function named in messages; `allocate` provides the memory for the elements. @internal */
export async function readIdxFile(
  op: string,
  file: string,
  ranks: readonly number[],
  allocate: (bytes: number) => Uint8Array,
): Promise<IdxArray> {
  const fail = (problem: string, cause?: unknown): FormatError =>
    new FormatError(`${op}: ${file}: ${problem}`, cause === undefined ? undefined : { cause });
  const { size, compressed } = await inspect(op, file);
  const parser = new IdxParser(fail, ranks, size, compressed, allocate);
  const bytes = createReadStream(file, { highWaterMark: blockBytes });
  try {
    for await (const chunk of compressed ? decompressed(bytes) : bytes) parser.push(chunk);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') throw fail(`the gzip stream ends early, after ${size} bytes`, error);
    if (code?.startsWith('Z_')) throw fail(`the gzip stream is corrupt (${message})`, error);
    throw error;
  } finally {
    bytes.destroy();
  }
  return parser.finish();
}

function decompressed(bytes: Readable): Readable {
  const content = createGunzip({ chunkSize: blockBytes });
  bytes.on('error', (error) => content.destroy(error));
  return bytes.pipe(content);
}

async function inspect(op: string, file: string): Promise<{ size: number; compressed: boolean }> {
  if (typeof file !== 'string') throw new ArgumentError(`${op}: file must be a path, given ${describe(file)}`);
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    handle = await open(file);
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return { size, compressed: bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? 'no such file' : `cannot be read (${message})`;
    throw new ArgumentError(`${op}: ${file}: ${problem}`, { cause: error });
  } finally {
    await handle?.close();
  }
}

/**
 * Reads an IDX file of unsigned bytes, plain or compressed by gzip, piece by piece.
 *
 * A size that the file cannot hold is refused before memory is taken for it, and what follows the announced size ends the
 * reading at once.
 *
 * @param file Path of the file.
 * @throws ArgumentError for a file that is missing or cannot be read; FormatError naming file and position for another element
 *   type, a file that is shorter or longer than its header says, a damaged gzip stream. All by rejection.
 */
export async function readIdx(file: string): Promise<IdxArray> {
  return readIdxFile('readIdx', file, [1, 2, 3, 4, 5, 6, 7, 8], (bytes) => new Uint8Array(bytes));
}

/**
 * The bytes of an IDX file, not compressed: the format that `readIdx()` reads.
 *
 * @param data One unsigned byte per element of `shape`, last axis fastest.
 * @throws ArgumentError, ShapeError.
 */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const op = 'encodeIdx';
  const extents = expectShape(op, 'shape', shape);
  if (!(data instanceof Uint8Array) || data.length !== checkedSize(op, extents, 1)) {
    const given = data instanceof Uint8Array ? `${data.length}` : describe(data);
    throw new ArgumentError(`${op}: data must be a Uint8Array of ${extents.join(' * ')} bytes, given ${given}`);
  }
  const tooLarge = extents.findIndex((extent) => extent > 0xffffffff);
  if (extents.length === 0 || tooLarge >= 0) {
    throw new ArgumentError(`${op}: shape must have 1 to 8 axes of at most 2^32 - 1, given ${describe(shape)}`);
  }
  const header = 4 + 4 * extents.length;
  const bytes = new Uint8Array(header + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (unsignedByte << 8) | extents.length);
  for (const [axis, extent] of extents.entries()) view.setUint32(4 + 4 * axis, extent);
  bytes.set(data, header);
  return bytes;
}

function hex(magic: number): string {
  return `0x${magic.toString(16).padStart(8, '0')}`;
}

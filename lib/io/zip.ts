// Zip files, by the libraries yauzl and yazl, which are loaded when the first zip file is read or written.
import { Readable } from 'node:stream';
import type * as Yauzl from 'yauzl';
import type * as Yazl from 'yazl';
import { type FormatError, ReceptiveError, UnsupportedError } from '../errors';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import { extendCrc32 } from './checksum';
import { type ByteSource, chunkBytes, type InputFile } from './source';

function optional<T>(op: string, name: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new UnsupportedError(`${op}: needs the package '${name}', which is not installed: npm install ${name}`);
  }
}

/** @throws UnsupportedError where it is not installed. */
export function zipReader(op: string): typeof Yauzl {
  return optional(op, 'yauzl', () => require('yauzl') as typeof Yauzl);
}

/** @throws UnsupportedError where it is not installed. */
export function zipWriter(op: string): typeof Yazl {
  return optional(op, 'yazl', () => require('yazl') as typeof Yazl);
}

/** A file within a zip file. */
export interface Member {
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
  readonly entry: Yauzl.Entry;
}

/** The library's errors say what is wrong in the file; those of reading it, and ours, stay as they are. */
function asFormatError(error: unknown, fail: (problem: string) => FormatError): unknown {
  if (error instanceof ReceptiveError || (error as NodeJS.ErrnoException).syscall !== undefined) return error;
  return fail(error instanceof Error ? error.message : String(error));
}

/** Bytes that one byte of deflated data can stand for, at most. */
const deflateRatio = 1032;

/**
 * The directory of a zip file.
 *
 * @throws FormatError when it is none, when a name appears twice, or when sizes are stated that its bytes cannot hold.
 */
export async function readMembers(
  file: InputFile,
  yauzl: typeof Yauzl,
): Promise<{ zip: Yauzl.ZipFile; members: Map<string, Member> }> {
  const members = new Map<string, Member>();
  let packed = 0;
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(readerOf(file, yauzl), file.size, { autoClose: false });
    for await (const entry of zip.eachEntry()) {
      const { fileName: name, compressedSize, uncompressedSize: bytes } = entry;
      const what = `member ${describe(name)}`;
      if (members.has(name)) throw file.fail(`a second ${what}`);
      packed += compressedSize;
      // Members that share their packed bytes are the other way to state more than the file holds.
      if (packed > file.size) throw file.fail(`${what}: members of ${packed} bytes in a file of ${file.size}`);
      if (bytes > deflateRatio * compressedSize) {
        throw file.fail(`${what}: ${compressedSize} bytes cannot unpack to the ${bytes} that are stated`);
      }
      members.set(name, { name, bytes, entry });
    }
    return { zip, members };
  } catch (error) {
    throw asFormatError(error, (problem) => file.fail(`no readable zip file: ${problem}`));
  }
}

function readerOf(file: InputFile, yauzl: typeof Yauzl): Yauzl.RandomAccessReader {
  class Reader extends yauzl.RandomAccessReader {
    override _readStreamForRange(start: number, end: number): Readable {
      return Readable.from(pieces(file, start, end), { objectMode: false });
    }
  }
  return new Reader();
}

async function* pieces(file: InputFile, start: number, end: number): AsyncGenerator<Buffer> {
  for (let position = start; position < end; ) {
    const piece = Buffer.allocUnsafe(Math.min(end - position, chunkBytes));
    await file.readAt(piece, position);
    yield piece;
    position += piece.length;
  }
}

/** The unpacked bytes of a member. */
class MemberSource implements ByteSource {
  position = 0;
  #checksum = 0;
  #rest: Buffer = Buffer.alloc(0);
  readonly #chunks: AsyncIterator<Buffer>;

  constructor(
    stream: Readable,
    readonly fail: (problem: string) => FormatError,
  ) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async read(target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      if (this.#rest.length === 0 && !(await this.#next())) {
        throw this.fail(`truncated: it ends at byte ${this.position + done}`);
      }
      const taken = this.#rest.subarray(0, target.length - done);
      target.set(taken, done);
      this.#rest = this.#rest.subarray(taken.length);
      done += taken.length;
    }
    this.#checksum = extendCrc32(target, this.#checksum);
    this.position += target.length;
  }

  /** Nothing may follow, and the checksum must be this one. */
  async end(checksum: number): Promise<void> {
    if (this.#rest.length > 0 || (await this.#next())) throw this.fail('it has more bytes than are stated');
    if (this.#checksum !== checksum) {
      throw this.fail(`the data are damaged: their CRC-32 is ${hex(this.#checksum)}, recorded is ${hex(checksum)}`);
    }
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#chunks.next().catch((error) => {
      throw asFormatError(error, this.fail);
    });
    if (done) return false;
    this.#rest = value;
    return true;
  }
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');

/** Unpacks a member for `use`, which reads all of it, and compares its checksum. */
export async function readMember(
  op: string,
  file: InputFile,
  zip: Yauzl.ZipFile,
  { name, entry }: Member,
  use: (source: ByteSource) => Promise<AnyTensor>,
): Promise<AnyTensor> {
  const fail = (problem: string) => file.fail(`member ${describe(name)}: ${problem}`);
  if (!entry.canDecodeFileData()) {
    throw new UnsupportedError(
      `${op}: ${file.path}: member ${describe(name)} is encrypted or compressed by method ${entry.compressionMethod}; ` +
        'stored and deflated ones can be read',
    );
  }
  const stream = await zip.openReadStreamPromise(entry).catch((error) => {
    throw asFormatError(error, fail);
  });
  // The reads report an error; one that comes after them is of no interest.
  stream.on('error', () => {});
  try {
    const source = new MemberSource(stream, fail);
    const tensor = await use(source);
    try {
      await source.end(entry.crc32);
      return tensor;
    } catch (error) {
      tensor.dispose();
      throw error;
    }
  } finally {
    stream.destroy();
  }
}

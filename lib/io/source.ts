// Bytes of a file in order, from the file itself or from a stream that unpacks it.
import { constants, type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError, FormatError } from '../errors';
import { describe } from '../text';

/** A path, or a `file:` URL. (Not named `URL`: types of Node or of the DOM may be absent.) */
export type FilePath = string | { readonly href: string };

/** The absolute path that an argument `file` names. It is settled at the call: the working directory may change later. */
export function expectPath(op: string, file: unknown): string {
  let path: unknown = file;
  if (file instanceof URL) {
    try {
      path = fileURLToPath(file);
    } catch {
      throw new ArgumentError(`${op}: file must be a path or a file: URL, given ${file.href}`);
    }
  }
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new ArgumentError(`${op}: file must be a path or a file: URL, given ${describe(file)}`);
  }
  return resolve(path);
}

/** Where the bytes of a tensor come from. */
export interface ByteSource {
  /** Of the next byte that `read()` gives. */
  readonly position: number;
  /** Fills `target`. @throws FormatError where the bytes end before that. */
  read(target: Uint8Array): Promise<void>;
  /** The error to throw for what is wrong in the file. */
  fail(problem: string): FormatError;
}

/** Most bytes of one read or write, and about what a tensor's transfer holds beside the tensor. */
export const chunkBytes = 2 ** 22;

/** An open file. Bounds are those of its opening; a file that is cut meanwhile gives a FormatError like a short one. */
export class InputFile implements ByteSource {
  position = 0;

  private constructor(
    private readonly op: string,
    readonly path: string,
    private readonly handle: FileHandle,
    readonly size: number,
  ) {}

  /** @throws Node's error (`ENOENT` …) where it cannot be opened, ArgumentError where it is no file. */
  static async open(op: string, path: string): Promise<InputFile> {
    // Opening a pipe would wait for its other end.
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) {
        throw new ArgumentError(`${op}: ${path} is ${stats.isDirectory() ? 'a directory' : 'no regular file'}`);
      }
      return new InputFile(op, path, handle, stats.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async read(target: Uint8Array): Promise<void> {
    await this.readAt(target, this.position);
    this.position += target.length;
  }

  /** As `read()`, from another place. */
  async readAt(target: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await this.handle.read(
        target,
        done,
        Math.min(target.length - done, chunkBytes),
        position + done,
      );
      if (bytesRead === 0) {
        throw this.fail(`truncated: it ends at byte ${position + done}, ${target.length - done} more are needed`);
      }
      done += bytesRead;
    }
  }

  fail(problem: string): FormatError {
    return new FormatError(`${this.op}: ${this.path}: ${problem}`);
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** Opens a file for the time of `use`. */
export async function withFile<T>(op: string, path: string, use: (file: InputFile) => Promise<T>): Promise<T> {
  const file = await InputFile.open(op, path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

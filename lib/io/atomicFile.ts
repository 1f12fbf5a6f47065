// Files that appear whole or not at all, whatever happens while they are written.
import { randomBytes } from 'node:crypto';
import { access, constants, type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ArgumentError } from '../errors';
import { chunkBytes } from './source';

/** A file that is being written, from its begin to its end. */
export class OutputFile {
  /** Bytes written so far. */
  position = 0;

  constructor(private readonly handle: FileHandle) {}

  async write(bytes: Uint8Array): Promise<void> {
    await this.#writeAt(bytes, this.position);
    this.position += bytes.length;
  }

  /** Replaces bytes that have been written. */
  async rewrite(bytes: Uint8Array, position: number): Promise<void> {
    await this.#writeAt(bytes, position);
  }

  async #writeAt(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(bytes.length - done, chunkBytes);
      done += (await this.handle.write(bytes, done, length, position + done)).bytesWritten;
    }
  }
}

/** What is under way for each path. */
const pending = new Map<string, Promise<void>>();

/**
 * Replaces a file by what `fill` writes: a temporary file in the same folder, written, flushed to the disk and then renamed
 * over it. Until then there is the old file, or none; if anything fails the temporary file is removed. A process that is
 * killed leaves its temporary file, `.<name>.<random>.tmp`, behind.
 *
 * Calls for the same path are carried out one after the other, so that the last one's file remains.
 *
 * @throws Node's error (`ENOSPC` …) with the path; ArgumentError where there is something other than a file; what `fill`
 *   throws.
 */
export function replaceFile(op: string, path: string, fill: (output: OutputFile) => Promise<void>): Promise<void> {
  const before = pending.get(path);
  const done = before === undefined ? replaceNow(op, path, fill) : before.then(() => replaceNow(op, path, fill));
  const settled = done
    .catch(() => {})
    .then(() => {
      if (pending.get(path) === settled) pending.delete(path);
    });
  pending.set(path, settled);
  return done;
}

async function replaceNow(op: string, path: string, fill: (output: OutputFile) => Promise<void>): Promise<void> {
  const { target, mode } = await existing(op, path);
  const folder = dirname(target);
  // In the same folder, because a rename is atomic within one file system only.
  const temporary = join(folder, temporaryName(basename(target)));
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await fill(new OutputFile(handle));
      // The umask took bits that the file before had.
      if (mode !== undefined) await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw withPath(error, path, temporary);
  }
  await syncFolder(folder);
}

/** The file that a path leads to through links, and its permissions; the path itself where there is none yet. */
async function existing(op: string, path: string): Promise<{ target: string; mode?: number }> {
  try {
    const target = await realpath(path);
    const stats = await stat(target);
    if (!stats.isFile()) {
      throw new ArgumentError(
        `${op}: ${path} cannot be written, it is ${stats.isDirectory() ? 'a directory' : 'no regular file'}`,
      );
    }
    // A rename would replace a file that may not be written to as well.
    await access(target, constants.W_OK);
    return { target, mode: stats.mode & 0o777 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { target: path };
  }
}

/** Most characters of a file's name in that of its temporary file: file systems take 255 bytes, up to 4 per character. */
const longestName = 50;

function temporaryName(name: string): string {
  const shown = Array.from(name).slice(0, longestName).join('');
  return `.${shown}.${randomBytes(8).toString('hex')}.tmp`;
}

/** Codes of file systems and folders that cannot be asked to flush a folder. */
const unsyncable = new Set(['EACCES', 'EINVAL', 'EISDIR', 'ENOTSUP', 'EPERM']);

/** Makes the rename itself last. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, constants.O_RDONLY);
    await handle.sync();
  } catch (error) {
    if (!unsyncable.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle?.close();
  }
}

/** Node's errors name the temporary file, or, from writing through an open one, none. */
function withPath(error: unknown, path: string, temporary: string): unknown {
  const failure = error as NodeJS.ErrnoException;
  if (!(failure instanceof Error) || failure.syscall === undefined) return error;
  if (failure.path === undefined) failure.message += ` '${path}'`;
  else failure.message = failure.message.replace(temporary, path);
  if (failure.path === undefined || failure.path === temporary) failure.path = path;
  return failure;
}

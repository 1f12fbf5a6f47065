import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** A file that cannot be written; the message names it. */
export class OutputFileError extends Error {
  /**
   * @param {string} file
   * @param {string} problem
   * @param {unknown} [cause]
   */
  constructor(file, problem, cause) {
    super(`${file}: cannot be written (${problem})`, cause === undefined ? undefined : { cause });
    this.name = 'OutputFileError';
  }
}

/**
 * Checks before the work what `writeFileAtomically` needs after it: a directory that can be written to, and no directory
 * of the file's own name.
 * @param {string} file
 * @throws {OutputFileError}
 */
export function checkWritable(file) {
  try {
    accessSync(dirname(file), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new OutputFileError(file, /** @type {Error} */ (error).message, error);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new OutputFileError(file, 'it is a directory');
}

/**
 * Replaces `file` with `content`, or leaves it as it was: written beside it, flushed, then renamed over it.
 * @param {string} file
 * @param {Uint8Array} content
 */
export function writeFileAtomically(file, content) {
  // In the same directory, because a rename is atomic within one file system only.
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const descriptor = openSync(temporary, 'w');
    try {
      for (let written = 0; written < content.length; ) written += writeSync(descriptor, content, written);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

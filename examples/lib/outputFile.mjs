import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
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
 * Checks before the work what is needed after it: a directory that can be written to, and no directory of the file's own
 * name.
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
 * @param {string} file
 * @param {string} text
 * @throws {OutputFileError}
 */
export function writeOutput(file, text) {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new OutputFileError(file, /** @type {Error} */ (error).message, error);
  }
}

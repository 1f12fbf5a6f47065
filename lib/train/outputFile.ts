import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ReceptiveError } from '../errors';

/** A file that cannot be written; the message names it. */
export class OutputFileError extends ReceptiveError {
  override name = 'OutputFileError';

  constructor(file: string, problem: string, cause?: unknown) {
    super(`${file}: cannot be written (${problem})`, cause === undefined ? undefined : { cause });
  }
}

/**
 * Checks before the work what is needed after it: a directory that can be written to, and no directory of the file's own
 * name.
 *
 * @throws OutputFileError.
 */
export function checkWritable(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new OutputFileError(file, (error as Error).message, error);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new OutputFileError(file, 'it is a directory');
}

/** @throws OutputFileError when it cannot be written. */
export function writeOutput(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new OutputFileError(file, (error as Error).message, error);
  }
}

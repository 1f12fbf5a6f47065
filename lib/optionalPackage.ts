import { UnsupportedError } from './errors';

/**
 * A package that this one does without until it is needed.
 *
 * @param use Begins the message: what the package is used for, ending in `by`.
 * @param load Imports it.
 * @throws UnsupportedError, by rejection, with the command that installs it, where it is missing or cannot be loaded.
 */
export async function loadOptional<T>(name: string, use: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const missing = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((error as NodeJS.ErrnoException).code ?? '');
    const why = missing ? 'is not installed' : `cannot be loaded (${(error as Error).message})`;
    throw new UnsupportedError(`${use} the package ${name}, which ${why}: npm install ${name}`, { cause: error });
  }
}

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function folderAbove(folder: string): string {
  return existsSync(join(folder, 'bench', 'package.json')) ? folder : folderAbove(dirname(folder));
}

/** The repository's folder, whether this is the source or its compiled form in build/. */
export const repository: string = folderAbove(__dirname);

/** Sources of the benchmark. */
export const benchFolder: string = join(repository, 'bench');

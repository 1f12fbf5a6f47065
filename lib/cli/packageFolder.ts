import { join } from 'node:path';

/** The package's folder, seen from dist/cli. */
export const packageFolder: string = join(__dirname, '..', '..');

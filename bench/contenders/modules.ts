// The packages of bench/package.json. They are installed only on demand, so their types are stated here, as far as
// used.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { benchFolder } from '../paths';

/** What makes them available. */
export const installCommand = 'npm ci --prefix bench --ignore-scripts';

const folderOf = (name: string): string => join(benchFolder, 'node_modules', name);

export const isInstalled = (name: string): boolean => existsSync(join(folderOf(name), 'package.json'));

const requireHere = createRequire(join(benchFolder, 'package.json'));

export function loadModule<T>(name: string): T {
  return requireHere(name) as T;
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  return (requireHere(join(folderOf(name), 'package.json')) as { version: string }).version;
}

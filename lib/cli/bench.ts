import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from './packageFolder';

const missing = `receptive bench: the benchmark is not part of the installed package.
It runs in a clone of the repository:
  npm ci && npm run bench -- --help
(needed: a C++20 compiler, make and CMake)`;

/**
 * Compiles the repository's benchmark and runs it in a process of its own.
 *
 * @returns The exit status.
 */
export function bench(args: readonly string[]): number {
  const project = join(packageFolder, 'bench', 'tsconfig.json');
  const compiler = join(packageFolder, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(project)) {
    console.error(missing);
    return 1;
  }
  if (!existsSync(compiler)) {
    console.error('receptive bench: the development dependencies are not installed: npm ci');
    return 1;
  }
  const compiled = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
  if (compiled.status !== 0) return 1;
  const main = join(packageFolder, 'build', 'bench', 'main.js');
  return spawnSync(process.execPath, [main, ...args], { stdio: 'inherit' }).status ?? 1;
}

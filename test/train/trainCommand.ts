import { join } from 'node:path';
import { type Outcome, type ProgramOptions, packageRoot, runFile } from '../support/child';

const programs = join(packageRoot, 'test', 'support', 'programs', 'train');

/** Path of a module among the tests' programs. */
export const program = (name: string): string => join(programs, `${name}.mjs`);

/** `receptive train` in a process of its own, as a user would call it. */
export function runTrain(args: readonly string[], options: Omit<ProgramOptions, 'args'> = {}): Promise<Outcome> {
  return runFile('dist/cli/main.js', { ...options, args: ['train', ...args] });
}

/** A network and data that train in a second, on the main thread. */
export const smallRun: readonly string[] = [
  ...['--model', program('tinyNet'), '--data', `module:${program('quadrants')}`],
  ...['--batch', '16', '--workers', '0', '--threads', '1'],
];

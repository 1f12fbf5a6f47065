import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

/** Path of the built package's entry point, for programs that run outside of vitest. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

export interface ProgramOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** The child is killed after this time. */
  readonly timeout?: number;
}

/** Runs a file, by its path in the package or a full one, in a Node.js process of its own. */
export function runFile(path: string, options: ProgramOptions = {}): Promise<Outcome> {
  const { args = [], env = {}, nodeArgs = [], timeout = 60_000 } = options;
  const started = performance.now();
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      [...nodeArgs, resolve(packageRoot, path), ...args],
      { env: { ...process.env, ...env }, timeout, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 },
      (_, stdout, stderr) => {
        done({
          code: child.exitCode,
          signal: child.signalCode,
          stdout,
          stderr,
          milliseconds: performance.now() - started,
        });
      },
    );
  });
}

/** Runs `test/support/programs/<name>` in a Node.js process of its own, which loads the built package. */
export function runProgram(name: string, options: ProgramOptions = {}): Promise<Outcome> {
  return runFile(join('test', 'support', 'programs', name), options);
}

import { execFile } from 'node:child_process';
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

/** Runs `test/support/programs/<name>` in a Node.js process of its own, which loads the built package. */
export function runProgram(name: string, options: ProgramOptions = {}): Promise<Outcome> {
  const { args = [], env = {}, nodeArgs = [], timeout = 60_000 } = options;
  const file = fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
  const started = performance.now();
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...nodeArgs, file, ...args],
      { env: { ...process.env, ...env }, timeout, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 },
      (_, stdout, stderr) => {
        resolve({
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

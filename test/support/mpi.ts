import { type ExecFileException, execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from './child';

const { error, stdout: version } = spawnSync('mpirun', ['--version'], { encoding: 'utf8' });

/** Why tests that need mpirun are left out; null where they run. */
export const noMpi: string | null =
  error !== undefined
    ? 'Open MPI is not installed (apt-get install openmpi-bin)'
    : /Open MPI/.test(version)
      ? null
      : 'mpirun is not that of Open MPI';
if (noMpi !== null) process.stderr.write(`skipped: tests with several processes: ${noMpi}\n`);

export interface MpiOutcome {
  /** mpirun's status; null where it was killed after the timeout. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MpiOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Runs a Node.js program, by its path in the package, in so many processes. */
export function mpirunFile(processes: number, path: string, options: MpiOptions = {}): Promise<MpiOutcome> {
  const { args = [], env = {}, timeout = 120_000 } = options;
  const launcher = ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none', '-n', String(processes)];
  return new Promise((resolve) => {
    execFile(
      'mpirun',
      [...launcher, process.execPath, join(packageRoot, path), ...args],
      {
        // Node.js colours what it prints where FORCE_COLOR is set, which vitest does.
        env: { ...process.env, RECEPTIVE_NUM_THREADS: '1', NO_COLOR: '1', FORCE_COLOR: '0', ...env },
        timeout,
        killSignal: 'SIGTERM', // mpirun ends its processes then
        maxBuffer: 2 ** 26,
      },
      (failure: ExecFileException | null, stdout, stderr) => {
        const code = failure === null ? 0 : typeof failure.code === 'number' ? failure.code : null;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** Runs `test/support/programs/distributed/<name>` in so many processes. */
export function mpirun(processes: number, name: string, options?: MpiOptions): Promise<MpiOutcome> {
  return mpirunFile(processes, join('test', 'support', 'programs', 'distributed', name), options);
}

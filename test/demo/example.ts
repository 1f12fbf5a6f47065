import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../examples/lenetExplicit.mjs', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the example in a process of its own, as a user would.
 * @param interruptAt sends SIGINT once, as Ctrl-C does, as soon as the standard output matches
 */
export function runExample(args: readonly string[], cwd: string, interruptAt?: RegExp): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd, timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 2 ** 24 } as const;
    const child = execFile(process.execPath, [program, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
    let printed = '';
    let interrupted = false;
    child.stdout?.on('data', (text: string) => {
      printed += text;
      if (interrupted || interruptAt === undefined || !interruptAt.test(printed)) return;
      interrupted = true;
      child.kill('SIGINT');
    });
  });
}

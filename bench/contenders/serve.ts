// The contender's side of the protocol, for those in JavaScript.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Greeting, Timing } from './protocol';

/** Why a contender does not compute a task, where that is no error. */
export class Declined extends Error {}

/** A contender that has done its task once. */
export interface Server {
  readonly ready: Extract<Greeting, { ready: unknown }>['ready'];
  /** Runs the task so often, one run after the other, and settles when all are done. */
  run(times: number): Promise<void>;
  /** Seconds that JavaScript took of the run before, where that is of interest. */
  scriptSeconds?(): number;
}

/**
 * Most memory that this process had resident, in bytes. Linux also counts what its parent had before it in `maxRSS`, but not in its own
 * figure.
 */
function peakMemory(): number {
  if (process.platform === 'linux') {
    const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (peak !== null) return 1024 * Number(peak[1]);
  }
  return 1024 * process.resourceUsage().maxRSS;
}

const say = (message: Greeting | Timing): void => console.log(JSON.stringify(message));

/** Values of a tensor's file. */
export function readValues(file: string): Float32Array {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Prepares the task that the process was started with, and answers until its input ends. */
export async function serve<T>(
  parse: (args: readonly string[]) => T,
  prepare: (task: T) => Promise<Server>,
): Promise<void> {
  try {
    const server = await prepare(parse(process.argv.slice(2)));
    const run = (times: number): Promise<void> => server.run(times);
    say({ ready: server.ready });
    for await (const line of createInterface({ input: process.stdin })) {
      const times = Number(/^run (\d+)$/.exec(line)?.[1]);
      if (!Number.isSafeInteger(times)) throw new Error(`'${line}' is not a request`);
      await run(1);
      const start = process.hrtime.bigint();
      await run(times);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      const peakBytes = peakMemory();
      say({ seconds, peakBytes, scriptSeconds: server.scriptSeconds?.() });
    }
  } catch (error) {
    if (error instanceof Declined) return say({ declined: error.message });
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

// The benchmark's side of the protocol.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Contender } from './contenders';
import { type Greeting, type Ready, type Task, type Timing, taskArguments } from './protocol';

/** A contender does not compute a task: that is reported and no failure. */
export class DeclinedError extends Error {}

/** A contender's process for one task, which it has computed once. */
export class ContenderProcess {
  readonly ready: Ready;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #replies: Replies;

  private constructor(child: ChildProcessWithoutNullStreams, replies: Replies, ready: Ready) {
    this.#child = child;
    this.#replies = replies;
    this.ready = ready;
  }

  /**
   * @throws DeclinedError with the contender's reason; Error when it fails.
   */
  static async start(contender: Contender, task: Task): Promise<ContenderProcess> {
    const reason = contender.declines?.(task) ?? null;
    if (reason !== null) throw new DeclinedError(reason);
    return ContenderProcess.spawn(contender, taskArguments(task), contender.environment?.(task));
  }

  /** The same with any arguments, for a contender that needs no whole task. */
  static async spawn(
    { name, command, args }: Contender,
    own: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ContenderProcess> {
    const child = spawn(command, [...args, ...own], { env: { ...process.env, ...environment } });
    const replies = new Replies(name, child);
    const greeting = (await replies.next()) as Greeting;
    if ('ready' in greeting) return new ContenderProcess(child, replies, greeting.ready);
    await stop(child);
    throw new DeclinedError(greeting.declined);
  }

  /** Seconds of so many runs, one after the other, after one that is not counted. */
  async run(times: number): Promise<number> {
    return (await this.time(times)).seconds;
  }

  /** The same with all that the contender says of them. */
  async time(times: number): Promise<Timing> {
    this.#child.stdin.write(`run ${times}\n`);
    return (await this.#replies.next()) as Timing;
  }

  /** Ends the process, and settles when it has ended. */
  close(): Promise<void> {
    return stop(this.#child);
  }
}

const graceMs = 5000;

async function stop(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.stdin.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}

/** The lines of JSON that a process prints; others, such as a library's greeting, are passed over. */
class Replies {
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;
  readonly #ended: Promise<unknown>;
  #errors = '';

  constructor(name: string, child: ChildProcessWithoutNullStreams) {
    const lines: Interface = createInterface({ input: child.stdout });
    this.#name = name;
    this.#lines = lines[Symbol.asyncIterator]();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    // A program that cannot be started or has ended is found out by the end of its output.
    child.stdin.on('error', () => {});
    this.#ended = once(child, 'close').catch((error: unknown) => {
      this.#errors += error;
    });
  }

  async next(): Promise<unknown> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done) break;
      if (value.startsWith('{')) return JSON.parse(value) as unknown;
    }
    await this.#ended;
    throw new Error(`${this.#name} ended: ${this.#errors.trim().split('\n').at(-1) || 'without a message'}`);
  }
}

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type PackedError, unpackError } from '../../data/workerMessages';
import { ReceptiveError } from '../../errors';
import { replaceFile } from '../../io/atomicFile';
import type { ReportData } from './reportData';

type Answer = { readonly html: string } | { readonly error: PackedError };

/** A report that is drawn by a thread of its own and replaced as a whole: who reads it sees the old page or the new one. */
export class LiveReport {
  readonly #worker: Worker;
  /** The state to be drawn next; those in between are left out. */
  #next: ReportData | undefined;
  #drawing: Promise<void> | undefined;
  #failure: Error | undefined;
  #settle: ((answer: Answer) => void) | undefined;

  constructor(readonly file: string) {
    this.#worker = new Worker(join(__dirname, 'reportWorker.js'), { name: 'receptive report' });
    this.#worker.on('message', (answer: Answer) => this.#settle?.(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new ReceptiveError(`train: the report's thread has ended (${code})`)));
    // A training that failed ends without waiting for a report.
    this.#worker.unref();
  }

  /** Whether a page is being drawn or written: what is given now waits for it. */
  get busy(): boolean {
    return this.#drawing !== undefined;
  }

  /**
   * Has a state drawn, when the one before is done. It does not wait.
   *
   * @throws What an earlier one failed with: UnsupportedError without the packages that draw, Node's error for the file.
   */
  update(data: ReportData): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#next = data;
    this.#drawing ??= this.#drawAll();
  }

  /** Waits until the last state given is in the file. */
  async settled(): Promise<void> {
    this.#worker.ref();
    try {
      while (this.#drawing !== undefined) await this.#drawing;
    } finally {
      this.#worker.unref();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    this.#worker.removeAllListeners('exit');
    await this.#worker.terminate();
  }

  async #drawAll(): Promise<void> {
    try {
      while (this.#next !== undefined && this.#failure === undefined) {
        const data = this.#next;
        this.#next = undefined;
        await this.#draw(data);
      }
    } catch (error) {
      this.#failure ??= error as Error;
    } finally {
      this.#drawing = undefined;
    }
  }

  async #draw(data: ReportData): Promise<void> {
    const answer = await new Promise<Answer>((resolve) => {
      this.#settle = resolve;
      this.#worker.postMessage(data);
    });
    if (this.#failure !== undefined) throw this.#failure;
    if ('error' in answer) throw unpackError(answer.error);
    await replaceFile('train', this.file, (output) => output.write(Buffer.from(answer.html)));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    // Whoever waits looks at the failure first.
    this.#settle?.({ html: '' });
  }
}

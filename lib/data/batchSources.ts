// Where a loader's batches come from: this thread, or a few workers.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ReceptiveError } from '../errors';
import type { BatchMaker, BatchRequest, HostBatch, Pause } from './batchMaker';
import { TimeSlices } from './timeSlices';
import { unpackError, type WorkerAnswer, type WorkerJob, type WorkerTask } from './workerMessages';

/** Prepares the batches it is asked for. */
export interface BatchSource {
  /** Starts to prepare a batch; several may be on their way. */
  make(request: BatchRequest): Promise<HostBatch>;
  /** Waits for a batch; the process stays alive for it. */
  wait(batch: Promise<HostBatch>): Promise<HostBatch>;
  /** Stops all work; resolves when no thread is left. */
  end(): Promise<void>;
}

/** Batches prepared on the main thread, one after another, a little at a time. */
export class MainThreadSource implements BatchSource, Pause {
  private last: Promise<unknown> = Promise.resolve();
  private ended = false;
  private readonly slices = new TimeSlices();

  constructor(private readonly maker: Promise<BatchMaker>) {
    maker.catch(() => {});
  }

  make(request: BatchRequest): Promise<HostBatch> {
    const batch = this.last.then(async () => {
      await this.rest();
      return (await this.maker).make(request, this);
    });
    this.last = batch.catch(() => {});
    return batch;
  }

  wait(batch: Promise<HostBatch>): Promise<HostBatch> {
    return batch;
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.last;
  }

  due(): boolean {
    if (this.ended) throw new ReceptiveError('DataLoader: the iteration has ended');
    return this.slices.due();
  }

  rest(): Promise<void> {
    return this.slices.rest();
  }
}

interface Pending {
  resolve(batch: HostBatch): void;
  reject(error: unknown): void;
}

/** One worker and what it has been asked for. */
class Member {
  readonly pending = new Map<number, Pending>();
  private readonly worker: Worker;
  private failure: unknown;

  constructor(task: WorkerTask) {
    this.worker = new Worker(join(__dirname, 'worker.js'), { workerData: task, name: 'receptive data' });
    this.worker.on('message', (answer: WorkerAnswer) => this.settle(answer));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('messageerror', (error) => this.fail(error));
    this.worker.on('exit', (code) => {
      this.fail(new ReceptiveError(`DataLoader: a worker has ended by itself, with exit code ${code}`));
    });
    // A program may end while batches that nobody waits for are on their way.
    this.worker.unref();
  }

  post(job: WorkerJob): Promise<HostBatch> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      this.pending.set(job.id, { resolve, reject });
      this.worker.postMessage(job);
    });
  }

  /** Whether the process stays alive for this worker. */
  keepAlive(wanted: boolean): void {
    if (wanted) this.worker.ref();
    else this.worker.unref();
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private settle(answer: WorkerAnswer): void {
    const waiting = this.pending.get(answer.id);
    this.pending.delete(answer.id);
    if ('batch' in answer) waiting?.resolve(answer.batch);
    else waiting?.reject(unpackError(answer.error));
  }

  /** The worker is lost, and with it what it was asked for. */
  private fail(error: unknown): void {
    this.failure ??= error;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }
}

/** Batches prepared by workers, each by the one that has least to do. */
export class WorkerSource implements BatchSource {
  private readonly members: readonly Member[];
  private jobs = 0;

  constructor(count: number, task: WorkerTask) {
    this.members = Array.from({ length: count }, () => new Member(task));
  }

  make(request: BatchRequest): Promise<HostBatch> {
    const free = this.members.reduce((best, one) => (one.pending.size < best.pending.size ? one : best));
    return free.post({ id: this.jobs++, ...request });
  }

  async wait(batch: Promise<HostBatch>): Promise<HostBatch> {
    for (const member of this.members) member.keepAlive(true);
    try {
      return await batch;
    } finally {
      for (const member of this.members) member.keepAlive(false);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.end()));
  }
}

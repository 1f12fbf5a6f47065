// A worker of a DataLoader: prepares one batch after another, as it is asked to. It does without the addon.
import { parentPort, workerData } from 'node:worker_threads';
import { BatchMaker } from './batchMaker';
import { openDataset } from './openDataset';
import { buildStep } from './transforms/transform';
import { packError, type WorkerAnswer, type WorkerJob, type WorkerTask } from './workerMessages';

async function start({ dataset, steps, seed, dtype }: WorkerTask): Promise<BatchMaker> {
  return new BatchMaker(await openDataset(dataset), await Promise.all(steps.map(buildStep)), seed, dtype);
}

const maker = start(workerData as WorkerTask);
// Every job reports it.
maker.catch(() => {});

async function work(job: WorkerJob): Promise<void> {
  let answer: WorkerAnswer;
  let transfer: ArrayBuffer[] = [];
  try {
    const batch = await (await maker).make(job);
    answer = { id: job.id, batch };
    transfer = [batch.images.buffer as ArrayBuffer, batch.labels.buffer as ArrayBuffer];
  } catch (error) {
    answer = { id: job.id, error: packError(error) };
  }
  parentPort?.postMessage(answer, transfer);
}

parentPort?.on('message', (job: WorkerJob) => void work(job));

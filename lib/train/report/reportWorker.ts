// The thread that draws reports: drawing takes a tenth of a second or more, for which the loop of the training must not stop. It
// does without the addon.
import { parentPort } from 'node:worker_threads';
import { packError } from '../../data/workerMessages';
import type { ReportData } from './reportData';
import { reportHtml } from './reportHtml';

async function draw(data: ReportData): Promise<void> {
  try {
    parentPort?.postMessage({ html: await reportHtml(data) });
  } catch (error) {
    parentPort?.postMessage({ error: packError(error) });
  }
}

parentPort?.on('message', (data: ReportData) => void draw(data));

import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { manualSeed, memoryStats, randn, Tensor, tensor } from 'receptive';
import { describe, expect, it } from 'vitest';
import { packageRoot, runProgram } from './support/child';

const program = fileURLToPath(new URL('./support/programs/worker.mjs', import.meta.url));

function start(job: string): Worker {
  return new Worker(program, { workerData: { job, entry: join(packageRoot, 'dist/index.mjs') } });
}

async function run(job: string): Promise<unknown> {
  const worker = start(job);
  // Both at once: under load Node delivers the last message and the exit in one go.
  const [[message], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  expect(code).toBe(0);
  return message;
}

describe('worker_threads', () => {
  it('load, compute and end, one after another', async () => {
    for (let i = 0; i < 10; i++) expect(await run('compute')).toEqual([58, 64, 139, 154]);
  });

  it('compute at the same time', async () => {
    const results = await Promise.all(Array.from({ length: 6 }, () => run('convolve')));
    expect(new Set(results.map(String)).size).toBe(1);
  });

  it('have their own default device, random state and tensors', async () => {
    manualSeed(5);
    const { tensors } = memoryStats();
    const message = (await run('state')) as { sameSeed: number[]; tensors: number };
    expect(message.tensors).toBe(2);
    expect(memoryStats().tensors).toBe(tensors);
    const mine = randn([4]);
    expect(message.sameSeed).toEqual([...mine.dataSync()]);
    mine.dispose();
  });

  it('can be terminated in the middle of their work, many times', { timeout: 120_000 }, async () => {
    for (let i = 0; i < 15; i++) {
      const worker = start('endless');
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, i));
      expect(await worker.terminate()).toBe(1);
    }
    // What the workers held is free again, and this thread still computes.
    for (let i = 0; i < 100 && memoryStats().allocatedBytes > 0; i++) await new Promise((r) => setTimeout(r, 20));
    expect(memoryStats().allocatedBytes).toBe(0);
    const t = tensor([1, 2]);
    expect([...(await t.data())]).toEqual([1, 2]);
    t.dispose();
  });

  it('settle or drop their pending reads when they end by themselves', async () => {
    expect(await run('exitWithPendingReads')).toBe('leaving');
  });

  it('may exit with failed work that nobody has read', async () => {
    expect(await run('failedWork')).toBe('failed quietly');
  });

  it('survive being the only user of the addon', async () => {
    const { code, signal, stderr, stdout } = await runProgram('onlyWorkers.mjs');
    expect({ code, signal, stderr, stdout }).toEqual({ code: 0, signal: null, stderr: '', stdout: '5 workers' });
  });

  it('do not receive tensors: posting one throws DataCloneError', () => {
    const t = tensor([1, 2, 3]);
    const { port1, port2 } = new MessageChannel();
    for (const value of [t, { t }, [t]]) {
      expect(() => port1.postMessage(value)).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
      expect(() => structuredClone(value)).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
    }
    port1.close();
    port2.close();
    expect(t).toBeInstanceOf(Tensor);
    t.dispose();
  });
});

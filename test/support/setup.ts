import { sep } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect } from 'vitest';
import { testSeed } from './random';

type Library = typeof import('receptive');

// The references are tested without the library, and the C++ and repository tests run in processes of their own.
const withoutLibrary = ['reference', 'native', 'tools'].map((folder) => `${sep}test${sep}${folder}${sep}`);

fc.configureGlobal({ seed: testSeed, numRuns: 50 });

/** Live tensors of this environment and bytes held on each device. */
async function holdings(library: Library): Promise<Record<string, { tensors: number; allocatedBytes: number }>> {
  const result: Record<string, { tensors: number; allocatedBytes: number }> = {};
  for (const { id, available } of library.devices()) {
    if (!available) continue;
    // Queued work holds its operands until it has run.
    await library.synchronize(id);
    const { tensors, allocatedBytes } = library.memoryStats(id);
    result[id] = { tensors, allocatedBytes };
  }
  return result;
}

let before: Awaited<ReturnType<typeof holdings>> | undefined;

beforeEach(async () => {
  const file = expect.getState().testPath ?? '';
  before = undefined;
  if (withoutLibrary.some((folder) => file.includes(folder))) return;
  before = await holdings(await import('receptive'));
});

// Every test leaves tensors and bytes as it found them.
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') {
    console.error(`RECEPTIVE_TEST_SEED=${testSeed} reproduces this failure: ${task.name}`);
    return;
  }
  if (before === undefined) return;
  expect(await holdings(await import('receptive')), 'tensors and bytes held after the test').toEqual(before);
});

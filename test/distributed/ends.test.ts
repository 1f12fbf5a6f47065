import { describe, expect, it } from 'vitest';
import { mpirun, noMpi } from '../support/mpi';

// What becomes of two processes that wait for a third one.

describe.skipIf(noMpi !== null)('a process that does not come', { timeout: 120_000 }, () => {
  const run = (how: string, timeout: string) => mpirun(3, 'ends.mjs', { args: [how, timeout], timeout: 60_000 });

  it.each([
    ['throws', 'throw', 1],
    ['exits without dispose()', 'exit', 1],
    ['is killed', 'kill', 137],
  ])('ends the others when it %s', async (_, how, status) => {
    // Their own patience is longer than the test's: mpirun must end them.
    const { code, stdout } = await run(how, '3600');
    expect({ code, stdout }).toEqual({ code: status, stdout: '' });
  });

  it.each([
    ['does something else', 'nothing'],
    ['has left', 'dispose'],
  ])('is an error of the others when it %s and their patience ends, and of all calls that follow', async (_, how) => {
    const { code, stdout } = await run(how, '1');
    expect(code).not.toBe(0);
    const lines = stdout.trim().split('\n');
    // mpirun may end one of the two waiting processes as soon as the other has ended.
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) {
      expect(line).toMatch(/^CommunicationError: allReduceSum_: not done after 1000 ms: another process has ended/);
    }
  });
});

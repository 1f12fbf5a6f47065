import { describe, expect, it } from 'vitest';
import { runProgram } from './support/child';

// Work for several seconds is queued when the process ends: an exit that waited for it would take as long.
const promptly = 5_000;

describe('process exit', () => {
  it.each([
    ['at the end of the program', 'falling off', 0],
    ['by process.exit(0)', 'exit', 0],
    ['by process.exit(7)', 'exit 7', 7],
    ['by an uncaught exception', 'throw', 1],
    ['by an unhandled rejection', 'reject', 1],
    ['in an exit handler', 'exit handler', 3],
    ['with tensors alive and nothing queued', 'idle', 0],
    ['right after the import', 'import', 0],
    ['within a tidy', 'tidy', 5],
    ['while a worker computes', 'worker', 0],
    ['with a disposed stream of work', 'disposed', 0],
  ])('%s is prompt and has the right code', async (_, how, expected) => {
    const outcome = await runProgram('exit.mjs', { args: [how], timeout: 30_000 });
    expect({ code: outcome.code, signal: outcome.signal }, outcome.stderr).toEqual({ code: expected, signal: null });
    expect(outcome.milliseconds).toBeLessThan(promptly);
    expect(outcome.stdout).toBe(how);
    if (expected !== 1) expect(outcome.stderr).toBe('');
  });

  it('waits for a read that is pending', async () => {
    const { code, stdout } = await runProgram('exit.mjs', { args: ['pending read'] });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'pending read: 147456 values' });
  });

  it('by a signal ends with that signal', async () => {
    const { code, signal } = await runProgram('exit.mjs', { args: ['signal'] });
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('succeeds many times in a row', async () => {
    for (let i = 0; i < 10; i++) {
      const { code, signal, stderr } = await runProgram('exit.mjs', { args: ['falling off'] });
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    }
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as receptive from 'receptive';
import { afterAll, expect, it } from 'vitest';
import { runProgram } from './support/child';
import { testSeed } from './support/random';

// In a process of its own, so that a crash is a result and not the end of the tests.

const seconds = Number(process.env.RECEPTIVE_FUZZ_SECONDS ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'receptive-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every public function, under the name that the fuzz gives it; it leaves the memory limit as it is. */
function everyFunction(): string[] {
  const named = Object.entries(receptive).filter(([name, f]) => typeof f === 'function' && !/^[A-Z]/.test(name));
  const names = [...named.map(([name]) => name), ...Object.keys(receptive.grad).map((name) => `grad.${name}`)];
  return names.filter((name) => name !== 'setMemoryLimit');
}

interface Summary {
  readonly calls: number;
  readonly accepted: number;
  readonly accepts: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
  readonly held: { readonly tensors: number; readonly allocatedBytes: number };
}

it(`survives ${seconds} s of hostile arguments (seed ${testSeed})`, { timeout: (seconds + 120) * 1000 }, async () => {
  const log = join(folder, 'calls.log');
  const { code, signal, stdout, stderr } = await runProgram('fuzz.mjs', {
    args: [String(testSeed), String(seconds), log],
    timeout: (seconds + 90) * 1000,
  });
  const lastCalls = readFileSync(log, 'utf8').split('\n').slice(-120).join('\n');
  const context = `RECEPTIVE_TEST_SEED=${testSeed}\n${stderr}\nlast calls:\n${lastCalls}`;
  expect({ code, signal }, context).toEqual({ code: 0, signal: null });
  const summary = JSON.parse(stdout) as Summary;
  expect(summary.faults, context).toEqual([]);
  expect(summary.held, context).toEqual({ tensors: 0, allocatedBytes: 0 });
  // The fuzz reaches the kernels: a fair part of the calls is accepted, of nearly every function.
  expect(summary.calls).toBeGreaterThan(200 * seconds);
  expect(summary.accepted).toBeGreaterThan(summary.calls / 5);
  expect(Object.keys(summary.accepts).length).toBeGreaterThan(seconds < 5 ? 20 : 80);
  if (seconds >= 60) expect(everyFunction().filter((name) => !(name in summary.accepts))).toEqual([]);
});

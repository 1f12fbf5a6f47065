import { devices } from 'receptive';
import { describe, expect, it } from 'vitest';
import { runProgram } from './support/child';

/** The targets that this processor runs, whichever is in use. */
const supported = devices()[0].targets;

interface Digests {
  target: string;
  digests: Record<string, string>;
}

async function digestsOn(target: string, threads: number): Promise<Digests> {
  const env = { RECEPTIVE_CPU_TARGET: target, RECEPTIVE_NUM_THREADS: String(threads) };
  const { code, stdout, stderr } = await runProgram('digest.mjs', { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Digests;
}

describe('CPU targets', () => {
  it('give the same bits for integers and random numbers on every target and number of threads', {
    timeout: 120_000,
  }, async () => {
    expect(supported).toContain(devices()[0].target);
    const reference = await digestsOn(supported[0], 1);
    expect(Object.keys(reference.digests).length).toBeGreaterThan(20);
    for (const [i, target] of supported.entries()) {
      const actual = await digestsOn(target, i + 2);
      expect(actual.target).toBe(target);
      expect(actual.digests).toEqual(reference.digests);
    }
    const algorithms = (problem: number): string[] =>
      ['im2col', 'implicit', 'auto'].map((algorithm) => reference.digests[`conv2d ${problem} ${algorithm}`]);
    for (let problem = 0; problem < 5; problem++) expect(new Set(algorithms(problem)).size).toBe(1);
  });

  it('are refused when the build or the processor does not have them', async () => {
    for (const target of ['arm64', 'x86-64', 'x86-64-v4'].filter((name) => !supported.includes(name))) {
      const { code, stderr } = await runProgram('digest.mjs', { env: { RECEPTIVE_CPU_TARGET: target } });
      expect(code).toBe(1);
      expect(stderr).toMatch(target);
      expect(stderr).toMatch(/ReceptiveError|\w+Error/);
    }
    const { code, stderr } = await runProgram('digest.mjs', { env: { RECEPTIVE_CPU_TARGET: 'pentium' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/RECEPTIVE_CPU_TARGET.*pentium/);
  });
});

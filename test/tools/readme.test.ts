import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

// README.md says what is so: its tables are those of the package, its examples are files that run.

const root = new URL('../..', import.meta.url);
const run = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: root, timeout: 100_000 });
const timeout = 120_000;

it('README.md has the tables and examples of this version', { timeout }, async () => {
  const { stdout } = await run('scripts/readmeTables.mjs', '--check');
  expect(stdout).toMatch(/^README.md: \d+ generated parts are up to date/);
});

describe('the examples of README.md', () => {
  it('framework.mjs learns', { timeout }, async () => {
    const { stdout } = await run('examples/readme/framework.mjs');
    const losses = [...stdout.matchAll(/^step \d+: loss (\d\.\d+)$/gm)].map(([, loss]) => Number(loss));
    expect(losses.length).toBe(6);
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses[5]).toBeLessThan(0.05);
  });

  it('autograd.mjs learns, and frees what it made', { timeout }, async () => {
    const { stdout } = await run('examples/readme/autograd.mjs');
    const losses = [...stdout.matchAll(/^step \d+: loss (\d\.\d+)$/gm)].map(([, loss]) => Number(loss));
    expect(losses.length).toBe(6);
    expect(losses[5]).toBeLessThan(0.05);
    expect(stdout).toMatch(/^tensors left: 6$/m);
  });

  it('benchmark.mjs times each algorithm', { timeout }, async () => {
    const { stdout } = await run('examples/readme/benchmark.mjs');
    expect(stdout).toMatch(/^implicit: \d+\.\d\d ms, \d+\.\d GFLOP\/s, workspace \d+ bytes$/m);
    expect(stdout).toMatch(/^im2col: \d+\.\d\d ms, \d+\.\d GFLOP\/s, workspace \d{8} bytes$/m);
    expect(stdout).toMatch(/^winogradF4: \d+\.\d\d ms, \d+\.\d GFLOP\/s, workspace \d+ bytes$/m);
    expect(stdout).toMatch(/^conv2d \(\w+\): \d+ us$/m);
  });

  it('search.mjs searches once', { timeout }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'receptive-'));
    try {
      const file = join(folder, 'search.json');
      const [first, second] = [
        await run('examples/readme/search.mjs', file),
        await run('examples/readme/search.mjs', file),
      ];
      expect(first.stdout).toMatch(/^\[1,64,28,28\]: 1 searched, 0 known\n\[ 28, 28 \] \{.*implicit: \d/);
      expect(second.stdout).toBe(first.stdout.replace('1 searched, 0 known', '0 searched, 1 known'));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('server.mjs answers a good and a bad request, and frees what it made', { timeout }, async () => {
    const { stdout } = await run('examples/readme/server.mjs');
    const [good, bad, left] = stdout.split('\n');
    expect(good).toMatch(/^200 \[/);
    const scores = JSON.parse(good.slice(4)) as number[];
    expect(scores.length).toBe(10);
    expect(scores.reduce((sum, score) => sum + score)).toBeCloseTo(1, 5);
    expect(bad).toMatch(/^400 .*\[1, 3, 224, 224\]/);
    expect(left).toBe('tensors left: 2');
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFile } from '../support/child';
import { isEmulated } from '../support/emulation';
import { temporaryFolder } from '../support/temporaryFolder';

// That the benchmark of a GPU runs; what it measures of an emulated one means nothing.
const device = 'cuda:0';
const tiny = ['--shape', '4@9x8->6 k3 s2x1 p1 g2', '--rounds', '2', '--seed', '3'];
const bench = (...args: string[]) => runFile('build/bench/main.js', { args: ['--device', 'cuda', ...args] });

describe.skipIf(!isEmulated(device))(`bench --device on ${device}`, () => {
  const folder = temporaryFolder();

  // As the command line does it; from here on the compiled program is run.
  beforeAll(async () => {
    const { code, stdout } = await runFile('dist/cli/main.js', { args: ['bench', '--help'] });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}--device cuda\[:N\] /m);
  }, 120_000);

  it('checks and times a convolution, cold and hot, and says what the figures are worth', async () => {
    const json = join(folder, 'results.json');
    const { code, stdout, stderr } = await bench(...tiny, '--dir', 'fwd,bwd_d', '--json', json);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^cuda:0 is emulated on the CPU: its times mean nothing\.$/m);
    expect(stdout).toMatch(/Baseline: receptive, float32, matmul precision 'highest'; cold: after .* hot: /);
    expect(stdout).toMatch(/^4@9x8->6 k3 s2x1 p1 g2 +fwd +\w+ +\d+\.\d ± \d+\.\d +\d+\.\d ± \d+\.\d /m);

    const { emulated, absent, settings, results } = JSON.parse(readFileSync(json, 'utf8'));
    expect(emulated).toBe(true);
    // Whether this build has it or not, it is named.
    expect([...settings.peers, ...absent.map(({ name }: { name: string }) => name)]).toEqual(['cudnn']);
    if (absent.length > 0) expect(stdout).toContain(`cudnn is skipped: ${absent[0].absent}`);
    expect(results.map(({ direction }: { direction: string }) => direction)).toEqual(['fwd', 'bwd_d']);
    for (const { operations, ours } of results) {
      expect(operations).toBe(2 * 6 * 5 * 8 * 2 * 9);
      expect(ours.cold.median).toBeGreaterThan(0);
      expect(ours.hot.median).toBeGreaterThan(0);
    }
  });

  it('says why an algorithm does not compute a case', async () => {
    const { code, stdout } = await bench(...tiny, '--peers', 'none', '--algorithm', 'winograd');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^receptive declines \(.+\): fwd 4@9x8->6/m);
  });

  it('times the cases of op families', async () => {
    const { code, stdout } = await bench(
      '--family',
      'cast',
      '--filter',
      'float32 to uint8 16 Ki',
      '--rounds',
      '1',
      '--seed',
      '3',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^cast +float32 to uint8 16 Ki .* GB\/s$/m);
  });

  it.each([
    ['another device', ['--device', 'cuda:99'], 1, /there is no cuda:99 here; the devices are cpu/],
    ['the CPU', ['--device', 'cpu'], 2, /--device: cuda or cuda:N, given 'cpu'/],
    ['nets', ['--nets', 'lenet5'], 2, /--device: convolutions and --family only, not --nets/],
    ['a page', ['--html', 'page.html'], 2, /--device: results as --json only/],
    ['a peer of the CPU', ['--peers', 'onednn'], 2, /--peers: there is no 'onednn', only cudnn/],
  ])('refuses %s', async (_, args, status, message) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(status);
    expect(stderr).toMatch(message);
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NetResult } from '../../bench/nets/measureNet';
import type { Report } from '../../bench/report/model';
import { runFile } from '../support/child';

const folder = mkdtempSync(join(tmpdir(), 'receptive-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

// No compiler, no Python: what the peers need is not there.
const environment = { PATH: folder };
const bench = (...args: string[]) => runFile('build/bench/main.js', { args, env: environment });
const tiny = ['--shape', '4@9x8->6 k3 s2x1 p1 g2', '--rounds', '2', '--seed', '3'];

// As the command line does it; from here on the compiled program is run.
beforeAll(async () => {
  const { code, stdout } = await runFile('dist/cli/main.js', { args: ['bench', '--help'], env: environment });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ {2}--suite NAME {7}alexnet vgg_16 /m);
}, 60_000);

it('times a small case in all directions, names the absent peer and peak, and writes each kind of report', async () => {
  const [json, page, markdown] = ['json', 'html', 'md'].map((suffix) => join(folder, `results.${suffix}`));
  const { code, stdout, stderr } = await bench(
    ...[...tiny, '--dir', 'fwd,bwd_d,bwd_w', '--peers', 'onednn'],
    ...['--json', json, '--html', page, '--markdown', markdown],
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^4@9x8->6 k3 s2x1 p1 g2 +fwd +(implicit|direct) +\d+ KiB +\d+\.\d ±/m);
  expect(stdout).toMatch(/^onednn is skipped: cmake is not installed/m);
  expect(stdout).toMatch(/^peak \(fma\) is skipped: cmake is not installed/m);

  const report = JSON.parse(readFileSync(json, 'utf8')) as Report;
  expect(report.absent.map(({ name }) => name)).toEqual(['onednn', 'peak (fma)']);
  expect(report.command).toBe(
    'npm run bench -- --shape "4@9x8->6 k3 s2x1 p1 g2" --rounds 2 --seed 3 --dir fwd,bwd_d,bwd_w --peers onednn',
  );
  expect(report.results.map(({ direction }) => direction)).toEqual(['fwd', 'bwd_d', 'bwd_w']);
  for (const { operations, ours, peers, remarks } of report.results) {
    expect(operations).toBe(2 * 6 * 5 * 8 * 2 * 9);
    expect(ours?.secondsPerRun.median).toBeGreaterThan(0);
    expect(ours?.ratio).toEqual({ median: 1, deviation: 0 });
    expect([peers, remarks]).toEqual([[], []]);
  }
  expect(readFileSync(markdown, 'utf8')).toMatch(
    /^\| 4@9x8->6 k3 s2x1 p1 g2 \| bwd_d \| (implicit|direct) \| \d+ KiB \|/m,
  );
  const html = readFileSync(page, 'utf8');
  expect(html).toMatch(/aria-label="Roofline plot of 3 cases/);
  expect(html).toContain('onednn is skipped');
});

it('says why an algorithm does not compute a case', async () => {
  const { code, stdout } = await bench(...tiny, '--peers', 'none', '--algorithm', 'winograd');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^receptive declines \(.+\): fwd 4@9x8->6/m);
});

it('measures the cases of op families', async () => {
  const { code, stdout } = await bench('--family', 'oneHot', '--rounds', '1', '--seed', '3');
  expect(code).toBe(0);
  expect(stdout).toMatch(/seed 3\n +\d+\.\d GB\/s +\+-.* oneHot /);
});

it.each(['inference', 'training'])('times %s of a whole net', async (mode) => {
  const json = join(folder, `${mode}.json`);
  const { code, stdout, stderr } = await bench(
    ...['--nets', 'lenet5', '--mode', mode, '--batch', '2', '--rounds', '2', '--seed', '3'],
    ...['--peers', 'none', '--json', json],
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^lenet5 ${mode}, 2 x 28² +receptive .* ±`, 'm'));
  const { results } = JSON.parse(readFileSync(json, 'utf8')) as { results: NetResult[] };
  const [{ scores, multiplyAdds, net }] = results;
  expect(net).toEqual({ model: 'lenet5', mode, batch: 2, size: 28 });
  expect(multiplyAdds).toBe(6 * 28 * 28 * 25 + 16 * 100 * 150 + 400 * 120 + 120 * 84 + 840);
  expect(scores[0].secondsPerRun.median).toBeGreaterThan(0);
  expect(scores[0].scriptShare).toBeGreaterThan(0);
  expect(scores[0].peakBytes).toBeGreaterThan(2 ** 24);
});

it.each([
  [['--suite', 'nets'], /--suite: there is no 'nets', only alexnet, vgg_16/],
  [['--peers', 'caffe'], /--peers: there is no 'caffe'/],
  [['--shape', '3@7'], /--shape: '3@7' is not a convolution/],
  [['--rounds', '0'], /--rounds must be a whole number >= 1, given '0'/],
  [['--batches', '1'], /--batches/],
  [['--nets', 'lenet4'], /--nets: there is no 'lenet4', only lenet5, alexnet/],
  [['--nets', 'lenet5', '--mode', 'both'], /--mode: there is no 'both', only inference, training/],
  [['--nets', 'lenet5', '--peers', 'onednn'], /--peers: there is no 'onednn', only ort, pytorch/],
])('refuses %j', async (args, message) => {
  const { code, stderr } = await bench(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

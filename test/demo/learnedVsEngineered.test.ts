import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tensor } from 'receptive';
import { arrayDataset, fashionMnistClasses, type MemoryDataset } from 'receptive/data';
import { Flatten, init, Linear, Sequential } from 'receptive/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, compete, holdOut } from '../../examples/lib/contest';
import { oneVersusRest } from '../../examples/lib/methods';
import { comparisonHtml } from '../../examples/lib/report/comparison.mjs';
import { comparisonTables } from '../../examples/lib/report/features.mjs';
import { type Outcome, runFile } from '../support/child';
import { Random } from '../support/random';
import { temporaryFolder } from '../support/temporaryFolder';
import { writeSmallDataset } from './dataFiles';

const directory = temporaryFolder();
const program = 'build/examples/learnedVsEngineered.js';

describe('oneVersusRest', () => {
  it('is the sum over the classes of what each margin lacks to 1, the mean over the images', () => {
    const random = new Random('one versus rest');
    const scores = Array.from({ length: 30 }, () => random.uniform(-2, 2));
    const labels = [3, 0, 9];
    const inputs = [tensor(scores, { shape: [3, 10] }), tensor(Int32Array.from(labels))] as const;
    const loss = oneVersusRest(...inputs);
    let expected = 0;
    for (const [i, score] of scores.entries()) {
      const sign = i % 10 === labels[Math.floor(i / 10)] ? 1 : -1;
      expected += Math.max(0, 1 - sign * score) / 3;
    }
    expect(loss.item()).toBeCloseTo(expected, 5);
    for (const one of [...inputs, loss]) one.dispose();
  });
});

/** Two classes of small "images", and a log of which are read. */
function watched(name: string, count: number, log: string[]): MemoryDataset {
  const random = new Random(`watched ${name}`);
  const values = Float32Array.from({ length: count * 4 }, (_, i) => ((i >> 2) % 2) - 0.5 + random.uniform(-0.2, 0.2));
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  const dataset = arrayDataset(values, labels, [4, 1, 1]);
  const get = (index: number) => {
    log.push(`${name} ${index}`);
    return dataset.get(index);
  };
  return { images: values, labels, shape: dataset.shape, length: count, get } as MemoryDataset;
}

describe('compete', () => {
  const makeModel = () => {
    const classifier = new Linear(4, 10);
    for (const values of classifier.parameters()) init.constant_(values, 0);
    return new Sequential({ flatten: new Flatten(), classifier });
  };
  const settings = { epochs: 2, trialEpochs: 1, seed: 1, batchSize: 4 };

  it('holds a sixth of the training images out', () => {
    const { fit, validation } = holdOut(6000);
    expect(validation).toHaveLength(1000);
    expect([...fit, ...validation].sort((a, b) => a - b)).toEqual([...new Array(6000).keys()]);
  });

  it('chooses on held-out training images, and reads a test image only when all training is over', async () => {
    const log: string[] = [];
    const [train, test] = [watched('train', 24, log), watched('test', 8, log)];
    const shared = { train, test, makeModel, loss: oneVersusRest, weightDecay: 0, features: 4, featureSeconds: 0 };
    const candidates: Candidate[] = [
      { ...shared, text: 'does not learn', learningRate: 0 },
      { ...shared, text: 'learns', learningRate: 0.1 },
    ];
    const lines: string[] = [];
    const result = await compete({ name: 'test', candidates }, settings, (line) => lines.push(line));
    expect(result.chosen.text).toBe('learns');
    expect(result.trials.map(({ accuracy }) => accuracy)).toEqual([0, 1]);
    expect(result.parameters).toBe(50);
    expect(result.accuracy).toBe(1);
    expect(lines).toHaveLength(3);

    const { fit, validation } = holdOut(24);
    const names = (numbers: readonly number[], of = 'train'): string[] => numbers.map((i) => `${of} ${i}`).sort();
    const take = (count: number): string[] => log.splice(0, count).sort();
    for (const _ of candidates) {
      expect(take(fit.length)).toEqual(names(fit));
      expect(take(validation.length)).toEqual(names(validation));
    }
    for (let epoch = 0; epoch < settings.epochs; epoch++) expect(take(24)).toEqual(names([...new Array(24).keys()]));
    expect(log.sort()).toEqual(names([...new Array(8).keys()], 'test'));
  });
});

describe('the report', async () => {
  const labels = Int32Array.from({ length: 40 }, (_, i) => i % 10);
  const result = (name: string, wrong: number) => ({
    name,
    chosen: { text: `settings of ${name} <b>`, features: 1296, featureSeconds: wrong } as Candidate,
    trials: [{ text: 'a trial', accuracy: 0.5 }],
    parameters: 12_970,
    seconds: 3,
    predictions: labels.map((label, i) => (i < wrong ? (label + 1) % 10 : label)),
    accuracy: 1 - wrong / 40,
  });
  const comparison = {
    description: 'made-up data',
    settings: { epochs: 8, trialEpochs: 2, seed: 5, batchSize: 50 },
    results: [result('first', 10), result('second', 0)],
    labels,
    trained: 240,
  };
  const html = await comparisonHtml(comparison);

  it('is one self-contained page without scripts, with the text from outside escaped', () => {
    expect(html.match(/<script|<link|<iframe|@import|url\(/g)).toBeNull();
    expect(html.includes('settings of first &lt;b&gt;')).toBe(true);
    expect(html.includes('<b>')).toBe(false);
    expect(html.includes('NaN')).toBe(false);
  });

  it('draws a bar for each class and method, as long as the accuracy is', () => {
    const [svg] = html.match(/<svg[\s\S]*?<\/svg>/) ?? [''];
    const lengths = (series: number): number[] =>
      [...svg.matchAll(new RegExp(`d="M[\\d.,]+h([\\d.]+)v[^"]*" fill="var\\(--series-${series}\\)"`, 'g'))].map(
        ([, h]) => Number(h),
      );
    expect(lengths(1)).toEqual(new Array(10).fill(0.75 * 560));
    expect(lengths(2)).toEqual(new Array(10).fill(560));
    for (const name of fashionMnistClasses) expect(svg.includes(`>${name}<`), name).toBe(true);
  });

  it('has the same figures as the tables of the console', () => {
    const tables = comparisonTables(comparison);
    expect(tables).toMatch(/^first +1,296 +12,970 +10 s +3\.0 s +75\.0% +settings of first/m);
    expect(tables).toMatch(/^second +1,296 +12,970 +learned +3\.0 s +100\.0% /m);
    // Of each class four images, and one of them wrong.
    expect(tables).toMatch(/^Ankle boot +75\.0% +100\.0% +\+25\.0$/m);
    expect(html).toMatch(/Ankle boot<\/th><td>75\.0%<\/td><td>100\.0%<\/td><td>\+25\.0/);
  });
});

describe('examples/learnedVsEngineered.ts', () => {
  let outcome: Outcome;
  const report = join(directory, 'report.html');

  beforeAll(async () => {
    const data = join(directory, 'data');
    mkdirSync(data);
    await writeSmallDataset(data, { train: 36, test: 20 });
    const args = ['--data', data, '--epochs', '4', '--report', report];
    outcome = await runFile(program, { args, timeout: 110_000 });
  }, 120_000);

  it('finds that both methods learn', () => {
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toContain('360 training, 200 test images');
    for (const method of ['HOG \\+ linear SVM', 'CNN']) {
      const row = new RegExp(`^${method} +[\\d,]+ +[\\d,]+ .* ([\\d.]+)%`, 'm').exec(outcome.stdout);
      // Chance is 10%, with a standard deviation of 2% over 200 images; 74 to 80% is usual.
      expect(Number(row?.[1]), method).toBeGreaterThan(50);
    }
    for (const name of fashionMnistClasses) expect(outcome.stdout).toMatch(new RegExp(`^${name} .*%.*%`, 'm'));
  });

  it('writes the report', () => {
    const html = readFileSync(report, 'utf8');
    for (const part of ['Test accuracy by class', 'HOG + linear SVM', 'Settings tried']) {
      expect(html.includes(part), part).toBe(true);
    }
  });

  it('refuses wrong options, and a report that could not be written, before it starts', async () => {
    const absent = join(directory, 'absent', 'report.html');
    for (const args of [['--epochs', '0'], ['--unknown'], ['--report', absent]]) {
      const { code, stdout, stderr } = await runFile(program, { args });
      expect(code).toBe(1);
      expect(stdout).toBe('');
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

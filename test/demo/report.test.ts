import { inflateSync } from 'node:zlib';
import { arrayDataset, fashionMnistClasses } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { classScores, confusionMatrix } from '../../examples/lib/confusion.mjs';
import type { Dataset } from '../../examples/lib/dataset.mjs';
import { lossChart } from '../../examples/lib/report/charts.mjs';
import { pngDataUri } from '../../examples/lib/report/png.mjs';
import { reportHtml } from '../../examples/lib/report/report.mjs';
import { classTable } from '../../examples/lib/text.mjs';

/** 20 test images, two of each class; image 3 (class 3) is taken for class 5, image 14 (class 4) for class 2. */
const labels = Uint8Array.from({ length: 20 }, (_, index) => index % 10);
const predictions = labels.map((label, index) => ({ 3: 5, 14: 2 })[index] ?? label);
const confidences = Float32Array.from({ length: 20 }, (_, index) => 0.5 + index / 50);
const images = Uint8Array.from({ length: 20 * 784 }, (_, index) => index % 251);
const split = arrayDataset(images, labels, [1, 28, 28]);
const dataset: Dataset = { description: 'made-up <data> & more', fingerprint: '', train: split, test: split };
const curve = [2, 1.5, 1, 0.75];

const input = {
  dataset,
  device: 'cpu (a processor)',
  state: {
    hyper: {
      seed: 5,
      batchSize: 4,
      learningRate: 0.01,
      momentum: 0.9,
      scheduleEpochs: 2,
      normalisation: { mean: 0.28, std: 0.35 },
    },
    dataFingerprint: '',
    history: [
      { trainLoss: 1.3125, trainAccuracy: 0.5, testLoss: 0.9, testAccuracy: 0.8, curve },
      { trainLoss: 0.65, trainAccuracy: 0.75, testLoss: 0.6, testAccuracy: 0.9, curve: curve.map((loss) => loss / 2) },
    ],
  },
  evaluation: {
    loss: 0.6,
    accuracy: 0.9,
    predictions,
    confidences,
    confusion: confusionMatrix(labels, predictions, 10),
  },
  speed: { images: 40, seconds: 0.5 },
  filters: { shape: [16, 1, 5, 5], values: Float32Array.from({ length: 400 }, (_, index) => Math.sin(index)) },
};

describe('classScores', () => {
  it('counts accuracy by actual and precision by predicted class', () => {
    // Actual 0: three right, one taken for 1; actual 1: two right.
    const confusion = confusionMatrix([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1], 10);
    const scores = classScores(confusion);
    expect(scores[0]).toMatchObject({ name: 'T-shirt/top', count: 4, correct: 3, accuracy: 0.75, precision: 1 });
    expect(scores[0].confusedWith).toEqual({ name: 'Trouser', count: 1 });
    expect(scores[1].accuracy).toBe(1);
    expect(scores[1].precision).toBeCloseTo(2 / 3, 12);
    expect(scores[1].confusedWith).toBeNull();
    expect(scores[2].accuracy).toBeNaN();
  });

  it('makes a table with a line per class', () => {
    const lines = classTable(classScores(input.evaluation.confusion)).split('\n');
    expect(lines).toHaveLength(12);
    expect(lines[2 + 3]).toMatch(/^Dress\s+50\.0%\s+1\/2\s+Sandal \(1\)$/);
    expect(lines[2 + 9]).toMatch(/^Ankle boot\s+100\.0%\s+2\/2$/);
  });
});

describe('pngDataUri', () => {
  it('is a greyscale PNG of the pixels', () => {
    const file = Buffer.from(pngDataUri(Uint8Array.from([0, 1, 2, 253, 254, 255]), 2, 3).split(',')[1], 'base64');
    expect([...file.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect(file.toString('latin1', 12, 16)).toBe('IHDR');
    expect([file.readUInt32BE(16), file.readUInt32BE(20)]).toEqual([3, 2]);
    expect([...file.subarray(24, 29)]).toEqual([8, 0, 0, 0, 0]);
    const length = file.readUInt32BE(33);
    expect(file.toString('latin1', 37, 41)).toBe('IDAT');
    expect([...inflateSync(file.subarray(41, 41 + length))]).toEqual([0, 0, 1, 2, 0, 253, 254, 255]);
    // The end chunk and its checksum are constants of the format.
    expect(file.subarray(-12).toString('hex')).toBe('0000000049454e44ae426082');
  });
});

describe('lossChart', () => {
  it('draws a long training with fewer points, means of neighbours within an epoch', () => {
    const range = (count: number): number[] => [...new Array(count).keys()];
    const long = range(7).map((epoch) => ({
      ...input.state.history[0],
      curve: range(40).map((part) => 100 * epoch + part),
    }));
    const { data } = lossChart(long) as { data: { values: { epoch: number; value: number; series: string }[] } };
    const training = data.values.filter(({ series }) => series === 'training');
    // 280 points in groups of three: 14 per epoch, the last of an epoch a single one.
    expect(training).toHaveLength(7 * 14);
    expect(training[0]).toMatchObject({ epoch: 3 / 40, value: 1 });
    expect(training[13]).toMatchObject({ epoch: 1, value: 39 });
    expect(training[14]).toMatchObject({ epoch: 1 + 3 / 40, value: 101 });
  });
});

describe('reportHtml', async () => {
  const html = await reportHtml(input);
  const section = (title: string): string => {
    const found = html.split('<section').find((part) => part.includes(`>${title}</h2>`));
    if (found === undefined) expect.fail(`no section '${title}'`);
    return found;
  };

  // Booleans and lists, not the page itself: a failure must not print 200 kB of HTML.
  it('is one self-contained page without scripts', () => {
    expect(html.slice(0, 32)).toBe('<!doctype html>\n<html lang="en">');
    expect(html.match(/<script|<link|<iframe|@import|url\(/g)).toBeNull();
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address);
    expect(addresses.filter((address) => !address.startsWith('data:image/png;base64,'))).toEqual([]);
  });

  it('escapes text from outside', () => {
    expect(html.includes('made-up &lt;data&gt; &amp; more')).toBe(true);
    expect(html.includes('<data>')).toBe(false);
  });

  it('has the figures of the run', () => {
    const figures = [
      '90.0%',
      '0.600',
      '80',
      'cpu (a processor)',
      'batches of 4',
      '0.01, falling linearly over 2 epochs',
    ];
    expect(figures.filter((text) => !html.includes(text))).toEqual([]);
  });

  it('draws the loss curve: a line through every point of the training, and the test epochs', () => {
    const [loss] = section('Training').match(/<svg[\s\S]*?<\/svg>/) ?? [];
    const lines = [...(loss ?? '').matchAll(/ d="(M[^"]*)" stroke="var\(--series-(\d)\)"/g)];
    expect(lines.map(([, path, series]) => [series, path.match(/[ML]/g)?.length]).sort()).toEqual([
      ['1', 8],
      ['2', 2],
    ]);
  });

  it('draws the confusion matrix with all 100 counts', () => {
    const svg = section('Test images by class').match(/<svg[\s\S]*?<\/svg>/)?.[0] ?? '';
    const counts = [...svg.matchAll(/<text[^>]*>(\d+)<\/text>/g)].map(([, text]) => Number(text));
    expect(counts).toHaveLength(100);
    expect(counts.reduce((a, b) => a + b)).toBe(20);
    for (const name of fashionMnistClasses) expect(svg.split(`>${name}<`)).toHaveLength(3);
  });

  it('draws every weight of the 16 filters', () => {
    const svg = section('First-layer filters').match(/<svg[\s\S]*?<\/svg>/)?.[0] ?? '';
    expect(svg.match(/fill="var\(--(negative|positive)\)" fill-opacity=/g)?.length).toBe(400);
  });

  it('shows sample images with their predictions, right and wrong', () => {
    const samples = section('Sample images with their predictions');
    const items = [...samples.matchAll(/<li class="(right|wrong)">[\s\S]*?<\/li>/g)];
    // The first image of each class, then the two mistakes, the more confident one first.
    expect(items.map(([, kind]) => kind).join(' ')).toBe(
      'right right right wrong right right right right right right wrong wrong',
    );
    expect(items[10][0]).toContain('test image 14: Coat');
    expect(items[10][0]).toMatch(/Pullover[\s\S]*78\.0%[\s\S]*is Coat/);
    expect(items[11][0]).toContain('test image 3: Dress');
  });

  it('describes every chart and image', () => {
    for (const [tag] of html.matchAll(/<svg[^>]*>/g)) expect(tag).toMatch(/role="img" aria-label="[^"]{10,}"/);
    for (const [tag] of html.matchAll(/<img[^>]*>/g)) expect(tag).toMatch(/alt="[^"]+"/);
  });

  it('says so when nothing was trained', async () => {
    const untrained = await reportHtml({ ...input, speed: { images: 0, seconds: 0 } });
    expect(untrained.includes('no training in this run')).toBe(true);
    expect(untrained.includes('NaN')).toBe(false);
  });
});

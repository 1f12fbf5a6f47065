import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { loadOptional } from '../../dist/optionalPackage';
import { curvePoints } from '../../dist/report/lineCharts';
import { EpochMeter } from '../../dist/train/meter';
import { createProgress } from '../../dist/train/progress';
import type { EpochRecord } from '../../dist/train/records';
import { LiveReport } from '../../dist/train/report/liveReport';
import type { ReportData } from '../../dist/train/report/reportData';
import { expectRejects } from '../support/errors';
import { temporaryFolder } from '../support/temporaryFolder';

const folder = temporaryFolder();

const record = (epoch: number): EpochRecord => ({
  epoch,
  train: { loss: 2 / epoch, accuracy: 0.5, accuracy5: 0.9 },
  validation: { loss: 3 / epoch, accuracy: 0.4, accuracy5: 0.8 },
  ...{ learningRate: 0.1, seconds: 2, imagesPerSecond: 50, curve: [3, 2, 1] },
});

const dataAfter = (epochs: number, running: boolean): ReportData => {
  const history = Array.from({ length: epochs }, (_, i) => record(i + 1));
  return {
    ...{ title: 'A <run> & more', summary: 'data', running, status: `after ${epochs}`, epochs: 4, history, test: null },
    ...{ best: history.at(-1) ?? null, validation: 'held back', settings: [['seed', '1']] },
    current: running
      ? { images: 10, totalImages: 100, imagesPerSecond: 40, loss: 1, accuracy: 0.5, curve: [1, 2], parts: 4 }
      : null,
  };
};

describe('LiveReport', () => {
  it('is a page that loads itself again while the run goes on, and shows the last state that it was given', async () => {
    const file = join(folder, 'live.html');
    const report = new LiveReport(file);
    try {
      report.update({ ...dataAfter(0, true), current: null });
      await report.settled();
      const empty = readFileSync(file, 'utf8');
      expect(empty).toContain('<meta http-equiv="refresh" content="10">');
      expect(empty).toContain('A &lt;run&gt; &amp; more');
      expect(empty).not.toContain('<svg');
      for (let epochs = 0; epochs <= 3; epochs++) report.update(dataAfter(epochs, true));
      expect(report.busy).toBe(true);
      await report.settled();
      expect(report.busy).toBe(false);
      const running = readFileSync(file, 'utf8');
      expect(running).toContain('after 3');
      expect(running.match(/<svg role="img"/g)).toHaveLength(2);
      report.update(dataAfter(4, false));
      await report.settled();
      expect(readFileSync(file, 'utf8')).not.toContain('http-equiv="refresh"');
      // Replaced as a whole: no temporary file is left.
      expect(readdirSync(folder)).toEqual(['live.html']);
    } finally {
      await report.close();
    }
  });

  it('fails with what writing fails with', async () => {
    const report = new LiveReport(join(folder, 'absent', 'live.html'));
    try {
      report.update(dataAfter(0, true));
      await expect(report.settled()).rejects.toThrow(/ENOENT.*live.html/);
      expect(() => report.update(dataAfter(1, true))).toThrow(/ENOENT/);
    } finally {
      await report.close();
    }
  });
});

describe('curvePoints', () => {
  it('places the parts of an epoch that is under way where they belong', () => {
    const curves = [
      { values: [4, 3], parts: 2 },
      { values: [2], parts: 4 },
    ];
    expect(curvePoints(curves, 'x')).toEqual([
      { epoch: 0.5, value: 4, series: 'x' },
      { epoch: 1, value: 3, series: 'x' },
      { epoch: 1.25, value: 2, series: 'x' },
    ]);
    expect(curvePoints([], 'x')).toEqual([]);
  });
});

describe('EpochMeter', () => {
  it('continues from the state of another one as if it were that one', () => {
    const results = [5, 4, 3, 2, 1].map((loss, i) => ({ loss, correct: i, correct5: 2 * i, count: 10 + i }));
    const straight = new EpochMeter(100);
    for (const result of results) straight.add(result);
    const first = new EpochMeter(100);
    for (const result of results.slice(0, 2)) first.add(result);
    const second = new EpochMeter(100, JSON.parse(JSON.stringify(first.state())));
    for (const result of results.slice(2)) second.add(result);
    expect({ ...second.state(), seconds: 0 }).toEqual({ ...straight.state(), seconds: 0 });
    expect(second.accuracy5).toBe(20 / 60);
  });
});

describe('progress', () => {
  /** A terminal of 120 columns that keeps what is written. */
  function terminal(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
    const stream = new PassThrough();
    Object.assign(stream, { isTTY, columns: 120, cursorTo() {}, clearLine() {}, moveCursor() {} });
    let written = '';
    stream.on('data', (chunk: Buffer) => {
      written += String(chunk);
    });
    return { stream: stream as unknown as NodeJS.WriteStream, text: () => written };
  }

  it('is a bar with loss, accuracy, speed and what else is given, on a terminal only', async () => {
    for (const isTTY of [true, false]) {
      const { stream, text } = terminal(isTTY);
      const progress = await createProgress({ lastEpoch: 3, stream });
      progress.startEpoch(2, 64);
      const meter = new EpochMeter(2);
      meter.add({ loss: 0.5, correct: 24, count: 32 });
      progress.step(meter, 'lr 0.1');
      progress.endEpoch();
      if (isTTY)
        expect(text()).toMatch(
          /epoch 2\/3 .* 50% {2}loss 0\.5000 {2}acc 75\.0% {2}[\d,]+ images\/s {2}ETA .* {2}lr 0\.1/,
        );
      else expect(text()).toBe('');
    }
  });
});

describe('optional packages', () => {
  it('are named with the command that installs them where they are missing', async () => {
    const name = 'receptive-no-such-package';
    await expectRejects(
      loadOptional(name, 'charts are drawn by', () => import(name)),
      'UnsupportedError',
      /^charts are drawn by the package receptive-no-such-package, which is not installed: npm install receptive-no-such-package$/,
    );
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../support/child';
import { temporaryFolder } from '../support/temporaryFolder';
import { program, runTrain, smallRun } from './trainCommand';

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);
const run = (name: string, ...args: string[]) => runTrain([...smallRun, '--checkpoint', at(name), ...args]);

describe('a run', () => {
  let outcome: Outcome;
  beforeAll(async () => {
    const files = ['--json', at('run.json'), '--report', at('run.html')];
    outcome = await run('run', '--epochs', '4', '--augment', 'crop:1', '--lr', '0.05', '--val-split', '0.25', ...files);
  }, 60_000);

  it('learns, prints a line per epoch, and tests at the end', () => {
    expect(outcome.stderr).toBe('');
    expect(outcome.code).toBe(0);
    const { stdout } = outcome;
    expect(stdout).toMatch(/^data {6}.*quadrants.mjs: 72 training, 24 validation, 40 test images of 4 classes$/m);
    expect(stdout).toMatch(/^model {5}.*tinyNet.mjs: 528 parameters, images \[1, 12, 10\]$/m);
    expect(stdout).toMatch(/^training {2}4 epochs of 5 steps: sgd, learning rate 0.05 \(cosine\), momentum 0.9, /m);
    const epochs = [
      ...stdout.matchAll(/^epoch (\d)\/4 {2}loss \d\.\d{4} {2}top-1 [\d.]+% {2}top-5 [\d.]+% {2}validation /gm),
    ];
    expect(epochs.map(([, epoch]) => epoch)).toEqual(['1', '2', '3', '4']);
    expect(stdout).toMatch(/^test {6}loss .* weights of epoch \d$/m);
    expect(stdout).toContain(at('run/last.safetensors'));
  });

  it('writes settings, history and figures as JSON', () => {
    const json = JSON.parse(readFileSync(at('run.json'), 'utf8'));
    expect(json).toMatchObject({
      status: 'finished',
      settings: {
        model: program('tinyNet'),
        data: `module:${program('quadrants')}`,
        epochs: 4,
        batch: 16,
        valSplit: 0.25,
      },
      data: { train: 72, validation: 24, test: 40, classes: ['top left', 'top right', 'bottom left', 'bottom right'] },
      // 36 of the convolution, 8 of the normalisation, 4 * (4 * 6 * 5) + 4 of the last layer.
      model: { parameters: 36 + 8 + 484, inputShape: [1, 12, 10] },
      checkpoint: { last: at('run/last.safetensors'), best: at('run/best.safetensors') },
    });
    expect(json.history.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 2, 3, 4]);
    for (const { train, validation, curve, imagesPerSecond, seconds, learningRate } of json.history) {
      // With four classes the right one is among the best five.
      for (const { accuracy5 } of [train, validation]) expect(accuracy5).toBe(1);
      expect(curve).toHaveLength(5);
      expect(imagesPerSecond * seconds).toBeCloseTo(72, 6);
      expect(learningRate).toBeGreaterThan(0);
    }
    const losses = json.history.map((one: { validation: { loss: number } }) => one.validation.loss);
    expect(json.best.validation.loss).toBe(Math.min(...losses));
    expect(json.best.validation.accuracy).toBeGreaterThan(0.9);
    expect(json.test.accuracy).toBeGreaterThan(0.9);
    expect(json.test.epoch).toBe(json.best.epoch);
  });

  it('writes a report: one whole page without scripts, which does not load itself again any more', () => {
    const html = readFileSync(at('run.html'), 'utf8');
    expectWellFormed(html);
    expect(html).toContain('<title>Training of tinyNet.mjs</title>');
    expect(html).not.toMatch(/<script|http-equiv="refresh"/);
    expect(html.match(/<svg role="img"/g)).toHaveLength(2);
    expect(html).toContain('25.0% of the training images, held back');
    for (const epoch of [1, 2, 3, 4]) expect(html).toMatch(new RegExp(`<th scope="row">${epoch}( \\(best\\))?</th>`));
    expect(readdirSync(folder).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it('is not overwritten by accident', async () => {
    const before = readFileSync(at('run/last.safetensors'));
    const { code, stderr } = await run('run', '--epochs', '1');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^train: .*run has a run already: --resume continues it, --overwrite begins anew/);
    expect(readFileSync(at('run/last.safetensors')).equals(before)).toBe(true);
  }, 60_000);

  it('is trained further by more epochs, with a note where the schedule changes by that', async () => {
    const { code, stdout } = await run('run', '--resume', '--epochs', '5', '--json', at('further.json'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^note .* falls over 5 epochs now, not 4: no exact continuation$/m);
    const before = JSON.parse(readFileSync(at('run.json'), 'utf8')).history;
    const { history } = JSON.parse(readFileSync(at('further.json'), 'utf8'));
    expect(history).toHaveLength(5);
    expect(history.slice(0, 4)).toEqual(before);
  }, 60_000);
});

/** Every element that is opened is closed, in order; of HTML's exceptions the page has meta and img. */
function expectWellFormed(html: string): void {
  expect(html.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
  const open: string[] = [];
  for (const [, close, name, selfClosed] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b(?:[^>"]|"[^"]*")*?(\/?)>/gi)) {
    if (close === '/') expect(open.pop()).toBe(name);
    else if (selfClosed === '' && !['meta', 'img'].includes(name)) open.push(name);
  }
  expect(open).toEqual([]);
}

describe('train fails with status 1 and one line that says why', () => {
  async function failure(...args: string[]): Promise<string> {
    const { code, stderr } = await runTrain(['--checkpoint', at('failed'), '--epochs', '1', '--workers', '0', ...args]);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(code).toBe(1);
    return stderr;
  }
  const data = ['--data', `module:${program('quadrants')}`];

  it('where images and model do not fit', async () => {
    expect(await failure('--model', 'lenet5', ...data)).toMatch(
      /^train: the images are \[1, 12, 10\], which LeNet-5 does not take \(.*\); it is made for \[1, 28, 28\]: --resize brings/,
    );
    expect(await failure('--model', program('sizedNet'), ...data)).toMatch(/made for \[3, 16, 14\]: --resize .* 16x14/);
    expect(await failure('--model', program('noNet'), ...data)).toMatch(
      /noNet.mjs returned must be a Module, given an obj/,
    );
    expect(await failure('--model', program('tinyNet'), ...data, '--resize')).toMatch(
      /--resize needs a model that says/,
    );
  }, 60_000);

  it('where data are missing or not divided', async () => {
    const model = ['--model', program('tinyNet')];
    expect(await failure(...model, '--data', `fashion-mnist:${folder}`)).toMatch(/^fashionMnist: .*no such file/);
    expect(await failure(...model, '--data', `module:${at('absent.mjs')}`)).toMatch(/absent.mjs: no such file/);
    expect(await failure(...model, '--data', `module:${program('tinyNet')}`)).toMatch(
      /export classes must be a list of/,
    );
    expect(await failure(...model, '--data', `module:${program('withoutTest')}`)).toMatch(
      /no test images; --val-split 0.1/,
    );
    expect(await failure(...model, ...data, '--val-split', '0.001')).toMatch(
      /--val-split 0.001 of 96 .* is 0; both parts/,
    );
  }, 60_000);

  it('where a file cannot be written, or there is nothing to resume', async () => {
    const model = ['--model', program('tinyNet'), ...data];
    expect(await failure(...model, '--json', at('absent/run.json'))).toMatch(
      /absent.run.json: cannot be written \(ENOENT/,
    );
    expect(await failure(...model, '--report', folder)).toMatch(/cannot be written \(it is a directory\)/);
    expect(await failure('--resume')).toMatch(/ENOENT.*last.safetensors/);
  }, 60_000);

  it('where the training diverges', async () => {
    const net = ['--model', program('sizedNet'), ...data, '--resize'];
    expect(await failure(...net, '--lr', '1e30')).toMatch(
      /^the loss became (NaN|Infinity) in epoch 1; a smaller learning rate/,
    );
  }, 60_000);
});

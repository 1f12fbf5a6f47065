import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readWeights, writeWeights } from '../../examples/lib/weights.mjs';
import { temporaryFolder } from '../support/temporaryFolder';
import { writeSmallDataset } from './dataFiles';
import { type Outcome, runExample } from './example';

const directory = temporaryFolder();
const data = join(directory, 'data');
const at = (name: string): string => join(directory, name);

/** Trains on the small data set; the weights go to `out`. */
function train(out: string, ...args: string[]): Promise<Outcome> {
  return runExample(['--data', data, '--batch', '8', '--out', at(out), ...args], directory);
}

const history = (name: string): { trainLoss: number; testAccuracy: number; curve: number[] }[] =>
  JSON.parse(readWeights(at(name)).metadata.training).history;

let straight: Outcome;

beforeAll(async () => {
  mkdirSync(data);
  // 300 does not divide by the batch size: the last batch of an epoch is a smaller one.
  await writeSmallDataset(data, { train: 30, test: 10 });
  straight = await train('straight', '--epochs', '2', '--report', at('report.html'), '--threads', '2');
}, 60_000);

describe('the example', () => {
  it('trains: the loss falls, and the network knows more than chance', () => {
    expect(straight.stderr).toBe('');
    expect(straight.code).toBe(0);
    const [first, second] = history('straight');
    // It starts near ln 10 = 2.3, the loss of ten equal probabilities.
    expect(first.curve[0]).toBeGreaterThan(1.5);
    expect(second.trainLoss).toBeLessThan(0.75 * first.trainLoss);
    // Chance is 0.1, with a standard deviation of 0.03 over 100 images; 0.57 to 0.72 is usual.
    expect(second.testAccuracy).toBeGreaterThan(0.4);
  });

  it('prints what it reads and a line per epoch, then the table of classes', () => {
    const { stdout } = straight;
    expect(stdout).toContain(`${data}): 300 training, 100 test images`);
    expect(stdout).toMatch(/^epoch 1\/2 {2}loss \d\.\d{4} .* test accuracy \d+\.\d% .* images\/s/m);
    expect(stdout).toMatch(/^epoch 2\/2 /m);
    expect(stdout).toMatch(/^Ankle boot +\d+\.\d% +\d+\/10/m);
    expect(stdout).toMatch(/^Test accuracy: \d+\.\d% after 2 epochs$/m);
    // Not on a terminal: no bar, no control sequences.
    expect(stdout.includes('\u001b') || stdout.includes('\r')).toBe(false);
  });

  it('writes the report', () => {
    const html = readFileSync(at('report.html'), 'utf8');
    for (const part of [
      'Loss curve',
      'Confusion matrix',
      'First-layer filters',
      'Sample images with their predictions',
    ]) {
      expect(html.includes(part), part).toBe(true);
    }
  });

  it('continues exactly with --resume: one epoch and one more give the file of two, bit for bit', async () => {
    const first = ['--epochs', '1', '--schedule', '2', '--no-report'];
    expect(await train('resumed', ...first)).toMatchObject({ code: 0, stderr: '' });
    const once = readFileSync(at('resumed'));
    // Without --epochs: what is left of the schedule.
    const { stdout, code } = await train('resumed', '--no-report', '--resume');
    expect(stdout).toContain('after 1 epoch\n');
    expect(stdout).toContain('after 2 epochs\n');
    expect(stdout).not.toContain('Note:');
    expect(code).toBe(0);
    expect(readFileSync(at('resumed'))).not.toEqual(once);
    expect(readFileSync(at('resumed')).equals(readFileSync(at('straight')))).toBe(true);
  }, 60_000);

  it('is interrupted between two steps: the file is that of the epochs before, and status 130 says so', async () => {
    const { code, stderr } = await runExample(
      ['--data', data, '--batch', '8', '--out', at('cut'), '--epochs', '10000', '--no-report'],
      directory,
      /^epoch 2\/10,?000 /m,
    );
    expect(code).toBe(130);
    const epochs = history('cut').length;
    expect(stderr).toBe(
      `Interrupted. ${at('cut')} has the weights after ${epochs} epochs; --resume continues from there.\n`,
    );
    const same = ['--epochs', `${epochs}`, '--schedule', '10000', '--no-report'];
    expect(await train('uncut', ...same)).toMatchObject({ code: 0 });
    expect(readFileSync(at('cut')).equals(readFileSync(at('uncut')))).toBe(true);
  }, 60_000);

  it('saves nothing when it is interrupted within the first epoch', async () => {
    const { code, stderr } = await runExample(
      ['--subset', '--out', at('early'), '--epochs', '1', '--no-report'],
      directory,
      /^Device:/m,
    );
    expect(stderr).toBe('Interrupted before an epoch of this run was finished; nothing was saved.\n');
    expect(code).toBe(130);
    expect(existsSync(at('early'))).toBe(false);
  }, 60_000);

  it('trains to the same bits with one thread as with two', async () => {
    expect(await train('oneThread', '--epochs', '2', '--no-report', '--threads', '1')).toMatchObject({ code: 0 });
    expect(readFileSync(at('oneThread')).equals(readFileSync(at('straight')))).toBe(true);
  }, 60_000);

  it('trains to other weights with another seed', async () => {
    expect(await train('otherSeed', '--epochs', '1', '--no-report', '--seed', '2')).toMatchObject({ code: 0 });
    const values = (name: string) => readWeights(at(name)).tensors.get('conv1.bias')?.data;
    expect(values('otherSeed')).not.toEqual(values('straight'));
  }, 60_000);

  it('evaluates saved weights with --epochs 0 and writes neither weights nor report unasked', async () => {
    const args = ['--data', data, '--epochs', '0', '--resume', at('straight'), '--out', at('unused'), '--no-report'];
    const { stdout, code } = await runExample(args, directory);
    expect(code).toBe(0);
    const accuracy = (text: string) => /^Test accuracy: (.*)$/m.exec(text)?.[1];
    expect(accuracy(stdout)).toBe(accuracy(straight.stdout));
    expect(existsSync(at('unused'))).toBe(false);
  }, 60_000);

  it('only evaluates with --resume when nothing of the schedule is left, and trains further with --epochs', async () => {
    const done = await train('further', '--resume', at('straight'), '--no-report');
    expect(done.stdout).toMatch(/^Note: .*only evaluated/m);
    expect(done.code).toBe(0);
    expect(existsSync(at('further'))).toBe(false);
    const further = await train('further', '--resume', at('straight'), '--epochs', '1', '--no-report');
    expect(further.stdout).not.toContain('Note:');
    expect(history('further')).toHaveLength(3);
    expect(history('further').slice(0, 2)).toEqual(history('straight'));
  }, 60_000);

  it('says what differs from the run that saved the weights', async () => {
    const { stdout, code } = await train(
      'changed',
      '--epochs',
      '1',
      '--no-report',
      '--resume',
      at('straight'),
      '--seed',
      '9',
    );
    expect(stdout).toMatch(/Note: .*seed.*no exact continuation/);
    expect(code).toBe(0);
  }, 60_000);
});

describe('the example fails with status 1 and one line that says why', () => {
  /** Every message names the file, and no stack follows it. */
  async function expectFailure(args: string[], message: RegExp): Promise<void> {
    const { code, stderr } = await runExample(
      ['--no-report', '--epochs', '1', '--out', at('failed'), ...args],
      directory,
    );
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(code).toBe(1);
    expect(existsSync(at('failed'))).toBe(false);
  }

  it('for missing and damaged data files', async () => {
    const damaged = at('damaged');
    mkdirSync(damaged);
    await expectFailure(['--data', damaged], /^Error: .*train-images-idx3-ubyte: no such file/);
    await writeSmallDataset(damaged, { train: 2, test: 1 });
    const labels = join(damaged, 't10k-labels-idx1-ubyte');
    writeFileSync(labels, readFileSync(labels).subarray(0, 12));
    await expectFailure(
      ['--data', damaged],
      /^Error: .*t10k-labels-idx1-ubyte: byte 8: 4 bytes of data .* announces 10/,
    );
  });

  it('for weights that are missing, damaged or of another network', async () => {
    await expectFailure(['--data', data, '--resume', at('absent')], /^Error: .*absent: no such file/);
    const whole = readFileSync(at('straight'));
    const broken = Buffer.from(whole);
    broken[broken.length - 5] ^= 0x10;
    writeFileSync(at('broken'), broken);
    await expectFailure(['--data', data, '--resume', at('broken')], /the data is damaged/);
    const other = new Map([['w', { shape: [1], data: Float32Array.from([1]) }]]);
    writeWeights(at('other'), other, {});
    await expectFailure(['--data', data, '--resume', at('other')], /not saved by this program/);
    const { tensors, metadata } = readWeights(at('straight'));
    writeWeights(
      at('reshaped'),
      new Map(tensors).set('conv1.bias', { shape: [3], data: new Float32Array(3) }),
      metadata,
    );
    await expectFailure(
      ['--data', data, '--resume', at('reshaped')],
      /'conv1.bias' has shape \[3\], this network needs \[16\]/,
    );
    writeWeights(
      at('nan'),
      new Map(tensors).set('conv1.bias', { shape: [16], data: new Float32Array(16).fill(Number.NaN) }),
      metadata,
    );
    await expectFailure(['--data', data, '--resume', at('nan')], /'conv1.bias' holds NaN at position 0/);
    writeWeights(at('stateless'), tensors, { ...metadata, training: '{}' });
    await expectFailure(['--data', data, '--resume', at('stateless')], /metadata 'training': seed is undefined/);
  });

  it('for files that cannot be written, before it trains', async () => {
    const within = join(at('absent'), 'file');
    await expectFailure(['--data', data, '--out', within], /^Error: .*absent.file: cannot be written \(ENOENT/);
    await expectFailure(['--data', data, '--out', data], /^Error: .*data: cannot be written \(it is a directory\)/);
    const { code, stdout, stderr } = await train('unsaved', '--epochs', '1', '--report', within);
    expect(stderr).toMatch(/^Error: .*absent.file: cannot be written \(ENOENT/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  it('for a step size with which the training diverges', async () => {
    await expectFailure(
      ['--data', data, '--learning-rate', '1e20'],
      /^Error: the loss became (NaN|Infinity) in epoch 1/,
    );
  });
});

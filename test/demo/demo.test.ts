import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { full, type Tensor, zeros } from 'receptive';
import { loadCheckpoint, loadSafetensors, type StateDict, saveCheckpoint, saveSafetensors } from 'receptive/io';
import { beforeAll, describe, expect, it } from 'vitest';
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

const history = async (name: string): Promise<{ trainLoss: number; testAccuracy: number; curve: number[] }[]> =>
  (await loadCheckpoint(at(name), { random: false })).values.history as never;

let straight: Outcome;

beforeAll(async () => {
  mkdirSync(data);
  // 300 does not divide by the batch size: the last batch of an epoch is a smaller one.
  await writeSmallDataset(data, { train: 30, test: 10 });
  straight = await train('straight', '--epochs', '2', '--report', at('report.html'), '--threads', '2');
}, 60_000);

describe('the example', () => {
  it('trains: the loss falls, and the network knows more than chance', async () => {
    expect(straight.stderr).toBe('');
    expect(straight.code).toBe(0);
    const [first, second] = await history('straight');
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
    const epochs = (await history('cut')).length;
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
    const values = async (name: string) => {
      const loaded = await loadSafetensors(at(name), { names: ['parameters.conv1.bias'] });
      const bias = loaded['parameters.conv1.bias'];
      const numbers = bias.dataSync();
      bias.dispose();
      return numbers;
    };
    expect(await values('otherSeed')).not.toEqual(await values('straight'));
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
    expect(await history('further')).toHaveLength(3);
    expect((await history('further')).slice(0, 2)).toEqual(await history('straight'));
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

/** Saves what 'straight' holds, with other parameters or values; takes the tensors. */
async function saveChanged(name: string, parameters: Record<string, Tensor>, values?: object): Promise<void> {
  const states: Record<string, StateDict> = {};
  const part = (key: string) => ({
    stateDict: () => states[key],
    loadStateDict({ tensors, values: partValues }: StateDict) {
      const copies = Object.entries(tensors).map(([tensorName, t]) => [tensorName, t.clone()]);
      states[key] = { tensors: Object.fromEntries(copies), values: partValues };
    },
  });
  const parts = { parameters: part('parameters'), velocities: part('velocities') };
  for (const key of Object.keys(parts)) states[key] = { tensors: {}, values: {} };
  const saved = await loadCheckpoint(at('straight'), { parts, random: false });
  const originals = states.parameters.tensors;
  states.parameters = { tensors: { ...originals, ...parameters }, values: {} };
  await saveCheckpoint(at(name), { parts, values: (values ?? saved.values) as never });
  for (const group of [originals, parameters, states.velocities.tensors]) {
    for (const t of Object.values(group)) t.dispose();
  }
}

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
    await expectFailure(['--data', data, '--resume', at('absent')], /^Error: ENOENT: no such file .*absent'$/m);
    const whole = readFileSync(at('straight'));
    const broken = Buffer.from(whole);
    broken[broken.length - 5] ^= 0x10;
    writeFileSync(at('broken'), broken);
    await expectFailure(['--data', data, '--resume', at('broken')], /broken: the file is damaged/);
    const w = zeros([1]);
    await saveSafetensors(at('other'), { w });
    w.dispose();
    await expectFailure(['--data', data, '--resume', at('other')], /other: no checkpoint: its metadata 'format'/);
    await saveChanged('reshaped', { 'conv1.bias': zeros([3]) });
    await expectFailure(
      ['--data', data, '--resume', at('reshaped')],
      /'parameters.conv1.bias' has shape \[3\], that of parts.parameters has \[16\]/,
    );
    await saveChanged('renamed', { conv0: zeros([1]) });
    await expectFailure(['--data', data, '--resume', at('renamed')], /11 tensors, this network has 10/);
    await saveChanged('nan', { 'conv1.bias': full([16], Number.NaN) });
    await expectFailure(['--data', data, '--resume', at('nan')], /'conv1.bias' holds NaN at position 0/);
    await saveChanged('stateless', {}, {});
    await expectFailure(['--data', data, '--resume', at('stateless')], /stateless: its values: seed is undefined/);
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

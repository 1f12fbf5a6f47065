import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSafetensors, readSafetensorsHeader } from 'receptive/io';
import { beforeAll, describe, expect, it } from 'vitest';
import { type MpiOptions, mpirunFile, noMpi } from '../support/mpi';
import { temporaryFolder } from '../support/temporaryFolder';
import { expectSameCheckpoints } from './checkpointContents';
import { program, runTrain, smallRun } from './trainCommand';

// `receptive train --distributed mpi`, in processes that mpirun has started.

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);
const main = 'dist/cli/main.js';

const trainProcesses = (processes: number, args: readonly string[], options: Omit<MpiOptions, 'args'> = {}) =>
  mpirunFile(processes, main, { ...options, args: ['train', ...args, '--distributed', 'mpi'] });

/** Without what mpirun says itself of a program that failed, in a frame. */
const ofPrograms = (stderr: string): string => stderr.replace(/^-{20,}\n[\s\S]*?^-{20,}\n/gm, '');

type Weights = Record<string, Float32Array>;

async function weights(file: string): Promise<Weights> {
  const model: Weights = {};
  for (const [name, tensor] of Object.entries(await loadSafetensors(file))) {
    if (name.startsWith('model.')) model[name] = (await tensor.data()) as Float32Array;
    tensor.dispose();
  }
  return model;
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

/** |a - b| / |b|. */
const distance = (a: Float32Array, b: Float32Array): number => norm(a.map((value, i) => value - b[i])) / norm(b);

describe.skipIf(noMpi !== null)('several processes train as one does, but for rounding,', { timeout: 180_000 }, () => {
  /** Of 96 images, so many validate. */
  const settings = (held: number) => [
    ...smallRun,
    ...[
      '--model',
      program('dropoutNet'),
      '--epochs',
      '3',
      '--augment',
      'crop:2,flip:0.3',
      '--val-split',
      `${held / 96}`,
    ],
  ];

  it.each([
    // Steps of 16 images, the last of an epoch of 8.
    [2, 24],
    // The last step has 7 images: of two processes one has 3 of them, the other one 4.
    [2, 25],
    // One image: the first process, which saves, has no part of it. The last batch to validate has 15.
    [2, 31],
    // 3 images, for four processes.
    [4, 29],
  ])('%i processes, %i of 96 images held back', async (processes, held) => {
    const name = `${processes} ${held}`;
    const files = (which: string) => ['--checkpoint', at(`${which} ${name}`), '--json', at(`${which} ${name}.json`)];
    const [single, several] = await Promise.all([
      runTrain([...settings(held), ...files('one')]),
      trainProcesses(processes, [...settings(held), ...files('several')]),
    ]);
    expect(single).toMatchObject({ code: 0, stderr: '' });
    expect(several).toMatchObject({ code: 0, stderr: '' });

    const [one, some] = await Promise.all(
      ['one', 'several'].map((which) => weights(at(`${which} ${name}/last.safetensors`))),
    );
    expect(Object.keys(some)).toEqual(Object.keys(one));
    expect(Object.keys(one)).toHaveLength(4);
    for (const [tensor, values] of Object.entries(one))
      expect(distance(some[tensor], values), tensor).toBeLessThan(1e-5);

    const [plain, shared] = ['one', 'several'].map((which) =>
      JSON.parse(readFileSync(at(`${which} ${name}.json`), 'utf8')),
    );
    expect([plain.processes, shared.processes]).toEqual([1, processes]);
    for (const [i, { train, validation, curve, ...others }] of plain.history.entries()) {
      const same = shared.history[i];
      expect([same.epoch, same.learningRate]).toEqual([others.epoch, others.learningRate]);
      for (const [figures, expected] of [
        [same.train, train],
        [same.validation, validation],
      ]) {
        expect(figures.loss / expected.loss).toBeCloseTo(1, 4);
        expect([figures.accuracy, figures.accuracy5]).toEqual([expected.accuracy, expected.accuracy5]);
      }
      expect(same.curve).toHaveLength(curve.length);
      expect(same.imagesPerSecond * same.seconds).toBeCloseTo(96 - held, 6);
    }
    expect(shared.test.accuracy).toEqual(plain.test.accuracy);

    // The random numbers go on from the same place, whoever has drawn them.
    const random = async (which: string) =>
      (await readSafetensorsHeader(at(`${which} ${name}/last.safetensors`))).metadata.random;
    expect(await random('several')).toBe(await random('one'));
  });

  it('and the first of them alone prints', async () => {
    const { code, stdout, stderr } = await trainProcesses(3, [
      ...settings(24),
      '--batch',
      '12',
      '--checkpoint',
      'none',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const starts = stdout
      .trim()
      .split(/\r?\n/)
      .map((line) => line.slice(0, 9));
    const begin = ['data     ', 'model    ', 'device   ', 'processes', 'training '];
    expect(starts).toEqual([...begin, 'epoch 1/3', 'epoch 2/3', 'epoch 3/3', 'done     ', 'best     ', 'test     ']);
    expect(stdout).toMatch(/^processes 3, each with 4 images of a batch\r?$/m);
  });
});

describe.skipIf(noMpi !== null)('a process that nobody launched', { timeout: 180_000 }, () => {
  it('trains by itself, bit for bit as without --distributed', async () => {
    const run = (name: string, ...args: string[]) =>
      runTrain([...smallRun, '--epochs', '2', '--val-split', '0.27', '--checkpoint', at(name), ...args]);
    const [plain, world] = await Promise.all([run('plain'), run('world', '--distributed', 'mpi')]);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(world).toMatchObject({ code: 0, stderr: '' });
    await expectSameCheckpoints(at('world'), at('plain'));
  });
});

describe.skipIf(noMpi !== null)(
  'a run of two processes that is resumed ends as one that was never stopped, bit for bit,',
  { timeout: 180_000 },
  () => {
    const settings = [...smallRun, ...['--epochs', '3', '--optimizer', 'adamw', '--lr', '0.01', '--augment', 'crop:2']];
    const run = (name: string, ...args: string[]) =>
      trainProcesses(2, [...settings, '--val-split', '0.27', '--checkpoint', at(name), ...args]);
    const signalled = (name: string, signals: string) =>
      trainProcesses(2, [...settings, '--val-split', '0.27', '--checkpoint', at(name), '--checkpoint-steps', '2'], {
        env: { RECEPTIVE_TEST_SIGNALS: signals },
      });
    const resume = (name: string) =>
      trainProcesses(2, ['--resume', '--checkpoint', at(name), '--workers', '0', '--threads', '1']);

    beforeAll(async () => {
      expect(await run('straight')).toMatchObject({ code: 0, stderr: '' });
    }, 180_000);

    // Before the first epoch each process looks at two images by themselves and at all 70 that train; then it asks for half of the
    // 70 and of the 26 that validate.
    const before = 2 + 70;

    it.each([
      ['SIGTERM', 143, 1, before + 35 + 13 + 20],
      ['SIGINT', 130, 0, before + 12],
      // Within the validation.
      ['SIGTERM', 143, 1, before + 35 + 10],
    ])('after %s, which ends with status %i when process %i gets it', async (signal, status, rank, images) => {
      const name = `${signal} ${images}`;
      const { code, stdout, stderr } = await signalled(name, `${images}:${signal}:${rank}`);
      expect(code).toBe(status);
      const said = `${signal}: the step is finished and saved, if all processes are there; once more ends at once\n`;
      expect(ofPrograms(stderr)).toBe(rank === 0 ? said : '');
      expect(stdout).toMatch(new RegExp(`^stopped   by ${signal} in epoch \\d, after step \\d of 5; saved to `, 'm'));
      const resumed = await resume(name);
      expect(resumed).toMatchObject({ code: 0, stderr: '' });
      expect(resumed.stdout).toMatch(/^resumed {3}epoch [12], after step \d of 5\r?$/m);
      await expectSameCheckpoints(at(name), at('straight'));
    });

    it('after SIGKILL of one process, which ends the other one', async () => {
      const killed = await signalled('killed', `${before + 35 + 13 + 20}:SIGKILL:1`);
      expect(killed.code).toBe(137);
      expect(killed.stdout).not.toMatch(/^(stopped|done)/m);
      expect(await resume('killed')).toMatchObject({ code: 0, stderr: '' });
      await expectSameCheckpoints(at('killed'), at('straight'));
    });

    it('and the error of one process ends the other one, with a message', async () => {
      const { code, stdout, stderr } = await signalled('failed', `${before + 35 + 13 + 20}:THROW:1`);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^rank 1 of 2: .*image \d+ cannot be read$/m);
      expect(stdout).toMatch(/^epoch 1\/3 /m);
      expect(stdout).not.toMatch(/^done/m);
      expect(existsSync(at('failed/last.safetensors'))).toBe(true);
    });
  },
);

describe.skipIf(noMpi !== null)('what all processes refuse is said once', { timeout: 180_000 }, () => {
  const refusal = async (status: number, processes: number, ...args: string[]) => {
    const { code, stdout, stderr } = await trainProcesses(processes, [
      ...smallRun,
      '--checkpoint',
      at('none'),
      ...args,
    ]);
    expect([code, stdout]).toEqual([status, '']);
    return ofPrograms(stderr);
  };

  it('as a batch that cannot be divided', async () => {
    expect(await refusal(2, 3)).toBe(
      'receptive train: --batch 16 is no multiple of the 3 processes, which have an equal part of each batch\n' +
        'receptive train --help lists the options\n',
    );
  });

  it('as data that are missing', async () => {
    expect(await refusal(1, 2, '--data', `module:${at('absent.mjs')}`)).toMatch(
      /^[^\n]*absent.mjs: no such file[^\n]*\n$/,
    );
  });

  it('as a loss that is not finite any more', async () => {
    const args = ['--model', program('dropoutNet'), '--lr', '1e30', '--checkpoint', 'none'];
    const { code, stderr } = await trainProcesses(2, [...smallRun, ...args]);
    expect(code).toBe(1);
    expect(ofPrograms(stderr)).toMatch(/^the loss became (NaN|Infinity) in epoch 1; [^\n]*\n$/);
  });

  it('as runs that differ from process to process', async () => {
    // mpirun takes several programs, with a colon between them.
    const second = [':', '-n', '1', process.execPath, main, 'train', ...smallRun, '--checkpoint', at('none')];
    const other = ['--seed', '2', '--distributed', 'mpi', ...second];
    expect(await refusal(1, 1, ...other)).toBe(
      'train: the 2 processes are about to train different runs: all need the same command line, data and checkpoint\n',
    );
  });
});

describe('--distributed', () => {
  it('says what to install where Open MPI is missing', async () => {
    const env = { RECEPTIVE_MPI_LIBRARY: '/nowhere/libmpi.so.40' };
    const { code, stdout, stderr } = await runTrain([...smallRun, '--distributed', 'mpi'], { env });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^mpiCommunicator: MPI needs the library of Open MPI.*apt-get install openmpi-bin/);
  });

  it.each([
    [['--distributed', 'nccl'], "--distributed must be one of mpi, given 'nccl'"],
    [
      ['--distributed', 'mpi', '--device', 'cuda:1'],
      '--distributed mpi trains on the CPU; it and --device cuda:1 exclude',
    ],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await runTrain([...smallRun, ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(`receptive train: ${message}`);
  });
});

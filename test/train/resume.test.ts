import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../support/child';
import { testSeed } from '../support/random';
import { temporaryFolder } from '../support/temporaryFolder';
import { checkpointContents, expectSameCheckpoints } from './checkpointContents';
import { runTrain, smallRun } from './trainCommand';

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);

/** Data sets of 96 images, of which 72 train and 24 validate: 5 + 2 batches an epoch. */
const settings = [
  '--epochs',
  '3',
  '--optimizer',
  'adamw',
  '--lr',
  '0.01',
  '--augment',
  'crop:2,flip:0.3',
  '--warmup',
  '0.7',
];
const run = (name: string, ...args: string[]) =>
  runTrain([
    ...smallRun,
    ...settings,
    '--val-split',
    '0.25',
    '--checkpoint',
    at(name),
    '--checkpoint-steps',
    '2',
    ...args,
  ]);
const resume = (name: string) => runTrain(['--resume', '--checkpoint', at(name), '--workers', '0', '--threads', '2']);

/** Ends or signals the process when its data set was asked for the n-th image. */
const signalled = (name: string, images: number, ...signals: string[]): Promise<Outcome> =>
  runTrain([...smallRun, ...settings, '--val-split', '0.25', '--checkpoint', at(name), '--checkpoint-steps', '2'], {
    env: { RECEPTIVE_TEST_SIGNALS: `${images}:${signals.join(',')}` },
  });

const expectSameRun = (name: string, other: string) => expectSameCheckpoints(at(name), at(other));

describe('a run that is resumed ends as one that was never stopped, bit for bit,', () => {
  beforeAll(async () => {
    expect(await run('straight')).toMatchObject({ code: 0 });
  }, 60_000);

  it('after SIGKILL at any step', async () => {
    // Two of the images asked for first are looked at by themselves; an epoch asks for 96.
    const images = 2 + 72 + 60 + (testSeed % 150);
    const killed = await signalled('killed', images, 'SIGKILL');
    expect(killed.signal).toBe('SIGKILL');
    expect(existsSync(at('killed/last.safetensors'))).toBe(true);
    const { code, stdout, stderr } = await resume('killed');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^resumed {3}epoch [123], after step \d of 5$/m);
    await expectSameRun('killed', 'straight');
  }, 60_000);

  it.each([
    ['SIGTERM', 143, 2 + 72 + 96 + 40],
    // Within the validation of the first epoch.
    ['SIGINT', 130, 2 + 72 + 72 + 20],
  ])(
    'after %s, which ends with status %i',
    async (signal, status, images) => {
      const { code, stdout, stderr } = await signalled(signal, images, signal);
      expect(code).toBe(status);
      expect(stderr).toBe(`${signal}: the step is finished and saved; once more ends at once\n`);
      expect(stdout).toContain(`saved to ${at(signal)}/last.safetensors; --resume continues`);
      expect(stdout).toMatch(new RegExp(`^stopped {3}by ${signal} in epoch \\d, after step \\d of 5; `, 'm'));
      expect(await resume(signal)).toMatchObject({ code: 0, stderr: '' });
      await expectSameRun(signal, 'straight');
    },
    60_000,
  );

  it('and not at all where the settings are others', async () => {
    const { code, stderr } = await run('straight', '--resume', '--seed', '7');
    expect(code).toBe(2);
    expect(stderr).toMatch(/--seed is 7, but the run to be resumed has 1; without the option it goes on as it was/);
  }, 60_000);
});

it('a second signal ends the run at once, and the checkpoint before is whole', async () => {
  const { code } = await signalled('twice', 2 + 72 + 96 + 40, 'SIGINT', 'SIGTERM');
  expect([130, 143]).toContain(code);
  await checkpointContents(at('twice/last.safetensors'));
  expect(await resume('twice')).toMatchObject({ code: 0 });
}, 60_000);

it('without checkpoints a signal says that nothing is saved', async () => {
  const { code, stdout } = await runTrain([...smallRun, '--checkpoint', 'none'], {
    env: { RECEPTIVE_TEST_SIGNALS: '200:SIGTERM' },
  });
  expect(code).toBe(143);
  expect(stdout).toMatch(/^stopped {3}by SIGTERM .*; nothing is saved, because of --checkpoint none$/m);
}, 60_000);

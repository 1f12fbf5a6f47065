import { describe, expect, it } from 'vitest';
import {
  DEFAULT_REPORT_FILE,
  DEFAULT_WEIGHTS_FILE,
  HELP,
  parseCommandLine,
  UsageError,
} from '../../examples/lib/commandLine.mjs';
import { temporaryFolder } from '../support/temporaryFolder';
import { runExample } from './example';

const directory = temporaryFolder();

describe('parseCommandLine', () => {
  it('leaves what is not given to the program', () => {
    expect(parseCommandLine([])).toEqual({
      help: false,
      data: undefined,
      subset: false,
      epochs: undefined,
      schedule: undefined,
      batch: undefined,
      learningRate: undefined,
      seed: undefined,
      resume: undefined,
      threads: undefined,
      out: DEFAULT_WEIGHTS_FILE,
      report: DEFAULT_REPORT_FILE,
    });
  });

  it('reads every option', () => {
    const line =
      '--data d --epochs 3 --schedule 9 --batch 64 --learning-rate 2.5e-2 --seed 7 --resume r --threads 2 --out o --report p';
    expect(parseCommandLine(line.split(' '))).toEqual({
      help: false,
      data: 'd',
      subset: false,
      epochs: 3,
      schedule: 9,
      batch: 64,
      learningRate: 0.025,
      seed: 7,
      resume: 'r',
      threads: 2,
      out: 'o',
      report: 'p',
    });
    expect(parseCommandLine(['--subset', '--no-report'])).toMatchObject({ subset: true, report: undefined });
    expect(parseCommandLine(['-h']).help).toBe(true);
  });

  it('takes --resume with and without a file', () => {
    expect(parseCommandLine(['--resume']).resume).toBe(DEFAULT_WEIGHTS_FILE);
    expect(parseCommandLine(['--resume', '--out', 'w']).resume).toBe('w');
    expect(parseCommandLine(['--resume', 'file', '--out', 'w']).resume).toBe('file');
    expect(parseCommandLine(['--resume=file']).resume).toBe('file');
  });

  it.each([
    [['--epoch', '3'], /--epoch/],
    [['--epochs'], /--epochs/],
    [['--epochs', 'many'], /--epochs must be an integer from 0 to 10000, got 'many'/],
    [['--epochs', '1.5'], /--epochs must be an integer/],
    [['--epochs', '0x10'], /--epochs must be an integer/],
    [['--epochs', '0'], /--epochs 0 needs --resume/],
    [['--schedule', '0'], /--schedule must be an integer from 1 to 10000, got '0'/],
    [['--batch', '0'], /--batch must be an integer from 1 to 65536, got '0'/],
    [['--batch='], /--batch must be an integer/],
    [['--learning-rate', '0'], /--learning-rate must be a positive number, got '0'/],
    [['--learning-rate', 'NaN'], /--learning-rate/],
    [['--learning-rate', 'Infinity'], /--learning-rate/],
    [['--seed', '4294967296'], /--seed must be an integer from 0 to 4294967295/],
    [['--threads', '0'], /--threads must be an integer from 1/],
    [['--data='], /--data needs a path/],
    [['--out='], /--out needs a path/],
    [['--data', 'd', '--subset'], /exclude each other/],
    [['--report', 'r', '--no-report'], /exclude each other/],
    [['--subset=yes'], /--subset/],
    [['stray'], /stray/],
  ])('refuses %j', (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError);
    expect(() => parseCommandLine(args)).toThrow(message);
  });
});

describe('the program', () => {
  it('answers a wrong option with one message and status 2', async () => {
    const { code, stdout, stderr } = await runExample(['--batch', 'x'], directory);
    expect(stderr).toBe("--batch must be an integer from 1 to 65536, got 'x'\nTry --help.\n");
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('prints its options with --help', async () => {
    const { code, stdout } = await runExample(['--help'], directory);
    expect(stdout).toBe(HELP);
    expect(code).toBe(0);
    for (const option of [
      'data',
      'subset',
      'epochs',
      'schedule',
      'batch',
      'learning-rate',
      'seed',
      'resume',
      'threads',
      'out',
      'no-report',
    ]) {
      expect(HELP).toContain(`--${option}`);
    }
  });
});

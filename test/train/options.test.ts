import { describe, expect, it } from 'vitest';
import { newSettings, parseTrainOptions, resumedSettings } from '../../dist/cli/trainOptions';
import { runTrain } from './trainCommand';

/** The message for a command line. */
function refusal(...args: string[]): string {
  try {
    const { given } = parseTrainOptions(args);
    newSettings(given);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`accepted: ${args.join(' ')}`);
}

const named = ['--model', 'lenet5', '--data', 'fashion-mnist'];

describe('options of train', () => {
  it.each([
    ['--epochs', '0', '--epochs must be an integer from 1 to 100000, given '],
    ['--epochs', '2.5', '--epochs must be an integer from 1 to 100000, given '],
    ['--batch', '', '--batch must be an integer from 1 to 65536, given '],
    ['--optimizer', 'lbfgs', '--optimizer must be one of sgd, adam, adamw, rmsprop, given '],
    ['--lr', '0', '--lr must be a number > 0, given '],
    ['--lr', 'fast', '--lr must be a number > 0, given '],
    ['--momentum', '1', '--momentum must be a number >= 0 and < 1, given '],
    ['--weight-decay', '-1', '--weight-decay'],
    ['--schedule', 'linear', '--schedule must be one of constant, step, cosine, given '],
    ['--step-epochs', '0', '--step-epochs must be a number > 0, given '],
    ['--step-factor', '2', '--step-factor must be a number >= 0 and <= 1, given '],
    ['--warmup', 'x', '--warmup must be a number >= 0, given '],
    ['--seed', '-1', '--seed'],
    ['--val-split', '1', '--val-split must be a number >= 0 and < 1, given '],
    ['--patience', '0', '--patience must be an integer >= 1, given '],
    ['--checkpoint-steps', '0', '--checkpoint-steps must be an integer >= 1, given '],
    ['--checkpoint-minutes', '0', '--checkpoint-minutes must be a number > 0, given '],
    ['--threads', '257', '--threads must be an integer from 1 to 256, given '],
    ['--workers', '65', '--workers must be an integer from 0 to 64, given '],
    ['--report', '', '--report needs a path'],
    ['--json', '', '--json needs a path'],
    ['--checkpoint', '', '--checkpoint needs a path'],
  ])('%s %j is refused', (option, value, message) => {
    const text = refusal(...named, option, value);
    expect(text).toContain('receptive train: ');
    expect(text).toContain(message.endsWith('given ') ? `${message}'${value}'` : message);
    expect(text).not.toContain('\n');
  });

  it('refuses what is missing, unknown or contradictory', () => {
    expect(refusal()).toContain('--model NAME or FILE is missing');
    expect(refusal('--model', 'lenet5')).toContain('--data fashion-mnist, images:DIR or module:FILE is missing');
    expect(refusal(...named, '--learning', '1')).toContain("Unknown option '--learning'");
    expect(refusal(...named, 'more')).toContain('more');
    expect(refusal(...named, '--resume', '--overwrite')).toContain('--resume and --overwrite exclude each other');
    expect(refusal(...named, '--checkpoint', 'none', '--resume')).toContain('--resume and --checkpoint none exclude');
    expect(refusal(...named, '--checkpoint', 'none', '--checkpoint-steps', '3')).toContain('--checkpoint-steps and');
  });

  it('has defaults that depend on the optimiser and the epochs', () => {
    const settings = (...args: string[]) => newSettings(parseTrainOptions([...named, ...args]).given);
    expect(settings()).toMatchObject({
      optimizer: 'sgd',
      learningRate: 0.05,
      momentum: 0.9,
      epochs: 10,
      stepEpochs: 4,
    });
    expect(settings('--optimizer', 'adamw', '--epochs', '6')).toMatchObject({
      ...{ learningRate: 0.001, momentum: 0, weightDecay: 0.01, stepEpochs: 2, normalise: true, resize: false },
    });
    expect(settings('--optimizer', 'rmsprop', '--lr', '0.5', '--no-normalise', '--resize')).toMatchObject({
      ...{ learningRate: 0.5, weightDecay: 0, normalise: false, resize: true },
    });
  });

  it('keeps the settings of a run that is resumed, but for the epochs', () => {
    const saved = newSettings(parseTrainOptions([...named, '--lr', '0.2']).given);
    expect(resumedSettings({}, saved)).toEqual(saved);
    expect(resumedSettings({ learningRate: 0.2, epochs: 30 }, saved)).toEqual({ ...saved, epochs: 30 });
    expect(() => resumedSettings({ learningRate: 0.1 }, saved)).toThrow(
      '--lr is 0.1, but the run to be resumed has 0.2',
    );
  });

  it('ends with status 2, one message and where to look, before anything is loaded', async () => {
    const env = { RECEPTIVE_ADDON: 'none.node' };
    expect(await runTrain(['--epochs', '0'], { env })).toMatchObject({
      code: 2,
      stdout: '',
      stderr:
        "receptive train: --epochs must be an integer from 1 to 100000, given '0'\nreceptive train --help lists the options\n",
    });
  });

  it('refuses names that stand for nothing with status 2', async () => {
    const message = async (...args: string[]) => {
      const { code, stderr } = await runTrain([...named, ...args]);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await message('--model', 'lenet6')).toMatch(
      /--model 'lenet6' is neither a file nor a model; models are lenet5/,
    );
    expect(await message('--data', 'mnist')).toMatch(/--data 'mnist' is no data set; allowed are fashion-mnist, /);
    expect(await message('--data', 'images:')).toMatch(/--data 'images:' needs a path after the colon: images:DIR/);
    expect(await message('--augment', 'blur')).toMatch(
      /--augment 'blur' is none of crop, resized-crop, flip, rotate, jitter/,
    );
    expect(await message('--augment', 'crop:0')).toMatch(
      /--augment crop:0: pixels of padding must be an integer from 1 to 64/,
    );
  });

  it('--help lists every option, and models and augmentations by name', async () => {
    const { code, stdout } = await runTrain(['--help']);
    expect(code).toBe(0);
    const options = ['model', 'data', 'epochs', 'batch', 'optimizer', 'lr', 'momentum', 'weight-decay', 'schedule'];
    options.push('step-epochs', 'step-factor', 'warmup', 'seed', 'augment', 'no-normalise', 'resize', 'val-split');
    options.push('patience', 'checkpoint', 'checkpoint-steps', 'checkpoint-minutes', 'resume', 'overwrite', 'report');
    for (const option of [...options, 'json', 'device', 'threads', 'workers', 'distributed'])
      expect(stdout).toContain(`\n  --${option} `);
    for (const name of ['lenet5', 'crop', 'resized-crop', 'flip', 'rotate', 'jitter']) expect(stdout).toContain(name);
  });
});

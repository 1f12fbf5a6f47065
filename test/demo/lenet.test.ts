import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { crossEntropy, grad, ones, type Tensor, tidy } from 'receptive';
import { DataLoader, fashionMnist, normalise } from 'receptive/data';
import { loadSafetensors } from 'receptive/io';
import { beforeAll, describe, expect, it } from 'vitest';
import { lenet } from '../../examples/lenet';
import { SUBSET_DIRECTORY } from '../../examples/lib/dataset.mjs';
import {
  backward,
  disposeParameters,
  forward,
  initialParameters,
  PARAMETER_NAMES,
  type Parameters,
} from '../../examples/lib/network.mjs';
import { type Outcome, runFile } from '../support/child';
import { temporaryFolder } from '../support/temporaryFolder';
import { writeSmallDataset } from './dataFiles';

// The two forms of one example: what the explicit one computes kernel by kernel is what nn, optim and the tape compute.

const directory = temporaryFolder();
const at = (name: string): string => join(directory, name);
const run = (...args: string[]): Promise<Outcome> => runFile('build/examples/lenet.js', { args });

/** Largest difference, relative to the largest value of the second. */
function difference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  const [found, expected] = [a.dataSync(), b.dataSync()];
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0) / scale;
}

describe('the network of modules', () => {
  it('has the parameters of the explicit one, and begins with the same weights', () => {
    const model = lenet(3);
    const parameters = initialParameters(3);
    const named = Object.fromEntries(model.namedParameters());
    expect(Object.keys(named)).toEqual([...PARAMETER_NAMES]);
    for (const name of PARAMETER_NAMES) {
      if (name.endsWith('.bias')) expect([...named[name].dataSync()]).toEqual([...parameters[name].dataSync()]);
      else expect(difference(named[name], parameters[name]), name).toBeLessThan(1e-6);
    }
    disposeParameters(parameters);
    model.dispose();
  });

  it('has the loss and the gradients of the explicit one in the first step', async () => {
    const model = lenet(1);
    const parameters = initialParameters(2);
    model.loadStateDict({ tensors: parameters });
    const split = await fashionMnist({ folder: SUBSET_DIRECTORY, split: 'train' });
    const loader = new DataLoader(split, { batchSize: 32, shuffle: true, transform: normalise(0.286, 0.353) });
    for await (const { images, labels } of loader) {
      const loss = tidy(() => crossEntropy(model.call(images), labels));
      loss.backward();
      const explicit = tidy((): Parameters & { loss: Tensor } => {
        const saved = forward(parameters, images);
        const gradients = backward(parameters, saved, grad.crossEntropy(ones([]), saved.logits, labels));
        return { ...gradients, loss: crossEntropy(saved.logits, labels) };
      });
      expect(difference(loss, explicit.loss)).toBeLessThan(1e-6);
      for (const [name, { grad: gradient }] of model.namedParameters()) {
        expect(difference(gradient as Tensor, explicit[name as keyof Parameters]), name).toBeLessThan(1e-5);
      }
      for (const tensor of [images, labels, loss, explicit.loss]) tensor.dispose();
      disposeParameters(explicit);
      break;
    }
    model.dispose();
    disposeParameters(parameters);
  });
});

describe('examples/lenet.ts', () => {
  const data = at('data');
  let trained: Outcome;

  beforeAll(async () => {
    mkdirSync(data);
    // 320 images, whole batches: both forms of the example then count a part of an epoch alike.
    await writeSmallDataset(data, { train: 32, test: 10 });
    trained = await run('--data', data, '--epochs', '2', '--out', at('modules'));
  }, 60_000);

  it('trains to the weights that the explicit example trains to', async () => {
    expect(trained).toMatchObject({ code: 0, stderr: '' });
    const args = ['--data', data, '--epochs', '2', '--out', at('explicit'), '--no-report'];
    const explicit = await runFile('examples/lenetExplicit.mjs', { args });
    expect(explicit).toMatchObject({ code: 0, stderr: '' });
    const [a, b] = [await loadSafetensors(at('modules')), await loadSafetensors(at('explicit'))];
    for (const name of PARAMETER_NAMES) {
      const [found, expected] = [a[`model.${name}`], b[`parameters.${name}`]] as Tensor[];
      // Rounding, through 20 steps.
      expect(difference(found, expected), name).toBeLessThan(1e-3);
    }
    for (const tensor of [...Object.values(a), ...Object.values(b)]) tensor.dispose();
    const accuracy = (text: string): number => Number(/^Test accuracy: ([\d.]+)%/m.exec(text)?.[1]);
    // Of 100 images, two that are nearly in two classes at once.
    expect(Math.abs(accuracy(trained.stdout) - accuracy(explicit.stdout))).toBeLessThanOrEqual(2);
  }, 60_000);

  it('prints a line per epoch, then the table of classes', () => {
    expect(trained.stdout).toContain(`${data}): 320 training, 100 test images`);
    expect(trained.stdout).toMatch(/^epoch 1\/2 {2}loss \d\.\d{4} {2}test accuracy \d+\.\d% {2}\d/m);
    expect(trained.stdout).toMatch(/^Ankle boot +\d+\.\d% +\d+\/10/m);
  });

  it('continues from what it saved: nothing is left here, so that it only evaluates', async () => {
    const again = await run('--data', data, '--epochs', '2', '--resume', at('modules'));
    expect(again.stdout).not.toMatch(/^epoch/m);
    const table = (text: string): string => text.slice(text.indexOf('Test accuracy per class'));
    expect(table(again.stdout)).toBe(table(trained.stdout));
  }, 60_000);

  it('learns from a part of an epoch of the shipped subset', async () => {
    const { stdout, code } = await run('--subset', '--epochs', '1', '--steps', '60');
    expect(code).toBe(0);
    // Chance is 0.1, with a standard deviation of 0.01 over 1,000 images.
    expect(Number(/^Test accuracy: ([\d.]+)%$/m.exec(stdout)?.[1])).toBeGreaterThan(50);
  }, 60_000);

  it('refuses wrong options in one line', async () => {
    for (const args of [['--epochs', 'x'], ['--unknown']]) {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

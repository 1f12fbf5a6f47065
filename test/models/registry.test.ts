import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed, noGrad, randn, tidy } from 'receptive';
import { loadSafetensors, saveSafetensors } from 'receptive/io';
import * as library from 'receptive/models';
import { createModel, type ModelName, modelNames, models } from 'receptive/models';
import { skipInit } from 'receptive/nn';
import { afterAll, describe, expect, it } from 'vitest';
import { expectThrows } from '../support/errors';
import { smallModels } from '../support/models';

const folder = mkdtempSync(join(tmpdir(), 'receptive-models-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the registry', () => {
  it('has every model of the library', () => {
    const notModels = ['createModel', 'trainingLogits', 'weightedLoss'];
    const functions = Object.entries(library)
      .filter(([name, value]) => typeof value === 'function' && !/^[A-Z]/.test(name) && !notModels.includes(name))
      .map(([name]) => name);
    expect([...modelNames].sort()).toEqual(functions.sort());
    expect(Object.keys(models)).toEqual(modelNames);
    for (const name of modelNames) expect(models[name].create).toBe(library[name]);
  });

  it('has a small form of each for the tests', () => {
    const names = new Set(smallModels.map(({ name }) => name.split(',')[0]));
    expect([...names].sort()).toEqual([...modelNames].sort());
  });

  it('makes models by name, with options', () => {
    using model = createModel('mobilenetV2', { classes: 7, channels: 2, dtype: 'float64' });
    expect(model.parameters().at(-1)?.shape).toEqual([7]);
    expect(model.parameters().at(-1)?.dtype).toBe('float64');
    expect(model.parameters()[0].shape).toEqual([32, 2, 3, 3]);
    expectThrows(() => createModel('resnet' as ModelName), 'ArgumentError', /createModel: name must be .*resnet18/);
    expectThrows(() => createModel('toString' as ModelName), 'ArgumentError', /createModel: name/);
  });

  it.each(modelNames)('%s checks its options', (name) => {
    const { create } = models[name];
    const message = new RegExp(`^${name}: `);
    skipInit(() => {
      expectThrows(() => create({ classes: 0 }), 'ArgumentError', message, /classes/);
      expectThrows(() => create({ channels: -1 }), 'ArgumentError', message, /channels/);
      expectThrows(() => create({ dtype: 'uint8' as never }), 'DTypeError', message, /dtype/);
      expectThrows(() => create({ device: 'abacus' }), 'DeviceError', message, /device/);
      expectThrows(() => create({ depth: 3 } as never), 'ArgumentError', message, /depth/);
      expectThrows(() => create(3 as never), 'ArgumentError', message);
    });
  });

  it.each([
    ['alexnet', { variant: 'three-columns' }],
    ['alexnet', { hidden: 0 }],
    ['zfnet', { hidden: 0.5 }],
    ['vgg16', { dropout: 1.5 }],
    ['vgg19', { dropout: Number.NaN }],
    ['preluNet', { hidden: '64' }],
    ['squeezenet', { version: '2' }],
    ['squeezenet', { dropout: -1 }],
    ['mobilenetV2', { width: 0 }],
    ['mobilenetV2', { width: Infinity }],
    ['mobilenetV2', { dropout: 2 }],
  ] as const)('%s refuses %j', (name, options) => {
    const [option] = Object.keys(options);
    const message = new RegExp(`^${name}: ${option}`);
    expectThrows(() => models[name].create(options as never), 'ArgumentError', message);
  });
});

describe('states', { timeout: 120_000 }, () => {
  const chosen = smallModels.filter(({ name }) => /^(lenet5|googlenet|resnet18|squeezenet|mobilenetV2)$/.test(name));
  it.each(chosen)('of $name go through a file', async ({ name, make, channels, smallest }) => {
    manualSeed(5);
    using from = make();
    using to = skipInit(make);
    const file = join(folder, `${name}.safetensors`);
    await saveSafetensors(file, from.stateDict().tensors);
    const tensors = await loadSafetensors(file);
    expect(to.loadStateDict({ tensors })).toEqual({ missing: [], unexpected: [] });
    for (const one of Object.values(tensors)) one.dispose();
    tidy(() => {
      const x = randn([2, channels, smallest, smallest]);
      const [a, b] = [from, to].map((model) => noGrad(() => model.eval().call(x).dataSync()));
      expect(b).toEqual(a);
    });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed, mul, ones, randn, sum, tidy, zeros } from 'receptive';
import { loadCheckpoint, loadSafetensors, saveCheckpoint, saveSafetensors } from 'receptive/io';
import { BatchNorm1d, Linear, ReLU, Sequential } from 'receptive/nn';
import { SGD } from 'receptive/optim';
import { afterAll, describe, expect, it } from 'vitest';
import { expectSame } from '../support/compare';
import { expectThrows } from '../support/errors';
import { read } from '../support/tensors';

const folder = mkdtempSync(join(tmpdir(), 'receptive-nn-'));
afterAll(() => rmSync(folder, { recursive: true }));

function model(seed: number): Sequential {
  manualSeed(seed);
  return new Sequential({ fc: new Linear(3, 4), norm: new BatchNorm1d(4), act: new ReLU(), out: new Linear(4, 2) });
}

/** Steps with gradients that change everything, running statistics too. */
function train(net: Sequential): void {
  using optimizer = new SGD(net.parameters(), { learningRate: 0.1 });
  tidy(() => {
    const y = net.call(randn([5, 3]));
    sum(mul(y, y)).backward();
    optimizer.step();
    optimizer.zeroGrad();
  });
}

const everything = (net: Sequential) =>
  Object.fromEntries(Object.entries(net.stateDict().tensors).map(([name, t]) => [name, read(t)]));

function expectEqualStates(a: ReturnType<typeof everything>, b: ReturnType<typeof everything>): void {
  expect(Object.keys(a)).toEqual(Object.keys(b));
  for (const [name, one] of Object.entries(a)) expectSame(one, b[name], name);
}

describe('states', () => {
  it('have PyTorch-like names and go from one model to another', () => {
    using from = model(1);
    using to = model(2);
    train(from);
    const { tensors, values } = from.stateDict();
    expect(values).toEqual({});
    expect(Object.keys(tensors)).toEqual([
      ...['fc.weight', 'fc.bias', 'norm.weight', 'norm.bias', 'norm.running_mean', 'norm.running_var'],
      ...['out.weight', 'out.bias'],
    ]);
    expect(tensors['fc.weight']).toBe((from.at(0) as Linear).weight);
    expect(to.loadStateDict(from.stateDict())).toEqual({ missing: [], unexpected: [] });
    expectEqualStates(everything(to), everything(from));
    expect(to.parameters().every((p) => p.requiresGrad)).toBe(true);
    tidy(() => {
      const x = randn([2, 3]);
      expectSame(read(to.eval().call(x)), read(from.eval().call(x)));
    });
  });

  it('that do not fit change nothing', () => {
    using net = model(1);
    using other = model(2);
    const before = everything(net);
    tidy(() => {
      const good = other.stateDict().tensors;
      const { 'out.bias': _, ...fewer } = good;
      const without = { tensors: fewer };
      expectThrows(
        () => net.loadStateDict(without),
        'ArgumentError',
        /the state lacks out.bias; the module lacks none/,
      );
      const more = { tensors: { ...good, 'out.scale': ones([1]) } };
      expectThrows(() => net.loadStateDict(more), 'ArgumentError', /the state lacks none; the module lacks out.scale/);
      const wrong = (tensor: unknown) => ({ tensors: { ...good, 'out.bias': tensor as never } });
      const shape = wrong(zeros([3]));
      expectThrows(() => net.loadStateDict(shape), 'ShapeError', /'out.bias' has shape \[3\], the module's has \[2\]/);
      expectThrows(() => net.loadStateDict(shape, { strict: false }), 'ShapeError');
      const dtype = wrong(zeros([2], { dtype: 'float64' }));
      expectThrows(() => net.loadStateDict(dtype), 'DTypeError', /'out.bias' is float64, the module's is float32/);
      const gone = zeros([2]);
      gone.dispose();
      expectThrows(() => net.loadStateDict(wrong(gone)), 'DisposedError', /'out.bias'/);
      expectThrows(() => net.loadStateDict(wrong(3)), 'ArgumentError', /'out.bias' must be a Tensor, given 3/);
      expectThrows(() => net.loadStateDict(null as never), 'ArgumentError', /Sequential.loadStateDict: state must be/);
      expectThrows(() => net.loadStateDict(without, { strict: 0 as never }), 'ArgumentError', /strict/);
    });
    expectEqualStates(everything(net), before);
  });

  it('that fit in part are taken in part where that is asked for', () => {
    using net = model(1);
    using other = model(2);
    const before = everything(net);
    tidy(() => {
      const { 'out.bias': _, ...fewer } = other.stateDict().tensors;
      const tensors = { ...fewer, 'out.scale': ones([1]) };
      const names = net.loadStateDict({ tensors }, { strict: false });
      expect(names).toEqual({ missing: ['out.bias'], unexpected: ['out.scale'] });
    });
    expectSame(everything(net)['out.bias'], before['out.bias']);
    expectSame(everything(net)['fc.weight'], everything(other)['fc.weight']);
  });

  it('let the count of batches pass that PyTorch has beside running statistics', () => {
    using net = model(1);
    using other = model(2);
    using count = zeros([], { dtype: 'int32' });
    net.loadStateDict({ tensors: { ...other.stateDict().tensors, 'norm.num_batches_tracked': count } });
    expectEqualStates(everything(net), everything(other));
    const stray = { tensors: { ...other.stateDict().tensors, 'out.num_batches_tracked': count } };
    expectThrows(() => net.loadStateDict(stray), 'ArgumentError', /out.num_batches_tracked/);
  });

  it('survive files: safetensors and checkpoints', async () => {
    using from = model(1);
    train(from);
    const weights = join(folder, 'weights.safetensors');
    await saveSafetensors(weights, from.stateDict().tensors);
    using viaWeights = model(2);
    const tensors = await loadSafetensors(weights);
    viaWeights.loadStateDict({ tensors });
    for (const tensor of Object.values(tensors)) tensor.dispose();
    expectEqualStates(everything(viaWeights), everything(from));
    const file = join(folder, 'checkpoint.safetensors');
    await saveCheckpoint(file, { parts: { model: from } });
    using viaCheckpoint = model(3);
    await loadCheckpoint(file, { parts: { model: viaCheckpoint } });
    expectEqualStates(everything(viaCheckpoint), everything(from));
  });
});

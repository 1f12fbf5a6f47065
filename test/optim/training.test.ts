import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  crossEntropy,
  linear,
  manualSeed,
  matmul,
  mseLoss,
  mul,
  noGrad,
  randint,
  randn,
  relu,
  scale_,
  sumSquares,
  type Tensor,
  tidy,
} from 'receptive';
import { loadCheckpoint, saveCheckpoint } from 'receptive/io';
import {
  Adam,
  AdamW,
  clipGradNorm,
  clipGradValue,
  cosineLr,
  LrScheduler,
  type Optimizer,
  ReduceOnPlateau,
  RMSprop,
  SGD,
} from 'receptive/optim';
import { afterAll, describe, expect, it } from 'vitest';
import { ndarray } from '../reference/ndarray';
import { expectSame } from '../support/compare';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import { read, toTensor } from '../support/tensors';

const folder = mkdtempSync(join(tmpdir(), 'receptive-optim-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Weights of two layers, which require grad, the same for the same seed. */
function network(seed: number): Tensor[] {
  manualSeed(seed);
  const weights = tidy(() => [randn([16, 6]), randn([16]), randn([3, 16]), randn([3])].map((w) => mul(w, 0.5)));
  for (const weight of weights) weight.requiresGrad = true;
  return weights;
}

/** One step on the numbers of a seed; the loss before it. */
function train([w1, b1, w2, b2]: readonly Tensor[], optimizer: Optimizer, seed: number): number {
  manualSeed(seed);
  return tidy(() => {
    const x = randn([8, 6]);
    const labels = randint(0, 3, [8]);
    const loss = crossEntropy(linear(relu(linear(x, w1, b1)), w2, b2), labels);
    loss.backward();
    clipGradNorm([w1, b1, w2, b2], 1);
    optimizer.step();
    optimizer.zeroGrad();
    return loss.item();
  });
}

const release = (...tensors: Tensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};

describeOnDevices('training', () => {
  it.each([
    ['SGD', (p: Tensor[]) => new SGD(p, { learningRate: 0.05, momentum: 0.9 })],
    ['Adam', (p: Tensor[]) => new Adam(p, { learningRate: 0.05 })],
    ['AdamW', (p: Tensor[]) => new AdamW(p, { learningRate: 0.05 })],
    ['RMSprop', (p: Tensor[]) => new RMSprop(p, { learningRate: 0.05 })],
  ] as [string, (p: Tensor[]) => Optimizer][])('%s recovers the weights of a linear map by the tape', (_, make) => {
    manualSeed(1);
    const [truth, x, weight] = [randn([5, 3]), randn([64, 5]), randn([5, 3])];
    weight.requiresGrad = true;
    const optimizer = make([weight]);
    const scheduler = new LrScheduler(optimizer, cosineLr(300));
    const losses: number[] = [];
    for (let i = 0; i < 300; i++) {
      tidy(() => {
        const loss = mseLoss(matmul(x, weight), matmul(x, truth));
        loss.backward();
        losses.push(loss.item());
        optimizer.step();
        optimizer.zeroGrad();
        scheduler.step();
      });
    }
    expect(losses[299]).toBeLessThan(losses[0] / 1000);
    expect([weight.requiresGrad, weight.grad]).toEqual([true, null]);
    for (const state of Object.values(optimizer.stateDict().tensors)) expect(state.requiresGrad).toBe(false);
    optimizer.dispose();
    release(truth, x, weight);
  });

  it('continues from a checkpoint, bit for bit', async () => {
    const file = join(folder, 'run.safetensors');
    const weights = network(1);
    const optimizer = new Adam(weights, { learningRate: 0.1, weightDecay: 0.01 });
    const scheduler = new LrScheduler(optimizer, cosineLr(12));
    const plateau = new ReduceOnPlateau(optimizer, { patience: 1 });
    const run = (from: number, to: number, p: Tensor[], o: Optimizer, s: LrScheduler, r: ReduceOnPlateau): number[] => {
      const losses: number[] = [];
      for (let i = from; i < to; i++) {
        losses.push(train(p, o, 100 + i));
        s.step();
        r.step(losses.at(-1) as number);
      }
      return losses;
    };
    run(0, 5, weights, optimizer, scheduler, plateau);
    await saveCheckpoint(file, { parts: { optimizer, scheduler, plateau } });
    const other = weights.map((weight) => noGrad(() => weight.clone()));
    for (const weight of other) weight.requiresGrad = true;
    const expected = run(5, 12, weights, optimizer, scheduler, plateau);

    const restored = new Adam(other);
    const restoredScheduler = new LrScheduler(restored, cosineLr(12));
    const restoredPlateau = new ReduceOnPlateau(restored, { patience: 1 });
    const parts = { optimizer: restored, scheduler: restoredScheduler, plateau: restoredPlateau };
    await loadCheckpoint(file, { parts });
    expect(run(5, 12, other, restored, restoredScheduler, restoredPlateau)).toEqual(expected);
    for (const [i, weight] of weights.entries()) expectSame(read(other[i]), read(weight));
    optimizer.dispose();
    restored.dispose();
    release(...weights, ...other);
  });

  it('clips within no graph, gradients of gradients too', () => {
    tidy(() => {
      const weight = toTensor(ndarray([2], [3, 4]), 'float32');
      weight.requiresGrad = true;
      weight.grad = mul(weight, 1);
      expect(clipGradNorm([weight], 2.5).requiresGrad).toBe(false);
      clipGradValue([weight], 1.75);
      const [a, b] = (weight.grad as Tensor).dataSync();
      expect(a).toBeCloseTo(1.5, 5);
      expect(b).toBe(1.75);
    });
  });

  describe('in place on what requires grad', () => {
    it('is refused outside of noGrad()', () => {
      tidy(() => {
        const weight = toTensor(ndarray([2], [3, 4]), 'float32');
        weight.requiresGrad = true;
        expectThrows(() => scale_(weight, 2), 'ReceptiveError', /^scale_: .*noGrad/);
      });
    });

    it('is refused for results of operations by the optimizers themselves', () => {
      tidy(() => {
        const weight = toTensor(ndarray([2], [3, 4]), 'float32');
        weight.requiresGrad = true;
        const result = mul(weight, 2);
        expectThrows(() => new Adam([weight, result]), 'ArgumentError', /^Adam: parameters\[1\] is the result of mul/);
      });
    });
  });

  it('differentiates a penalty on the weights', () => {
    tidy(() => {
      const weight = toTensor(ndarray([2], [3, -4]), 'float32');
      weight.requiresGrad = true;
      mul(sumSquares(weight), 0.5).backward();
      expectSame(read(weight.grad as Tensor), ndarray([2], [3, -4]));
      weight.grad?.dispose();
    });
  });
});

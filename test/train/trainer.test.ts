import { manualSeed, memoryStats, randint, randn, synchronize, tensor, tidy } from 'receptive';
import { arrayDataset, DataLoader } from 'receptive/data';
import { Dropout, Flatten, Linear, Sequential } from 'receptive/nn';
import { constantLr, LrScheduler, SGD } from 'receptive/optim';
import { describe, expect, it } from 'vitest';
import { countHits, hitsByPlace } from '../../dist/train/accuracy';
import { mpiTeam } from '../../dist/train/processes';
import type { RunState } from '../../dist/train/records';
import { LaggingReads } from '../../dist/train/step';
import { alone, type Team } from '../../dist/train/team';
import { Trainer, type TrainerOptions } from '../../dist/train/trainer';
import { describeOnDevices } from '../support/devices';
import { expectRejects } from '../support/errors';
import { noMpi } from '../support/mpi';
import { Random, testSeed } from '../support/random';

/** 60 images [1, 3, 2] of noise with labels of 7 classes, in batches of 16. */
function loader(seed: number): DataLoader {
  const random = new Random(`trainer ${seed}`);
  const images = Float32Array.from({ length: 60 * 6 }, () => random.next());
  const labels = Array.from({ length: 60 }, (_, i) => i % 7);
  return new DataLoader(arrayDataset(images, labels, [1, 3, 2]), { batchSize: 16, shuffle: true, seed });
}

/** A run whose parts the caller releases by `end()`. */
function makeRun(learningRate: number, options: Partial<TrainerOptions> = {}) {
  manualSeed(5);
  const model = new Sequential([new Flatten(), new Dropout(0.1), new Linear(6, 7)]);
  const optimizer = new SGD(model.parameters(), { learningRate, momentum: 0.9 });
  const scheduler = new LrScheduler(optimizer, constantLr());
  const parts = { model, optimizer, scheduler, train: loader(1), validation: loader(2) };
  const trainer = new Trainer({ ...parts, epochs: 3, ...options });
  return {
    ...{ trainer, model, optimizer },
    end: () => {
      optimizer.dispose();
      model.dispose();
    },
  };
}

/** By plain loops: classes in descending order of their logits, the first of equal ones first. */
function placesOf(logits: readonly number[][], labels: readonly number[]): number[] {
  return logits.map((row, n) => {
    const label = labels[n];
    return row.filter((value, c) => value > row[label] || (value === row[label] && c < label)).length;
  });
}

describeOnDevices('hits by place', () => {
  it.each([
    [37, 11],
    [20, 5],
    [20, 3],
    [1, 1],
  ])('are those of a plain reference for %i images of %i classes', async (count, classes) => {
    manualSeed(testSeed);
    // Few different values: many are equal.
    const logits = tidy(() => randint(0, 6, [count, classes]).cast('float32'));
    const labels = randint(0, classes, [count]);
    const places = placesOf((await logits.toArray()) as number[][], Array.from(await labels.data()));
    const hits = hitsByPlace(logits, labels);
    const width = Math.min(5, classes);
    expect(hits.shape).toEqual([width]);
    expect(Array.from(await hits.data())).toEqual(
      Array.from({ length: width }, (_, place) => places.filter((one) => one === place).length),
    );
    expect(countHits(await hits.data())).toEqual({
      correct: places.filter((place) => place === 0).length,
      correct5: places.filter((place) => place < 5).length,
    });
    for (const t of [logits, labels, hits]) t.dispose();
  });

  it('count no answer twice where all logits are equal', async () => {
    const logits = tensor(new Float32Array(6 * 8), { shape: [6, 8] });
    const labels = tensor([0, 1, 4, 5, 7, 0], { dtype: 'int32' });
    const hits = hitsByPlace(logits, labels);
    expect(countHits(await hits.data())).toEqual({ correct: 2, correct5: 4 });
    for (const t of [logits, labels, hits]) t.dispose();
  });

  it('record nothing and leave nothing behind', () => {
    const before = memoryStats().tensors;
    const logits = randn([4, 6], { requiresGrad: true });
    const labels = randint(0, 6, [4]);
    const hits = hitsByPlace(logits, labels);
    expect(hits.requiresGrad).toBe(false);
    for (const t of [logits, labels, hits]) t.dispose();
    expect(memoryStats().tensors).toBe(before);
  });
});

describe('Trainer', () => {
  it('ends when the validation loss has not fallen for as many epochs as its patience', async () => {
    // Nothing is learnt: every validation gives the same loss, and the first epoch stays the best.
    const saved: string[] = [];
    const keeper = {
      saveLast: async (state: RunState) => void saved.push(`last ${state.epoch}`),
      saveBest: async (state: RunState) => void saved.push(`best ${state.epoch}`),
    };
    const { trainer, end } = makeRun(0, { epochs: 10, patience: 2, keeper });
    expect(await trainer.run()).toBe('patience');
    const { history, best, epoch } = trainer.state;
    expect([history.length, best?.epoch, epoch]).toEqual([3, 1, 3]);
    expect(new Set(history.map(({ validation }) => validation.loss)).size).toBe(1);
    expect(saved).toEqual(['best 1', 'last 1', 'last 2', 'last 3']);
    end();
  });

  it('goes on with patience as long as the loss falls', async () => {
    const { trainer, end } = makeRun(1e-4, { epochs: 4, patience: 1, validation: loader(1) });
    expect(await trainer.run()).toBe('finished');
    const losses = trainer.state.history.map(({ validation }) => validation.loss);
    expect([...losses].sort((a, b) => b - a)).toEqual(losses);
    expect(trainer.state.best?.epoch).toBe(4);
    end();
  });

  it('saves after so many steps, and so many seconds', async () => {
    const steps: number[] = [];
    const keeper = { saveLast: async (state: RunState) => void steps.push(state.batch), saveBest: async () => {} };
    const first = makeRun(0.1, { epochs: 2, keeper, saveSteps: 3 });
    await first.trainer.run();
    first.end();
    // Steps are counted from one save to the next, and an epoch of 4 steps ends with one.
    expect(steps).toEqual([3, 0, 3, 0]);
    steps.length = 0;
    const second = makeRun(0.1, { epochs: 1, keeper, saveSeconds: 0 });
    await second.trainer.run();
    second.end();
    expect(steps).toEqual([1, 2, 3, 4, 0]);
  });

  it('fails with what a save fails with, and with the error of a step', async () => {
    const keeper = { saveLast: () => Promise.reject(new Error('disk full')), saveBest: async () => {} };
    const first = makeRun(0.1, { keeper });
    await expect(first.trainer.run()).rejects.toThrow('disk full');
    first.end();
    const wrong = new DataLoader(arrayDataset(new Float32Array(6), [9], [1, 3, 2]), { batchSize: 1 });
    const second = makeRun(0.1, { train: wrong });
    await expectRejects(second.trainer.run(), 'IndexError', /index 9 at position 0 is not in \[0, 7\)/);
    // What else the step had enqueued fails too.
    await synchronize().catch(() => {});
    second.end();
  });

  it('stops between two steps when its signal aborts, and says where it is', async () => {
    const controller = new AbortController();
    const { trainer, end } = makeRun(0.1, {
      signal: controller.signal,
      observer: { step: () => controller.abort() },
    });
    expect(await trainer.run()).toBe('interrupted');
    const { epoch, batch, meter, history } = trainer.state;
    expect([epoch, history]).toEqual([0, []]);
    expect(batch).toBeGreaterThan(0);
    // Every step taken has its result in the meter.
    expect(meter?.steps).toBe(batch);
    end();
  });

  it('takes no more memory after 300 steps than after 20', () => expectSteadyMemory(alone));

  it.skipIf(noMpi !== null)('takes no more memory either where it reduces its gradients', async () => {
    const team = await mpiTeam();
    await expectSteadyMemory(team);
    await team.leave();
  });

  async function expectSteadyMemory(team: Team): Promise<void> {
    const seen: { bytes: number; tensors: number }[] = [];
    const epochEnds = { endEpoch: () => void seen.push(used()) };
    const { trainer, model, end } = makeRun(0.01, { epochs: 75, observer: epochEnds, team });
    await team.join(model, '');
    await trainer.run();
    expect(trainer.state.history).toHaveLength(75);
    expect(seen[74]).toEqual(seen[4]);
    end();
  }

  const used = () => {
    const { allocatedBytes: bytes, tensors } = memoryStats();
    return { bytes, tensors };
  };
});

describe('LaggingReads', () => {
  it('gives results in order, and waits for those before the last two only', async () => {
    const used: number[] = [];
    const settle: ((value: number) => void)[] = [];
    const reads = new LaggingReads<number>(2, (value) => void used.push(value));
    const push = () => reads.push(new Promise<number>((resolve) => settle.push(resolve)));
    await push();
    await push();
    let third = false;
    const waiting = push().then(() => {
      third = true;
    });
    settle[1](1);
    await new Promise(setImmediate);
    expect([third, used]).toEqual([false, []]);
    settle[0](0);
    await waiting;
    expect(used).toEqual([0]);
    settle[2](2);
    await reads.drain();
    expect(used).toEqual([0, 1, 2]);
  });
});

import { crossEntropy, manualSeed, type Tensor, tensor, tidy } from 'receptive';
import { type Replicas, replicate } from 'receptive/distributed';
import { BatchNorm2d, Dropout, Linear, type Module, Sequential } from 'receptive/nn';
import { SGD } from 'receptive/optim';
import { describe, expect, it } from 'vitest';
import { availableDevices, floatDTypes } from '../support/devices';
import { expectRejects } from '../support/errors';
import { seeded, train } from '../support/programs/distributed/training.mjs';

const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((total, v) => total + v * v, 0));
const distance = (a: readonly number[], b: readonly number[]): number => norm(a.map((v, i) => v - b[i])) / norm(b);
const numbers = (tensors: readonly (Tensor | null)[]): number[][] => tensors.map((t) => [...(t as Tensor).dataSync()]);

const linear = () => new Linear(2, 3);
const lossOf = (net: Module, x: Tensor, t: Tensor<'int32'>): Tensor => tidy(() => crossEntropy(net.call(x), t));
const batch = (n: number) =>
  [
    tensor(
      Float32Array.from({ length: 2 * n }, (_, i) => Math.sin(i)),
      { shape: [n, 2] },
    ),
    tensor(Int32Array.from({ length: n }, (_, i) => i % 3)),
  ] as const;

describe('training on several devices of a process is training on one', () => {
  const pairs = [['cpu', 'cpu'], ['cpu', 'cpu', 'cpu'], ['cpu'], [...availableDevices, ...availableDevices]];
  it.each(
    pairs.flatMap((devices) => floatDTypes.flatMap((dtype) => [7, 8].map((samples) => ({ devices, dtype, samples })))),
  )('$devices, $dtype, $samples samples', async ({ devices, dtype, samples }) => {
    const steps = 3;
    const reference = seeded(100, dtype);
    const expected = await train(reference, { dtype, samples, steps });
    reference.dispose();
    let next = 100; // each replica begins with other parameters
    const replicas = (await replicate(() => seeded(next++, dtype), { devices, bucketBytes: 2000 })) as Replicas<Module>;
    const record = await train(replicas.model, { dtype, samples, steps, replicas });
    const bound = dtype === 'float64' ? 1e-12 : 1e-5;
    expect(distance(record.losses, expected.losses)).toBeLessThan(bound);
    for (let step = 0; step < steps; step++) {
      for (const [i, gradient] of expected.gradients[step].entries()) {
        expect(norm(gradient)).toBeGreaterThan(1e-3);
        expect(distance(record.gradients[step][i], gradient), `gradient ${i} of step ${step}`).toBeLessThan(bound);
      }
    }
    for (const [i, value] of expected.parameters.entries())
      expect(distance(record.parameters[i], value)).toBeLessThan(bound);
    replicas.dispose();
  });
});

describe('replicas', () => {
  it('give the same bits each time', async () => {
    const run = async () => {
      manualSeed(3);
      const replicas = await replicate(() => new Sequential([new Dropout(0.4), new Linear(2, 3)]), {
        devices: ['cpu', 'cpu'],
      });
      const [x, t] = batch(5);
      const optimizer = new SGD(replicas.model.parameters(), { learningRate: 0.5 });
      for (let i = 0; i < 4; i++) {
        (await replicas.backward([x, t], lossOf)).dispose();
        optimizer.step();
        optimizer.zeroGrad();
      }
      const result = numbers(replicas.model.parameters());
      replicas.dispose();
      x.dispose();
      t.dispose();
      return result;
    };
    expect(await run()).toEqual(await run());
  });

  it('train with fewer samples than devices', async () => {
    manualSeed(1);
    const replicas = await replicate(linear, { devices: ['cpu', 'cpu', 'cpu'] });
    manualSeed(1);
    const one = linear();
    const [x, t] = batch(2);
    const loss = await replicas.backward([x, t], lossOf);
    const expected = lossOf(one, x, t);
    expected.backward();
    expect(Math.abs(loss.item() - expected.item())).toBeLessThan(1e-6);
    expect(loss.requiresGrad).toBe(false);
    const [gradients, wanted] = [replicas.model, one].map((model) =>
      numbers(model.parameters().map(({ grad }) => grad)),
    );
    for (const [i, gradient] of wanted.entries()) expect(distance(gradients[i], gradient)).toBeLessThan(1e-5);
    for (const t2 of [x, t, loss, expected]) t2.dispose();
    one.dispose();
    replicas.dispose();
  });

  it('do as the model in training and inference, and take over its buffers', async () => {
    const nets: Sequential[] = [];
    const make = () => {
      const net = new Sequential([new Linear(2, 3)]);
      nets.push(net);
      return net;
    };
    const replicas = await replicate(make, { devices: ['cpu', 'cpu'] });
    replicas.model.eval();
    const [x, t] = batch(4);
    (await replicas.backward([x, t], lossOf)).dispose();
    expect(nets.map(({ training }) => training)).toEqual([false, false]);
    // Only the first one keeps gradients.
    expect(nets.map((net) => net.parameters().every(({ grad }) => grad !== null))).toEqual([true, false]);
    replicas.dispose();

    const norms: BatchNorm2d[] = [];
    const more = await replicate(() => norms[norms.push(new BatchNorm2d(2)) - 1], { devices: ['cpu', 'cpu'] });
    const images = tensor(
      Float32Array.from({ length: 16 }, (_, i) => i * i),
      { shape: [4, 2, 2, 1] },
    );
    const run = () => more.backward([images], (net, part) => net.call(part).reshape([-1]).slice(0, 1).reshape([]));
    for (let i = 0; i < 2; i++) {
      (await run()).dispose();
      more.model.zeroGrad();
    }
    // The second began its last step as the first ended the one before.
    const [a, b] = norms.map((one) => [...(one.runningMean as Tensor).dataSync()]);
    expect(a).not.toEqual(b);
    const expected = (mean: number, before: number) => before * 0.9 + mean * 0.1;
    // Channel 0 of samples 0, 1: squares of 0, 1, 4, 5; of samples 2, 3: of 8, 9, 12, 13.
    const first = (0 + 1 + 16 + 25) / 4;
    const second = (64 + 81 + 144 + 169) / 4;
    expect(a[0]).toBeCloseTo(expected(first, expected(first, 0)), 3);
    expect(b[0]).toBeCloseTo(expected(second, expected(first, 0)), 3);
    images.dispose();
    x.dispose();
    t.dispose();
    more.dispose();
  });

  it('refuse wrong arguments', async () => {
    const same = linear();
    const bad = (make: unknown, options: unknown) => replicate(make as never, options as never);
    await expectRejects(bad(3, { devices: ['cpu'] }), 'ArgumentError', /^replicate: make must be a function/);
    await expectRejects(bad(linear, {}), 'ArgumentError', /^replicate: devices/);
    await expectRejects(bad(linear, { devices: [] }), 'ArgumentError', /^replicate: devices/);
    await expectRejects(bad(linear, { devices: ['tpu'] }), 'DeviceError', /^replicate: device 'tpu'/);
    await expectRejects(bad(linear, { devices: ['cpu'], size: 1 }), 'ArgumentError', /'size'/);
    await expectRejects(
      bad(() => 3, { devices: ['cpu'] }),
      'ArgumentError',
      /^replicate: what make returned must be a Module/,
    );
    await expectRejects(
      bad(() => same, { devices: ['cpu', 'cpu'] }),
      'ArgumentError',
      /^replicate: make must return a new model/,
    );
    let outs = 2;
    const growing = () => new Linear(2, outs++);
    await expectRejects(bad(growing, { devices: ['cpu', 'cpu'] }), 'ArgumentError', /models differ/);
  });

  it('fail as their loss fails, and can be used again', async () => {
    const replicas = await replicate(linear, { devices: ['cpu', 'cpu'] });
    const [x, t] = batch(4);
    const scalar = tensor(1);
    const backward = (inputs: unknown, how: unknown = lossOf) => replicas.backward(inputs as never, how as never);
    await expectRejects(backward([]), 'ArgumentError', /^Replicas.backward: inputs/);
    await expectRejects(backward([x, 3]), 'ArgumentError', /^Replicas.backward: inputs\[1\]/);
    await expectRejects(backward([x, scalar]), 'ShapeError', /same number of samples.*\[4, 2\], \[\]/);
    await expectRejects(backward([x, t], 3), 'ArgumentError', /^Replicas.backward: lossOf must be a function/);
    await expectRejects(
      backward([x, t], () => 3),
      'ArgumentError',
      /what lossOf returned must be a Tensor/,
    );
    const none = x.slice(0, 0);
    await expectRejects(backward([none]), 'ShapeError', /no samples/);
    let calls = 0;
    const second = (net: Module, a: Tensor, b: Tensor<'int32'>) => {
      if (++calls === 2) throw new RangeError('the second one');
      return lossOf(net, a, b);
    };
    await expect(backward([x, t], second)).rejects.toThrow('the second one');
    // A loss without a graph for the second replica: its backward() throws when the first one's has begun.
    calls = 0;
    const constant = (net: Module, a: Tensor, b: Tensor<'int32'>) => {
      const own = lossOf(net, a, b);
      return ++calls === 2 ? own.detach() : own;
    };
    await expectRejects(backward([x, t], constant), 'GraphError');
    replicas.model.zeroGrad();
    const loss = await replicas.backward([x, t], lossOf);
    expect(loss.item()).toBeGreaterThan(0);
    for (const one of [x, t, scalar, none, loss]) one.dispose();
    replicas.dispose();
  });
});

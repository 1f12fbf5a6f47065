import { manualSeed, mul, sum, type Tensor, tensor, tidy } from 'receptive';
import { type Communicator, DataParallel, distribute, localCommunicators } from 'receptive/distributed';
import { BatchNorm2d, Linear, Module, parameter, Sequential } from 'receptive/nn';
import { SGD } from 'receptive/optim';
import { afterEach, expect, it } from 'vitest';
import { describeOnDevices } from '../support/devices';
import { expectRejects, expectThrows } from '../support/errors';

/** Three parameters, of 1, 2 and 3 elements; the output is their weighted sum. */
class Three extends Module {
  readonly a = parameter(tensor([1]));
  readonly b = parameter(tensor([2, 3]));
  readonly c = parameter(tensor([4, 5, 6]));

  forward(x: Tensor): Tensor {
    const ax = mul(this.a, x); // first, so that its gradient comes last
    return sum(mul(this.c, mul(sum(this.b), ax)));
  }
}

const models: Module[] = [];
const made = <M extends Module>(model: M): M => {
  models.push(model);
  return model;
};
const gradients = (model: Module) =>
  model.parameters().map(({ grad }) => (grad === null ? null : [...grad.dataSync()]));

/** A communicator that writes down what it is asked for, by the sizes of the tensors. */
function recorder(inner: Communicator, log: number[][]): Communicator {
  return {
    rank: inner.rank,
    size: inner.size,
    allReduceSum_: (tensors) => {
      log.push(tensors.map(({ size }) => size));
      return inner.allReduceSum_(tensors);
    },
    broadcast_: (tensors, root) => inner.broadcast_(tensors, root),
    barrier: () => inner.barrier(),
    dispose: () => inner.dispose(),
  };
}

describeOnDevices('DataParallel', (device) => {
  afterEach(() => {
    for (const model of models.splice(0)) model.dispose();
  });

  const pair = async (options: { bucketBytes?: number; reduction?: 'mean' | 'sum' } = {}) => {
    const logs: number[][][] = [[], []];
    const nets = [made(new Three()), made(new Three())];
    const parts = await Promise.all(
      localCommunicators([device, device]).map((communicator, rank) =>
        distribute(nets[rank], { communicator: recorder(communicator, logs[rank]), ...options }),
      ),
    );
    for (const log of logs) log.splice(0);
    return { nets, parts, logs };
  };

  /** Of `Three` for the input x, by hand: the output is a x (b0 + b1) (c0 + c1 + c2). */
  const gradientOf = (x: number) => [[5 * 15 * x], [15 * x, 15 * x], [5 * x, 5 * x, 5 * x]];

  const step = (part: DataParallel, x: number, share?: number): Promise<void> => {
    const input = tensor([x]);
    const loss = part.model.call(input);
    try {
      return part.backward(loss, share === undefined ? undefined : { share });
    } finally {
      loss.dispose();
      input.dispose();
    }
  };

  it('gives every rank the mean gradient, or that of the shares, or the sum', async () => {
    const { nets, parts } = await pair();
    expect(parts[0]).toBeInstanceOf(DataParallel);
    await Promise.all([step(parts[0], 2), step(parts[1], 4)]);
    for (const net of nets) expect(gradients(net)).toEqual(gradientOf(3));
    for (const net of nets) net.zeroGrad();
    await Promise.all([step(parts[0], 4, 0.75), step(parts[1], 8, 0.25)]);
    for (const net of nets) expect(gradients(net)).toEqual(gradientOf(5));
    const sums = await pair({ reduction: 'sum' });
    await Promise.all([step(sums.parts[0], 2), step(sums.parts[1], 4)]);
    for (const net of sums.nets) expect(gradients(net)).toEqual(gradientOf(6));
  });

  it('begins with the parameters and buffers of rank 0', async () => {
    const all = localCommunicators([device, device]);
    const nets = [1, 2].map((seed) => {
      manualSeed(seed);
      return made(new Sequential([new Linear(2, 3), new BatchNorm2d(4)]));
    });
    const variance = nets[0].buffers().find(({ dtype, size }) => dtype === 'float32' && size === 4) as Tensor;
    tidy(() => variance.copy_(tensor([1, 2, 3, 4])));
    const read = (net: Module) => Object.entries(net.stateDict().tensors).map(([name, t]) => [name, [...t.dataSync()]]);
    const before = read(nets[0]);
    expect(read(nets[1])).not.toEqual(before);
    await Promise.all(all.map((communicator, rank) => distribute(nets[rank], { communicator })));
    expect(read(nets[0])).toEqual(before);
    expect(read(nets[1])).toEqual(before);
  });

  it.each([
    [1, [[3], [2], [1]]],
    [12, [[3], [2, 1]]],
    [20, [[3, 2], [1]]],
    [2 ** 21, [[3, 2, 1]]],
  ])('reduces in buckets of at most %i bytes, last parameters first', async (bucketBytes, expected) => {
    const { parts, logs } = await pair({ bucketBytes });
    await Promise.all([step(parts[0], 1), step(parts[1], 1)]);
    expect(logs).toEqual([expected, expected]);
  });

  it('starts a bucket while backward goes on', async () => {
    const { nets, parts, logs } = await pair({ bucketBytes: 1 });
    const seen: (number | null)[] = [];
    const [first] = parts;
    // The same communicator's calls, with what gradients there are at each of them.
    const { communicator } = first;
    const spied = await Promise.all([
      distribute(nets[0], {
        communicator: {
          ...communicator,
          allReduceSum_: (tensors) => {
            seen.push(nets[0].parameters().filter(({ grad }) => grad !== null).length);
            return communicator.allReduceSum_(tensors);
          },
        },
        bucketBytes: 1,
      }),
      distribute(nets[1], { communicator: parts[1].communicator, bucketBytes: 1 }),
    ]);
    seen.splice(0);
    logs[1].splice(0);
    await Promise.all(spied.map((part) => step(part, 1)));
    expect(seen).toEqual([1, 2, 3]);
  });

  it('gives zeros to what a rank does not use, and takes part without samples', async () => {
    const { nets, parts, logs } = await pair({ bucketBytes: 1 });
    const loss = tidy(() => sum(nets[0].b));
    await Promise.all([parts[0].backward(loss, { share: 1 }), parts[1].skip()]);
    loss.dispose();
    for (const net of nets) expect(gradients(net)).toEqual([[0], [1, 1], [0, 0, 0]]);
    // The same order on both, though the first one's gradient of b came first.
    expect(logs).toEqual([
      [[3], [2], [1]],
      [[3], [2], [1]],
    ]);
  });

  it('leaves out what is frozen', async () => {
    const nets = [made(new Three()), made(new Three())];
    for (const net of nets) net.b.requiresGrad = false;
    const log: number[][] = [];
    const all = localCommunicators([device, device]);
    const parts = await Promise.all(
      all.map((one, rank) => distribute(nets[rank], { communicator: rank === 0 ? recorder(one, log) : one })),
    );
    log.splice(0);
    await Promise.all(parts.map((part) => step(part, 1)));
    expect(log).toEqual([[3, 1]]);
    expect(gradients(nets[0])).toEqual([gradientOf(1)[0], null, gradientOf(1)[2]]);
  });

  it('adds what earlier calls of loss.backward() left, and refuses what it has reduced already', async () => {
    const { nets, parts } = await pair();
    tidy(() => nets[0].call(tensor([2])).backward());
    await Promise.all([step(parts[0], 2), step(parts[1], 2)]);
    for (const net of nets) expect(gradients(net)).toEqual(gradientOf(2 + (1 + 1)));
    expectThrows(() => void step(parts[0], 1), 'ArgumentError', /^DataParallel.backward: .*zeroGrad\(\) drops them/);
    expectThrows(() => void parts[0].skip(), 'ArgumentError', /^DataParallel.skip: .*zeroGrad/);
    for (const net of nets) net.zeroGrad();
    await Promise.all([step(parts[0], 1), step(parts[1], 1)]);
    for (const net of nets) expect(gradients(net)).toEqual(gradientOf(1));
  });

  it('keeps the models equal through an optimiser', async () => {
    const { nets, parts } = await pair();
    const optimizers = nets.map((net) => new SGD(net.parameters(), { learningRate: 0.001, momentum: 0.9 }));
    for (let i = 0; i < 5; i++) {
      await Promise.all([step(parts[0], i), step(parts[1], 3 - i)]);
      for (const optimizer of optimizers) {
        optimizer.step();
        optimizer.zeroGrad();
      }
    }
    const [left, right] = nets.map((net) => net.parameters().map((p) => [...p.dataSync()]));
    expect(left).toEqual(right);
    expect(left[0]).not.toEqual([1]);
    for (const optimizer of optimizers) optimizer.dispose();
  });

  it('can be called within tidy(), and awaited outside of it', async () => {
    const nets = [made(new Three()), made(new Three())];
    const all = localCommunicators([device, device]);
    // The promises within an object: tidy() refuses to return one.
    const { making } = tidy(() => ({ making: nets.map((net, rank) => distribute(net, { communicator: all[rank] })) }));
    const parts = await Promise.all(making);
    const { done, means } = tidy(() => {
      const losses = nets.map((net, rank) => net.call(tensor([rank + 1])));
      return {
        done: parts.map((part, rank) => part.backward(losses[rank])),
        means: parts.map((part, rank) => part.meanOf(losses[rank])),
      };
    });
    await Promise.all(done);
    for (const net of nets) expect(gradients(net)).toEqual(gradientOf(1.5));
    const numbers = await Promise.all(means);
    expect(numbers.map((t) => t.item())).toEqual([5 * 15 * 1.5, 5 * 15 * 1.5]);
    for (const t of numbers) t.dispose();
  });

  it('means numbers, without touching them', async () => {
    const { parts } = await pair();
    const [x, y] = [tensor([2]), tensor([6])];
    const equal = await Promise.all([parts[0].meanOf(x), parts[1].meanOf(y)]);
    const weighted = await Promise.all([parts[0].meanOf(x, { share: 0.25 }), parts[1].meanOf(y, { share: 0.75 })]);
    expect(equal.map((t) => t.item())).toEqual([4, 4]);
    expect(weighted.map((t) => t.item())).toEqual([5, 5]);
    expect([x.item(), y.item()]).toEqual([2, 6]);
    for (const t of [x, y, ...equal, ...weighted]) t.dispose();
  });

  it('rejects where the models differ, and where the other rank leaves', async () => {
    const [a, b] = localCommunicators([device, device]);
    const nets = [made(new Linear(2, 2)), made(new Linear(2, 3))];
    const both = [a, b].map((communicator, rank) => distribute(nets[rank], { communicator }));
    await Promise.all(both.map((one) => expectRejects(one, 'ArgumentError', /^distribute: the ranks' models differ/)));
    const { nets: threes, parts } = await pair();
    const waits = step(parts[0], 1);
    const rejects = expectRejects(waits, 'CommunicationError');
    await parts[1].communicator.dispose();
    await rejects;
    expect(threes[1].a.grad).toBe(null);
  });
});

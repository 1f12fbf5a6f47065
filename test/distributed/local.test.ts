import { gather, noGrad, tensor } from 'receptive';
import { localCommunicators } from 'receptive/distributed';
import { describe, expect, it } from 'vitest';
import { availableDevices, describeOnDevices } from '../support/devices';
import { expectRejects, expectThrows } from '../support/errors';

const both = <T>(a: Promise<T>, b: Promise<T>): Promise<PromiseSettledResult<T>[]> => Promise.allSettled([a, b]);

describeOnDevices('ranks within the process', (device) => {
  it('have places', () => {
    const all = localCommunicators([device, device, device]);
    expect(all.map(({ rank, size }) => [rank, size])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
  });

  it('sum in the order of the ranks, whoever comes last', async () => {
    const all = localCommunicators([device, device, device]);
    // (2^24 + 1) + 1 = 2^24 in float32, in any other order it is 2^24 + 2.
    const values = [2 ** 24, 1, 1];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const tensors = values.map((value) => [tensor([value, 5]), tensor([[value]])]);
      const done: Promise<void>[] = [];
      for (const rank of order) done.push(all[rank].allReduceSum_(tensors[rank]));
      await Promise.all(done);
      for (const [a, b] of tensors) {
        expect([...a.dataSync()]).toEqual([2 ** 24, 15]);
        expect([...b.dataSync()]).toEqual([2 ** 24]);
        a.dispose();
        b.dispose();
      }
    }
  });

  it('broadcast every dtype', async () => {
    const [a, b] = localCommunicators([device, device]);
    const make = (n: number) => [
      tensor([n]),
      tensor(Float64Array.of(n)),
      tensor(Int32Array.of(n)),
      tensor(Uint8Array.of(n)),
      tensor([n === 2]),
    ];
    const [left, right] = [make(1), make(2)];
    await Promise.all([a.broadcast_(left, 1), b.broadcast_(right, 1)]);
    expect(left.map((t) => t.dataSync()[0])).toEqual([2, 2, 2, 2, 1]);
    await Promise.all([a.broadcast_([]), b.broadcast_([])]);
    for (const t of [...left, ...right]) t.dispose();
  });

  it('wait for each other, call by call', async () => {
    const [a, b] = localCommunicators([device, device]);
    const [x, y] = [tensor([1]), tensor([2])];
    let done = false;
    const first = a.allReduceSum_([x]).then(() => {
      done = true;
    });
    const second = a.barrier();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(done).toBe(false);
    await b.allReduceSum_([y]);
    await first;
    await Promise.all([second, b.barrier()]);
    expect([x.item(), y.item()]).toEqual([3, 3]);
    x.dispose();
    y.dispose();
  });

  it('sum tensors that were disposed meanwhile', async () => {
    const [a, b] = localCommunicators([device, device]);
    const [x, y] = [tensor([1]), tensor([2])];
    const first = a.allReduceSum_([x]);
    x.dispose();
    await Promise.all([first, b.allReduceSum_([y])]);
    expect(y.item()).toBe(3);
    y.dispose();
  });

  it('pass a failure on to who reads the sum', async () => {
    const [a, b] = localCommunicators([device, device]);
    const [values, index, fine] = [tensor([1]), tensor(Int32Array.of(3)), tensor([1])];
    const bad = gather(values, index, 0);
    await Promise.all([a.allReduceSum_([fine]), b.allReduceSum_([bad])]);
    await expectRejects(fine.data(), 'IndexError');
    for (const t of [values, index, fine, bad]) t.dispose();
  });

  it('refuse different calls on all ranks, and go on', async () => {
    const [a, b] = localCommunicators([device, device]);
    const [x, y, z, d] = [tensor([1]), tensor([2]), tensor([1, 2]), tensor(Float64Array.of(1))];
    const pairs = [
      () => both(a.allReduceSum_([x]), b.allReduceSum_([z])),
      () => both(a.allReduceSum_([x]), b.allReduceSum_([y, y])),
      () => both(a.allReduceSum_([x]), b.allReduceSum_([d])),
      () => both(a.allReduceSum_([x]), b.broadcast_([y])),
      () => both(a.broadcast_([x]), b.broadcast_([y], 1)),
      () => both(a.barrier(), b.broadcast_([])),
    ];
    for (const pair of pairs) {
      for (const outcome of await pair()) {
        expect(outcome.status).toBe('rejected');
        expect(String((outcome as PromiseRejectedResult).reason)).toMatch(/^ArgumentError: .*must make the same calls/);
      }
    }
    await Promise.all([a.allReduceSum_([x]), b.allReduceSum_([y])]);
    expect([x.item(), y.item()]).toEqual([3, 3]);
    for (const t of [x, y, z, d]) t.dispose();
  });

  it('check what each rank gives', async () => {
    const [a] = localCommunicators([device, device]);
    const [i, x, leaf] = [tensor(Int32Array.of(1)), tensor([1]), tensor([1], { requiresGrad: true })];
    expectThrows(() => void a.allReduceSum_([]), 'ArgumentError', /^allReduceSum_: tensors/);
    expectThrows(() => void a.allReduceSum_([i]), 'DTypeError', /^allReduceSum_: tensors\[0\]/);
    expectThrows(() => void a.broadcast_([x], 2), 'ArgumentError', /^broadcast_: root .*from 0 to 1, given 2/);
    expectThrows(() => void a.broadcast_([1 as never]), 'ArgumentError', /^broadcast_: tensors\[0\]/);
    expectThrows(() => void a.allReduceSum_([leaf]), 'GraphError', /^allReduceSum_: .*noGrad/);
    const [one] = localCommunicators([device]);
    await noGrad(() => ({ done: one.allReduceSum_([leaf]) })).done;
    for (const t of [i, x, leaf]) t.dispose();
    expectThrows(() => void a.allReduceSum_([x]), 'DisposedError', /^allReduceSum_: tensors\[0\]/);
  });

  it('that leave let those go who wait for them', async () => {
    const [a, b] = localCommunicators([device, device]);
    const x = tensor([1]);
    const waits = a.allReduceSum_([x]);
    const rejects = expectRejects(waits, 'CommunicationError', /rank 1 was disposed/);
    await Promise.all([b.dispose(), b.dispose()]);
    await rejects;
    for (const call of [() => b.barrier(), () => b.allReduceSum_([x]), () => b.broadcast_([x])]) {
      expectThrows(() => void call(), 'DisposedError', /communicator has been disposed/);
    }
    x.dispose();
  });
});

describe('devices', () => {
  it.each([[[]], ['cpu'], [undefined]])('refuses %j', (devices) => {
    expectThrows(() => localCommunicators(devices as never), 'ArgumentError', /^localCommunicators: devices/);
  });

  it('refuses one that is not there', () => {
    expectThrows(() => localCommunicators(['cpu', 'cuda:77']), 'DeviceError', /'cuda:77' is not available/);
  });

  it.skipIf(availableDevices.length < 2)('sums across two of them', async () => {
    const ids = availableDevices.slice(0, 2);
    const all = localCommunicators(ids);
    const tensors = ids.map((device, i) => tensor([i + 1], { device }));
    await Promise.all(all.map((one, i) => one.allReduceSum_([tensors[i]])));
    expect(tensors.map((t) => t.item())).toEqual([3, 3]);
    for (const t of tensors) t.dispose();
  });
});

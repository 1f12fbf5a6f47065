import {
  add,
  conv2d,
  type DType,
  emptyCache,
  gather,
  memoryStats,
  profile,
  relu,
  resetPeakMemory,
  setMemoryLimit,
  stack,
  sum,
  synchronize,
  type Tensor,
  tensor,
  tidy,
  where,
  withDevice,
  zeros,
} from 'receptive';
import { describe, expect, it, vi } from 'vitest';
import { runProgram } from '../support/child';
import { availableDevices } from '../support/devices';
import { isEmulated } from '../support/emulation';
import { expectRejects, expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { type AnyTensor, toTensor } from '../support/tensors';

// An addon that emulates devices emulates two here; elsewhere this needs two GPUs. Before the addon is loaded.
vi.hoisted(() => {
  process.env.RECEPTIVE_EMULATION_DEVICES = '2';
});

const [first, second] = ['cuda:0', 'cuda:1'];
const both = [first, second].every((id) => availableDevices.includes(id));

describe.skipIf(!both)('several devices, on cuda:0 and cuda:1', () => {
  const random = new Random('several devices');
  const values = (t: AnyTensor): number[] => Array.from(t.dataSync());

  describe('to()', () => {
    it.each(['float32', 'float64', 'int32', 'uint8', 'bool'] as const)('carries %s between any two', (dtype) => {
      tidy(() => {
        const x: AnyTensor = toTensor(random.integers([3, 5], 0, dtype === 'bool' ? 1 : 9), dtype);
        for (const from of availableDevices) {
          for (const to of availableDevices) {
            const copy = x.to(from).to(to);
            expect([copy.device, copy.dtype, copy.shape]).toEqual([to, dtype, [3, 5]]);
            expect(values(copy), `${from} to ${to}`).toEqual(values(x));
          }
        }
      });
    });

    it('carries empty tensors, scalars, and parts of others', () => {
      tidy(() => {
        expect(values(zeros([0, 4], { device: first }).to(second))).toEqual([]);
        expect(values(tensor(7, { device: second }).to(first))).toEqual([7]);
        const part = tensor([1, 2, 3, 4, 5], { device: first }).slice(2, 4).to(second);
        expect(values(part)).toEqual([3, 4]);
      });
    });

    it('is of the moment: later writes to the source, and its end, make no difference', () => {
      tidy(() => {
        const source = zeros([4096], { device: first });
        const copies: Tensor[] = [];
        for (let i = 0; i < 50; i++) {
          const next = add(source, i);
          copies.push(next.to(second));
          next.copy_(source);
          next.dispose();
        }
        copies.forEach((copy, i) => {
          expect(values(copy).every((value) => value === i)).toBe(true);
        });
      });
    });

    it('passes gradients back to where they come from', () => {
      tidy(() => {
        const x = tensor([1, 2, 3], { device: first, requiresGrad: true });
        const y = x.to(second);
        sum(y.to(first).to(second)).backward();
        expect([x.grad?.device, values(x.grad as AnyTensor)]).toEqual([first, [1, 1, 1]]);
        x.grad?.dispose(); // it outlives tidy()
      });
    });

    it('of a failed tensor fails', async () => {
      const labels = tensor([1, 9], { dtype: 'int32', device: first });
      const table = zeros([4, 2], { device: first });
      const failed = gather(table, labels, 0);
      let copy: AnyTensor | undefined;
      await expectRejects(
        (async () => {
          copy = failed.to(second);
          return copy.data();
        })(),
        'IndexError',
        /^gather: index 9 at position 1/,
      );
      // Neither device is the worse for it.
      for (const device of [first, second]) {
        const x = tensor([1, 2], { device });
        expect(values(x)).toEqual([1, 2]);
        x.dispose();
        await synchronize(device);
      }
      for (const t of [labels, table, failed, copy]) t?.dispose();
    });
  });

  it('each computes what the other does', () => {
    tidy(() => {
      const [x, w] = [random.integers([2, 3, 7, 9]), random.integers([4, 3, 3, 2])];
      const [y, z] = [first, second].map((device) =>
        withDevice(device, () => relu(conv2d(toTensor(x), toTensor(w), { padding: [1, 2] }))),
      );
      expect([y.device, z.device]).toEqual([first, second]);
      expect(values(z)).toEqual(values(y));
      expect(values(z)).toEqual(values(relu(conv2d(toTensor(x), toTensor(w), { padding: [1, 2] }))));
    });
  });

  it('one call takes tensors of one device', () => {
    tidy(() => {
      const make = (shape: number[], dtype: DType, device: string): AnyTensor => zeros(shape, { dtype, device });
      const a = make([2, 2], 'float32', first) as Tensor;
      const b = make([2, 2], 'float32', second) as Tensor;
      const mixed: readonly (() => unknown)[] = [
        () => add(a, b),
        () => stack([a, b]),
        () => a.copy_(b),
        () => where(make([2, 2], 'bool', second) as Tensor<'bool'>, a, a),
        () => conv2d(zeros([1, 1, 3, 3], { device: second }), zeros([1, 1, 2, 2], { device: first })),
      ];
      for (const body of mixed) expectThrows(body, 'DeviceError', /cuda:0/, /cuda:1/);
    });
  });

  describe('memory', () => {
    it('is counted for each', () => {
      const before = [first, second].map((device) => memoryStats(device));
      const x = zeros([1 << 16], { device: second });
      const after = [first, second].map((device) => memoryStats(device));
      expect(after[0]).toEqual(before[0]);
      expect(after[1].allocatedBytes - before[1].allocatedBytes).toBeGreaterThanOrEqual(4 << 16);
      expect(after[1].tensors - before[1].tensors).toBe(1);
      x.dispose();
    });

    it('has a limit, a cache and a peak for each', () => {
      emptyCache(first);
      emptyCache(second);
      const { limitBytes } = memoryStats(second);
      setMemoryLimit(1 << 20, second);
      try {
        expectThrows(() => zeros([1 << 20], { device: second }), 'OutOfMemoryError', /out of memory on cuda:1/);
        const large = zeros([1 << 20], { device: first });
        large.dispose();
      } finally {
        setMemoryLimit(limitBytes, second);
      }
      expect(memoryStats(first).reservedBytes).toBeGreaterThanOrEqual(4 << 20);
      emptyCache(second);
      expect(memoryStats(first).reservedBytes).toBeGreaterThanOrEqual(4 << 20);
      resetPeakMemory(second);
      expect(memoryStats(first).peakBytes).toBeGreaterThanOrEqual(4 << 20);
      emptyCache(first);
      expect(memoryStats(first).reservedBytes).toBeLessThan(4 << 20);
    });
  });

  it('profile() tells where each operation ran', async () => {
    const [x, y] = [first, second].map((device) => zeros([100], { device }));
    const { result, events } = await profile(() => [add(x, 1), relu(y), add(y, 2)]);
    expect(events.map(({ op, device }) => `${op} on ${device}`).sort()).toEqual([
      'add on cuda:0',
      'add on cuda:1',
      'relu on cuda:1',
    ]);
    for (const t of [x, y, ...result]) t.dispose();
  });

  it.skipIf(!isEmulated(second))('the loss of one is not that of the other', async () => {
    const { code, stdout, stderr } = await runProgram('lostNeighbour.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      lost: Array(4).fill('DeviceLostError'),
      alive: [2, 3, 4],
      moved: [2, 3, 4],
      held: [
        { tensors: 0, allocatedBytes: 0 },
        { tensors: 0, allocatedBytes: 0 },
      ],
    });
  });
});

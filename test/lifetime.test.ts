import {
  add,
  conv2d,
  emptyCache,
  keep,
  matmul,
  memoryStats,
  mul,
  ones,
  randn,
  resetPeakMemory,
  synchronize,
  Tensor,
  tensor,
  tidy,
  zeros,
} from 'receptive';
import { describe, expect, it } from 'vitest';
import { runProgram } from './support/child';
import { describeOnDevices } from './support/devices';
import { expectThrows } from './support/errors';

const live = (): number => memoryStats().tensors;

describeOnDevices('lifetime', (device) => {
  describe('dispose', () => {
    it('frees the memory, once, and may be called again', async () => {
      const { tensors, allocatedBytes } = memoryStats();
      const t = zeros([1000]);
      expect(memoryStats().tensors).toBe(tensors + 1);
      expect(memoryStats().allocatedBytes).toBeGreaterThanOrEqual(allocatedBytes + 4000);
      expect(t.disposed).toBe(false);
      t.dispose();
      t.dispose();
      expect(t.disposed).toBe(true);
      await synchronize(device);
      expect(memoryStats()).toMatchObject({ tensors, allocatedBytes });
    });

    it('leaves shape and type readable, and makes every use throw', () => {
      const t = tensor([[1, 2]]);
      const other = tensor([[1, 2]]);
      t.dispose();
      expect([t.shape, t.dtype, t.size, t.device]).toEqual([[1, 2], 'float32', 2, device]);
      const uses: [string, () => unknown][] = [
        ['data', () => t.data()],
        ['dataSync', () => t.dataSync()],
        ['item', () => t.item()],
        ['toArray', () => t.toArray()],
        ['readInto', () => t.readInto(new Float32Array(2))],
        ['to', () => t.to(device)],
        ['cast', () => t.cast('int32')],
        ['reshape', () => t.reshape([2])],
        ['slice', () => t.slice(0, 1)],
        ['clone', () => t.clone()],
        ['detach', () => t.detach()],
        ['copy_', () => t.copy_(other)],
        ['copy_', () => other.copy_(t)],
        ['add', () => add(t, 1)],
        ['add', () => add(other, t)],
        ['backward', () => t.backward()],
      ];
      for (const [name, use] of uses) expectThrows(use, 'DisposedError', new RegExp(`\\b${name}\\b`));
      expect(String(t)).toContain('float32');
      other.dispose();
    });

    it('covers every method of Tensor', () => {
      const methods = Object.getOwnPropertyNames(Tensor.prototype).filter((name) => {
        const { value } = Object.getOwnPropertyDescriptor(Tensor.prototype, name) ?? {};
        return typeof value === 'function' && !name.startsWith('_') && name !== 'constructor';
      });
      const tested = 'data dataSync item toArray readInto to cast reshape slice clone detach copy_ backward'.split(' ');
      const harmless = 'dispose toString toJSON'.split(' ');
      expect(methods.sort()).toEqual([...tested, ...harmless].sort());
    });

    it('of a tensor that work in the queue still reads is safe', async () => {
      const x = randn([1, 16, 64, 64]);
      const w = randn([16, 16, 3, 3]);
      const expected = conv2d(x, w, { padding: 1 });
      const values = await expected.data();
      expected.dispose();
      for (let i = 0; i < 5; i++) {
        const [xCopy, wCopy] = [x.clone(), w.clone()];
        const y = conv2d(xCopy, wCopy, { padding: 1 });
        xCopy.dispose();
        wCopy.dispose();
        const pending = y.data();
        y.dispose();
        // Memory of the same size, in use before the work has run.
        const noise = Array.from({ length: 4 }, () => ones([1, 16, 64, 64]));
        expect(await pending).toEqual(values);
        for (const t of noise) t.dispose();
      }
      x.dispose();
      w.dispose();
    });

    it('of one handle leaves its views and copies alone', () => {
      const t = tensor([1, 2, 3, 4, 5, 6], { shape: [3, 2] });
      const [row, flat, detached, same] = [t.slice(1, 2), t.reshape([6]), t.detach(), t.to(device)];
      const held = memoryStats().allocatedBytes;
      t.dispose();
      expect(memoryStats().allocatedBytes).toBe(held);
      expect([...row.dataSync()]).toEqual([3, 4]);
      expect([...flat.dataSync()]).toEqual([1, 2, 3, 4, 5, 6]);
      expect(same.dataSync()).toEqual(detached.dataSync());
      for (const view of [row, flat, detached, same]) view.dispose();
    });
  });

  describe('using', () => {
    it('disposes at the end of the block, also when it throws', () => {
      const before = live();
      const seen: Tensor[] = [];
      const block = (fail: boolean): void => {
        using a = tensor([1, 2]);
        using b = add(a, 1);
        seen.push(a, b);
        if (fail) throw new Error('stop');
      };
      block(false);
      expect(() => block(true)).toThrow('stop');
      expect(seen.every(({ disposed }) => disposed)).toBe(true);
      expect(live()).toBe(before);
    });
  });

  describe('tidy', () => {
    it('disposes what the function made and returns its result', () => {
      const before = live();
      const inside: Tensor[] = [];
      const result = tidy(() => {
        const a = tensor([1, 2, 3]);
        const b = mul(a, 2);
        inside.push(a, b);
        return add(b, 1);
      });
      expect([...result.dataSync()]).toEqual([3, 5, 7]);
      expect(inside.every(({ disposed }) => disposed)).toBe(true);
      expect(live()).toBe(before + 1);
      result.dispose();
    });

    it('keeps tensors anywhere within the result, and those from outside', () => {
      const outside = tensor([0]);
      const result = tidy(() => ({
        list: [tensor([1]), { deep: tensor([2]) }],
        map: new Map([['a', tensor([3])]]),
        set: new Set([tensor([4])]),
        outside,
        number: 5,
        nothing: null,
        values: new Float32Array(3),
      }));
      const tensors = [
        result.list[0],
        (result.list[1] as { deep: Tensor }).deep,
        ...result.map.values(),
        ...result.set,
      ];
      expect(tensors.map((t) => (t as Tensor).item())).toEqual([1, 2, 3, 4]);
      expect(outside.disposed).toBe(false);
      for (const t of tensors) (t as Tensor).dispose();
      outside.dispose();
    });

    it('survives results that contain themselves', () => {
      const before = live();
      const result = tidy(() => {
        const loop: { t: Tensor; self?: unknown } = { t: tensor([1]) };
        loop.self = loop;
        return loop;
      });
      expect(result.t.disposed).toBe(false);
      result.t.dispose();
      expect(live()).toBe(before);
    });

    it('nests: what an inner scope returns belongs to the outer one', () => {
      const before = live();
      let inner: Tensor | undefined;
      const result = tidy(() => {
        inner = tidy(() => add(tensor([1]), 1));
        expect(inner.disposed).toBe(false);
        return mul(inner, 10);
      });
      expect(inner?.disposed).toBe(true);
      expect(result.item()).toBe(20);
      result.dispose();
      expect(live()).toBe(before);
    });

    it('disposes everything when the function throws', () => {
      const before = live();
      const fail = (): unknown =>
        tidy(() => {
          const t = zeros([10]);
          tidy(() => add(t, 1));
          throw new Error('stop');
        });
      expect(fail).toThrow('stop');
      expect(live()).toBe(before);
      // The scope is gone too: what is made now is not disposed by anybody.
      const t = zeros([1]);
      expect(t.disposed).toBe(false);
      t.dispose();
    });

    it('keep() lets a tensor escape all scopes', () => {
      let kept: Tensor | undefined;
      tidy(() =>
        tidy(() => {
          const t = tensor([7]);
          kept = keep(t);
          expect(keep(t)).toBe(t);
          return 0;
        }),
      );
      expect(kept?.item()).toBe(7);
      kept?.dispose();
      expectThrows(() => keep(3 as unknown as Tensor), 'ReceptiveError', /keep/);
    });

    it('a tensor disposed by hand within it is no problem', () => {
      const before = live();
      const result = tidy(() => {
        const t = zeros([3]);
        t.dispose();
        return t;
      });
      expect(result.disposed).toBe(true);
      expect(live()).toBe(before);
    });

    it('refuses promises and things that are no function', () => {
      const before = live();
      expectThrows(() => tidy(async () => zeros([1])), 'ReceptiveError', /tidy/, /promise/);
      expectThrows(() => tidy(() => Promise.reject(new Error('lost'))), 'ReceptiveError', /tidy/);
      expectThrows(() => tidy(7 as unknown as () => void), 'ReceptiveError', /tidy/);
      expect(live()).toBe(before);
    });

    it('does not slow down or grow in a loop that disposes as it goes', () => {
      const before = live();
      tidy(() => {
        for (let i = 0; i < 20_000; i++) zeros([4]).dispose();
      });
      expect(live()).toBe(before);
    });
  });

  describe('memoryStats', () => {
    it('counts what is allocated and reserved, and the peak', async () => {
      await synchronize(device);
      emptyCache(device);
      resetPeakMemory(device);
      const before = memoryStats(device);
      expect(before.peakBytes).toBe(before.allocatedBytes);
      expect(before.reservedBytes).toBeGreaterThanOrEqual(before.allocatedBytes);
      const t = zeros([1 << 20]);
      await synchronize(device);
      const during = memoryStats(device);
      expect(during.allocatedBytes).toBe(before.allocatedBytes + (4 << 20));
      expect(during.peakBytes).toBeGreaterThanOrEqual(during.allocatedBytes);
      t.dispose();
      await synchronize(device);
      const after = memoryStats(device);
      expect(after.allocatedBytes).toBe(before.allocatedBytes);
      expect(after.peakBytes).toBeGreaterThanOrEqual(during.allocatedBytes);
      emptyCache(device);
      expect(memoryStats(device).reservedBytes).toBeLessThan(during.reservedBytes);
      expect(after.limitBytes).toBeGreaterThan(1 << 20);
    });

    it('reuses memory: a loop that disposes reserves no more after its first round', async () => {
      const [a, b] = [randn([128, 128]), randn([128, 128])];
      const round = (): void => tidy(() => void matmul(a, matmul(a, b)));
      for (let i = 0; i < 10; i++) round();
      await synchronize(device);
      const { reservedBytes } = memoryStats(device);
      for (let i = 0; i < 200; i++) {
        round();
        if (i % 10 === 9) await synchronize(device);
      }
      expect(memoryStats(device).reservedBytes).toBeLessThanOrEqual(2 * reservedBytes);
      a.dispose();
      b.dispose();
    });
  });

  it('tensors made outside of scopes live on, however many, across turns and until they are disposed', async () => {
    const before = live();
    const made = Array.from({ length: 3000 }, (_, i) => zeros([1 + (i % 3)]));
    for (let i = 0; i < made.length; i += 2) made[i].dispose();
    const kept = keep(zeros([2]));
    expect(live()).toBe(before + 1501);
    await Promise.resolve();
    expect(live()).toBe(before + 1501);
    expect(made.filter(({ disposed }) => disposed).length).toBe(1500);
    for (const t of made) t.dispose();
    kept.dispose();
    expect(live()).toBe(before);
  });

  it('the garbage collector frees what nobody disposes, and V8 knows of the bytes', async () => {
    const { code, stdout, stderr } = await runProgram('garbage.mjs', { nodeArgs: ['--expose-gc'] });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { made, peak, afterCollection } = JSON.parse(stdout) as Record<string, number>;
    expect(afterCollection).toBe(0);
    // V8 sees no more of a tensor than a small object; it collects in time because the addon tells it of the bytes.
    expect(peak).toBeLessThan(made / 2);
  });
});

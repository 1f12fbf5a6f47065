import { add, devices, ones, Tensor, tensor, zeros } from 'receptive';
import { describe, expect, it } from 'vitest';
import { ndarray } from './reference/ndarray';
import { expectSame } from './support/compare';
import { describeOnDevices } from './support/devices';
import { expectError, expectThrows } from './support/errors';
import { evaluate } from './support/tensors';

describe('devices', () => {
  it('lists the CPU first, and says why a device is not available', () => {
    const list = devices();
    expect(list[0]).toMatchObject({ id: 'cpu', kind: 'cpu', available: true });
    expect(list[0].target).toMatch(/^(x86-64(-v[34])?|arm64)$/);
    expect(list[0].threads).toBeGreaterThanOrEqual(1);
    expect(list[0].memory).toBeGreaterThan(1 << 28);
    expect(list[0].name.length).toBeGreaterThan(0);
    for (const device of list) {
      expect(['cpu', 'cuda']).toContain(device.kind);
      if (!device.available) expect(device.reason).toMatch(/\w+/);
    }
  });

  it('returns copies that nobody can use to change the table', () => {
    const [cpu] = devices();
    Object.assign(cpu, { id: 'gpu' });
    expect(devices()[0].id).toBe('cpu');
  });
});

describeOnDevices('tensor', (device) => {
  it('has frozen metadata', () => {
    const t = zeros([2, 3]);
    expect(Object.isFrozen(t.shape)).toBe(true);
    expect(() => (t.shape as number[]).push(4)).toThrow(TypeError);
    t.dispose();
    expectThrows(() => new (Tensor as unknown as new () => Tensor)(), 'ReceptiveError');
  });

  describe('reading', () => {
    it('gives the typed array of its type', async () => {
      for (const [dtype, array] of [
        ['float32', Float32Array],
        ['float64', Float64Array],
        ['int32', Int32Array],
        ['uint8', Uint8Array],
        ['bool', Uint8Array],
      ] as const) {
        const t = tensor([1, 0, 1], { dtype });
        const values = await t.data();
        expect(values).toBeInstanceOf(array);
        expect([...values]).toEqual([1, 0, 1]);
        expect(t.dataSync()).toEqual(values);
        t.dispose();
      }
    });

    it('gives a new array each time, and the value as of the call', async () => {
      const t = tensor([1, 2, 3]);
      const first = t.data();
      const other = tensor([4, 5, 6]);
      t.copy_(other);
      const second = t.data();
      expect([...(await first)]).toEqual([1, 2, 3]);
      expect([...(await second)]).toEqual([4, 5, 6]);
      (await first).fill(0);
      expect([...t.dataSync()]).toEqual([4, 5, 6]);
      t.dispose();
      other.dispose();
    });

    it('toArray nests as deep as the tensor has axes', async () => {
      const t = tensor([1, 2, 3, 4, 5, 6], { shape: [3, 1, 2] });
      expect(await t.toArray()).toEqual([[[1, 2]], [[3, 4]], [[5, 6]]]);
      t.dispose();
      const scalar = tensor(7);
      expect(await scalar.toArray()).toBe(7);
      scalar.dispose();
      const empty = zeros([2, 0]);
      expect(await empty.toArray()).toEqual([[], []]);
      expect(await empty.data()).toHaveLength(0);
      empty.dispose();
    });

    it('item needs exactly one element', () => {
      expect(evaluate(() => ({ v: tensor([[3.5]]).item() })).v).toBe(3.5);
      expectThrows(() => evaluate(() => tensor([1, 2]).item() as unknown), 'ShapeError', /item/, /\[2\]/);
      expectThrows(() => evaluate(() => zeros([0]).item() as unknown), 'ShapeError', /item/);
    });
  });

  describe('readInto', () => {
    it('writes into the caller’s array, part of a buffer included', async () => {
      const t = tensor([1, 2, 3]);
      const whole = new Float32Array(8).fill(-1);
      const target = whole.subarray(2, 5);
      await expect(t.readInto(target)).resolves.toBeUndefined();
      expect([...whole]).toEqual([-1, -1, 1, 2, 3, -1, -1, -1]);
      const again = new Float32Array(3);
      await Promise.all([t.readInto(target), t.readInto(again), t.readInto(target)]);
      expect([...again]).toEqual([1, 2, 3]);
      t.dispose();
    });

    it('refuses targets that do not fit', () => {
      const t = tensor([1, 2, 3]);
      const detached = new Float32Array(3);
      structuredClone(detached, { transfer: [detached.buffer] });
      const wrong: unknown[] = [
        new Float32Array(2),
        new Float32Array(4),
        new Float64Array(3),
        new Uint8Array(12),
        [0, 0, 0],
        null,
        undefined,
        new ArrayBuffer(12),
        new DataView(new ArrayBuffer(12)),
        detached,
      ];
      for (const target of wrong) expectThrows(() => t.readInto(target as Float32Array), 'ReceptiveError', /readInto/);
      t.dispose();
    });

    it('rejects when the target is detached meanwhile, and the tensor stays readable', async () => {
      const t = ones([1000]);
      const sum = add(t, 1);
      const target = new Float32Array(1000);
      const pending = sum.readInto(target);
      structuredClone(target, { transfer: [target.buffer] });
      const error: unknown = await pending.then(
        () => null,
        (reason: unknown) => reason,
      );
      expectError(error, 'ReceptiveError', /readInto/, /detached|resized/);
      expect((await sum.data())[999]).toBe(2);
      t.dispose();
      sum.dispose();
    });

    it('rejects when a resizable target shrinks meanwhile', async () => {
      const t = ones([1000]);
      const buffer = new (
        ArrayBuffer as unknown as new (
          n: number,
          o: object,
        ) => ArrayBuffer & { resize(n: number): void }
      )(4000, { maxByteLength: 8000 });
      const pending = t.readInto(new Float32Array(buffer));
      buffer.resize(400);
      await expect(pending).rejects.toThrow(/readInto/);
      t.dispose();
    });
  });

  describe('views', () => {
    it('reshape and slice share memory with their tensor', () => {
      const t = tensor([1, 2, 3, 4, 5, 6], { shape: [3, 2] });
      const [row, flat] = [t.slice(1, 2), t.reshape([-1])];
      const nines = tensor([[9, 9]]);
      row.copy_(nines);
      expect([...t.dataSync()]).toEqual([1, 2, 9, 9, 5, 6]);
      expect([...flat.dataSync()]).toEqual([1, 2, 9, 9, 5, 6]);
      for (const x of [t, row, flat, nines]) x.dispose();
    });

    it('slices of slices and of reshapes start where they should', () => {
      const shapes = evaluate(() => {
        const t = tensor(
          Float32Array.from({ length: 24 }, (_, i) => i),
          { shape: [6, 4] },
        );
        return { a: t.slice(2, 5).slice(1, 2), b: t.slice(3).reshape([2, 6]).slice(-1), empty: t.slice(2, 2) };
      });
      expectSame(shapes.a, ndarray([1, 4], [12, 13, 14, 15]));
      expectSame(shapes.b, ndarray([1, 6], [18, 19, 20, 21, 22, 23]));
      expect(shapes.empty.shape).toEqual([0, 4]);
    });

    it('refuses shapes and positions that do not fit', () => {
      const t = zeros([3, 4]);
      const cases: [RegExp, () => unknown][] = [
        [/reshape/, () => t.reshape([5])],
        [/reshape/, () => t.reshape([-1, 5])],
        [/reshape/, () => t.reshape([-1, -1])],
        [/reshape/, () => t.reshape([-2, 6])],
        [/reshape/, () => t.reshape([1.5, 8])],
        [/reshape/, () => t.reshape('12' as unknown as number[])],
        [/slice/, () => t.slice(0, 4)],
        [/slice/, () => t.slice(-4)],
        [/slice/, () => t.slice(2, 1)],
        [/slice/, () => t.slice(0.5)],
        [/slice/, () => t.slice(undefined as unknown as number)],
        [/to\b/, () => t.to('nowhere')],
        [/copy_/, () => t.copy_(t.slice(0, 1))],
      ];
      for (const [message, call] of cases) expectThrows(() => evaluate(call), 'ReceptiveError', message);
      const scalar = tensor(1);
      expectThrows(() => scalar.slice(0, 1), 'ShapeError', /slice/);
      const integers = tensor([1, 2, 3], { dtype: 'int32' });
      expectThrows(() => t.copy_(integers as unknown as Tensor), 'DTypeError', /copy_/);
      for (const x of [t, scalar, integers]) x.dispose();
    });

    it('copy_ between overlapping views copies the old values', () => {
      const t = tensor([1, 2, 3, 4, 5]);
      const [front, back] = [t.slice(0, 4), t.slice(1, 5)];
      back.copy_(front);
      expect([...t.dataSync()]).toEqual([1, 1, 2, 3, 4]);
      front.copy_(back);
      expect([...t.dataSync()]).toEqual([1, 2, 3, 4, 4]);
      for (const x of [t, front, back]) x.dispose();
    });
  });

  it('every op returns a new tensor, never its argument', () => {
    const t = tensor([1, 2]);
    const results = [t.to(device), t.reshape([2]), t.detach(), t.clone(), t.cast('float32'), t.slice(0), add(t, 0)];
    for (const result of results) {
      expect(result).not.toBe(t);
      result.dispose();
    }
    expect([...t.dataSync()]).toEqual([1, 2]);
    t.dispose();
  });

  it('requiresGrad and grad hold what they are given, and check it', () => {
    const t = tensor([1, 2], { requiresGrad: true });
    const [fitting, wrongShape] = [zeros([2]), zeros([3])];
    expect(t.requiresGrad).toBe(true);
    expect(t.grad).toBeNull();
    t.grad = fitting;
    expect(t.grad).toBe(fitting);
    expectThrows(() => {
      t.grad = wrongShape;
    }, 'ShapeError');
    expectThrows(() => {
      t.requiresGrad = 1 as unknown as boolean;
    }, 'ReceptiveError');
    for (const x of [t, fitting, wrongShape]) x.dispose();
  });
});

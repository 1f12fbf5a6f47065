import {
  arange,
  type DType,
  eye,
  full,
  getDefaultDevice,
  linspace,
  memoryStats,
  ones,
  setDefaultDevice,
  tensor,
  withDevice,
  zeros,
} from 'receptive';
import { describe, expect, it } from 'vitest';
import { fill, ndarray } from '../reference/ndarray';
import { expectClose, expectSame } from '../support/compare';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import { evaluate } from '../support/tensors';

const allDTypes = ['float32', 'float64', 'int32', 'uint8', 'bool'] as const;

describeOnDevices('creation', (device) => {
  describe('tensor', () => {
    it('infers the shape of nested arrays', () => {
      const nested = evaluate(() => ({
        scalar: tensor(5),
        vector: tensor([1, 2, 3]),
        matrix: tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]),
        empty: tensor([]),
        emptyRows: tensor([[], []]),
      }));
      expectSame(nested.scalar, ndarray([], [5]));
      expectSame(nested.vector, ndarray([3], [1, 2, 3]));
      expectSame(nested.matrix, ndarray([2, 3], [1, 2, 3, 4, 5, 6]));
      expect(nested.empty.shape).toEqual([0]);
      expect(nested.emptyRows.shape).toEqual([2, 0]);
    });

    it('keeps the type of a typed array; numbers give float32, booleans bool', () => {
      const dtypes = evaluate(() => [
        tensor(new Float32Array(2)),
        tensor(new Float64Array(2)),
        tensor(new Int32Array(2)),
        tensor(new Uint8Array(2)),
        tensor([1.5]),
        tensor(7),
        tensor([true, false]),
        tensor(true),
        tensor([[true], [false]]),
      ]).map(({ dtype }) => dtype);
      expect(dtypes).toEqual(['float32', 'float64', 'int32', 'uint8', 'float32', 'float32', 'bool', 'bool', 'bool']);
    });

    it('takes shape, dtype and device', () => {
      const t = tensor(Float64Array.of(1, 2, 3, 4, 5, 6), { shape: [3, 2], device });
      expect([t.shape, t.dtype, t.device, t.size]).toEqual([[3, 2], 'float64', device, 6]);
      t.dispose();
      for (const dtype of allDTypes) {
        const snapshot = evaluate(() => tensor([0, 1, 1, 0], { shape: [2, 2], dtype }));
        expect(snapshot.dtype).toBe(dtype);
        expectSame(snapshot, ndarray([2, 2], [0, 1, 1, 0]));
      }
    });

    it('converts to another type as cast does', () => {
      const actual = evaluate(() => ({
        int32: tensor([1.5, -2.5, Number.NaN, 1e10, -1e10], { dtype: 'int32' }),
        uint8: tensor(Float32Array.of(-1, 3.7, 300), { dtype: 'uint8' }),
        float64: tensor([0.1], { dtype: 'float64' }),
        bool: tensor(Int32Array.of(0, 5, -1), { dtype: 'bool' }),
        full: full([1], -7.9, { dtype: 'uint8' }),
      }));
      expectSame(actual.int32, ndarray([5], [1, -2, 0, 2147483647, -2147483648]));
      expectSame(actual.uint8, ndarray([3], [0, 3, 255]));
      expectSame(actual.float64, ndarray([1], [0.1]));
      expectSame(actual.bool, ndarray([3], [0, 1, 1]));
      expectSame(actual.full, ndarray([1], [0]));
    });

    it('copies at the call', () => {
      const values = Float32Array.of(1, 2, 3);
      const t = tensor(values);
      values.fill(9);
      expect([...t.dataSync()]).toEqual([1, 2, 3]);
      t.dispose();
    });

    it('takes typed arrays that view a part of a buffer', () => {
      const buffer = Float32Array.of(0, 1, 2, 3, 4, 5).buffer;
      expectSame(
        evaluate(() => tensor(new Float32Array(buffer, 8, 3))),
        ndarray([3], [2, 3, 4]),
      );
      expectSame(
        evaluate(() => tensor(Buffer.from([7, 8, 9]).subarray(1))),
        ndarray([2], [8, 9]),
      );
    });

    it('takes views of shared memory', () => {
      const shared = new Float32Array(new SharedArrayBuffer(12));
      shared.set([1, 2, 3]);
      expectSame(
        evaluate(() => tensor(shared)),
        ndarray([3], [1, 2, 3]),
      );
    });

    it('stores NaN, infinities and the sign of zero', () => {
      const values = [Number.NaN, Infinity, -Infinity, -0, 0];
      expectSame(
        evaluate(() => tensor(values)),
        ndarray([5], values),
      );
    });

    const detached = new Float32Array(4);
    structuredClone(detached, { transfer: [detached.buffer] });
    it.each([
      ['ragged rows', [[1, 2], [3]], {}, /tensor/],
      ['numbers beside rows', [1, [2]], {}, /tensor/],
      ['numbers beside booleans', [1, true], {}, /tensor/],
      ['strings', ['1'], {}, /tensor/],
      ['a string', 'abc', {}, /tensor/],
      ['null', null, {}, /tensor/],
      ['undefined', undefined, {}, /tensor/],
      ['a hole', [1, undefined, 3], {}, /tensor/],
      ['bigint', [1n], {}, /tensor/],
      ['an object', { 0: 1, length: 1 }, {}, /tensor/],
      ['BigInt64Array', new BigInt64Array(2), {}, /tensor.*BigInt64Array|BigInt64Array/],
      ['DataView', new DataView(new ArrayBuffer(8)), {}, /tensor/],
      ['a detached array', detached, { shape: [4] }, /tensor/],
      ['a shape of another size', [1, 2, 3], { shape: [2, 2] }, /tensor.*shape|shape/],
      ['a negative extent', [1, 2], { shape: [-1, -2] }, /shape/],
      ['a fractional extent', [1], { shape: [0.5] }, /shape/],
      ['NaN as extent', [1], { shape: [Number.NaN] }, /shape/],
      ['a size that overflows', [1], { shape: [2 ** 27, 2 ** 27, 2 ** 27] }, /shape/],
      ['too many axes', [1], { shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }, /shape/],
      ['an unknown type', [1], { dtype: 'float16' }, /dtype/],
      ['an unknown device', [1], { device: 'tpu' }, /device/],
      ['an option misspelt', [1], { dytpe: 'int32' }, /dytpe/],
      ['requiresGrad on integers', [1], { dtype: 'int32', requiresGrad: true }, /requiresGrad|int32/],
    ])('refuses %s', (_, values, options, message) => {
      const { tensors } = memoryStats();
      expectThrows(() => tensor(values as number[], options as object), 'ReceptiveError', /tensor/, message);
      expect(memoryStats().tensors).toBe(tensors);
    });

    it('refuses an array that contains itself', () => {
      const loop: unknown[] = [];
      loop.push(loop);
      expectThrows(() => tensor(loop as number[]), 'ReceptiveError', /tensor/);
    });
  });

  describe('zeros, ones, full', () => {
    it.each(allDTypes)('fill %s', (dtype) => {
      for (const shape of [[], [0, 2], [5], [3, 1001]]) {
        const actual = evaluate(() => ({
          zeros: zeros(shape, { dtype }),
          ones: ones(shape, { dtype }),
          full: full(shape, 1, { dtype }),
        }));
        for (const [name, value] of [
          ['zeros', 0],
          ['ones', 1],
          ['full', 1],
        ] as const) {
          expect(actual[name].dtype).toBe(dtype as DType);
          expectSame(
            actual[name],
            fill(shape, () => value),
            `${name} of [${shape}]`,
          );
        }
      }
    });

    it('default to float32 and the default device', () => {
      const t = zeros([2]);
      expect([t.dtype, t.device]).toEqual(['float32', device]);
      t.dispose();
    });

    it('refuse shapes and values that make no sense', () => {
      for (const shape of [[-1], [1.5], [Number.NaN], ['2'], 'abc', null, undefined, {}, [2 ** 53, 2 ** 53], [[2]]]) {
        for (const [name, make] of Object.entries({ zeros, ones })) {
          expectThrows(() => make(shape as number[]), 'ReceptiveError', new RegExp(`\\b${name}\\b`), /shape/);
        }
      }
      expectThrows(() => full([2], '3' as unknown as number), 'ReceptiveError', /full/, /value/);
      expectThrows(() => zeros([2], { dtype: 'complex64' as 'float32' }), 'ReceptiveError', /zeros/, /dtype/);
    });
  });

  it('eye has ones on the diagonal', () => {
    const actual = evaluate(() => ({ square: eye(3), wide: eye(2, 4), none: eye(0) }));
    expectSame(
      actual.square,
      fill([3, 3], ([i, j]) => Number(i === j)),
    );
    expectSame(
      actual.wide,
      fill([2, 4], ([i, j]) => Number(i === j)),
    );
    expect(actual.none.shape).toEqual([0, 0]);
    expectThrows(() => eye(-1), 'ReceptiveError', /eye/);
    expectThrows(() => eye(2.5), 'ReceptiveError', /eye/);
  });

  it('arange counts from start up to, not including, end', () => {
    const actual = evaluate(() => ({
      one: arange(5),
      two: arange(2, 6),
      step: arange(1, 2, 0.25),
      down: arange(3, 0, -1),
      none: arange(3, 3),
      int32: arange(0, 10, 3, { dtype: 'int32' }),
    }));
    expectSame(actual.one, ndarray([5], [0, 1, 2, 3, 4]));
    expectSame(actual.two, ndarray([4], [2, 3, 4, 5]));
    expectSame(actual.step, ndarray([4], [1, 1.25, 1.5, 1.75]));
    expectSame(actual.down, ndarray([3], [3, 2, 1]));
    expect(actual.none.shape).toEqual([0]);
    expect(actual.int32.dtype).toBe('int32');
    expectSame(actual.int32, ndarray([4], [0, 3, 6, 9]));
    expectThrows(() => arange(0, 5, 0), 'ReceptiveError', /arange/, /step/);
    expectThrows(() => arange(0, Infinity), 'ReceptiveError', /arange/);
    expectThrows(() => arange(0, Number.NaN), 'ReceptiveError', /arange/);
  });

  it('linspace includes both ends', () => {
    const actual = evaluate(() => ({
      five: linspace(0, 1, 5),
      third: linspace(-1, 1, 4, { dtype: 'float64' }),
      one: linspace(3, 9, 1),
      none: linspace(0, 1, 0),
    }));
    expectSame(actual.five, ndarray([5], [0, 0.25, 0.5, 0.75, 1]));
    expectClose(actual.third, ndarray([4], [-1, -1 / 3, 1 / 3, 1]), { dtype: 'float64' });
    expect([actual.third.data[0], actual.third.data[3]]).toEqual([-1, 1]);
    expectSame(actual.one, ndarray([1], [3]));
    expect(actual.none.shape).toEqual([0]);
    expectThrows(() => linspace(0, 1, -1), 'ReceptiveError', /linspace/, /count/);
    expectThrows(() => linspace(0, 1, 2.5), 'ReceptiveError', /linspace/, /count/);
  });

  it('makes tensors on the device asked for', () => {
    const previous = getDefaultDevice();
    expect(previous).toBe(device);
    const result = withDevice(device, () => {
      expect(getDefaultDevice()).toBe(device);
      return zeros([1]);
    });
    expect(result.device).toBe(device);
    result.dispose();
    expect(() => withDevice(device, () => expect.fail('stop'))).toThrow();
    expect(getDefaultDevice()).toBe(previous);
    expectThrows(() => setDefaultDevice('cuda:99'), 'DeviceError', /cuda:99/, /cpu/);
    expectThrows(() => setDefaultDevice(''), 'ReceptiveError');
    expectThrows(() => withDevice(device, async () => 1), 'ReceptiveError', /withDevice/);
    expect(getDefaultDevice()).toBe(previous);
  });
});

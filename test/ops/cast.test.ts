import type { DType } from 'receptive';
import { describe, expect, it } from 'vitest';
import { castValue } from '../reference/cast';
import { map, ndarray } from '../reference/ndarray';
import { expectSame } from '../support/compare';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';

const dtypes = ['float32', 'float64', 'int32', 'uint8', 'bool'] as const;

const floats = [
  Number.NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  0.5,
  -0.5,
  0.99999,
  -1.5,
  2.5,
  127.9,
  255,
  255.5,
  256,
  1e9,
  2147483520,
  2147483647,
  2147483648,
  -2147483648,
  -2147483649,
  -3e9,
  1e20,
  -1e20,
  1e-300,
  3.4e38,
  1e300,
  16777217,
];

const samples: Record<DType, readonly number[]> = {
  float64: floats,
  float32: floats.map(Math.fround),
  int32: [0, 1, -1, 127, 128, 255, 256, -256, 300, 16777217, 2147483647, -2147483648],
  uint8: [0, 1, 2, 127, 128, 255],
  bool: [0, 1],
};

describeOnDevices('cast', () => {
  describe.each(dtypes)('from %s', (from) => {
    it.each(dtypes)('to %s agrees with the reference', (to) => {
      const x = ndarray([samples[from].length], samples[from]);
      const expected = map(x, (value) => castValue(value, from, to));
      // Repeated, so that whole vectors and their remainders see every value.
      const long = ndarray(
        [8 * x.data.length + 3],
        Array.from({ length: 8 * x.data.length + 3 }, (_, i) => x.data[i % x.data.length]),
      );
      const actual = evaluate(() => ({ short: toTensor(x, from).cast(to), long: toTensor(long, from).cast(to) }));
      expect(actual.short.dtype).toBe(to);
      expectSame(actual.short, expected);
      expectSame(
        actual.long,
        map(long, (value) => castValue(value, from, to)),
      );
    });
  });

  it('rounds float64 to the nearest float32, ties to even', () => {
    const x = new Random('round').array([1000], 'float64', -1e3, 1e3);
    expectSame(
      evaluate(() => toTensor(x, 'float64').cast('float32')),
      map(x, Math.fround),
    );
  });

  it('keeps any shape, and gives a copy for the type the tensor has', () => {
    for (const shape of [[], [0, 3], [2, 1, 3]]) {
      expect(evaluate(() => toTensor(ndarray(shape)).cast('int32')).shape).toEqual(shape);
    }
    const { same } = evaluate(() => {
      const x = toTensor(ndarray([2], [1, 2]));
      const copy = x.cast('float32');
      expect(copy).not.toBe(x);
      x.dispose();
      return { same: copy };
    });
    expectSame(same, ndarray([2], [1, 2]));
  });

  it('refuses an unknown type', () => {
    for (const dtype of ['float16', 'double', '', 'FLOAT32', undefined, 3, 'toString', '__proto__']) {
      expectThrows(
        () => evaluate(() => toTensor(ndarray([2])).cast(dtype as 'float32')),
        'ReceptiveError',
        /cast/,
        /dtype/,
      );
    }
  });

  it('throws DisposedError after dispose', () => {
    const x = toTensor(ndarray([2]));
    x.dispose();
    expectThrows(() => x.cast('int32'), 'DisposedError', /cast/);
  });
});

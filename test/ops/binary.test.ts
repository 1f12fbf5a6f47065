import fc from 'fast-check';
import * as receptive from 'receptive';
import { div, grad } from 'receptive';
import { describe, expect, it } from 'vitest';
import * as reference from '../reference/binary';
import { broadcastShapes, map, type NdArray, ndarray } from '../reference/ndarray';
import { expectClose, expectEqual, expectUlps } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

type Binary = (a: AnyTensor | number, b: AnyTensor | number) => AnyTensor;
type Gradient = (g: AnyTensor, a: AnyTensor | number, b: AnyTensor | number) => { a: AnyTensor; b: AnyTensor };
const op = (name: string): Binary => (receptive as unknown as Record<string, Binary>)[name];
const gradientOf = (name: string): Gradient => (grad as unknown as Record<string, Gradient>)[name];

/** Pairs of shapes that broadcast: each axis is equal, or 1 or absent on one side. */
const shapePairs = fc
  .record({
    extents: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 }),
    stretched: fc.array(fc.constantFrom('a', 'b', 'neither'), { minLength: 5, maxLength: 5 }),
    shorten: fc.nat({ max: 5 }),
    shortened: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ extents, stretched, shorten, shortened, seed }) => {
    const shape = (side: string): number[] => extents.map((extent, axis) => (stretched[axis] === side ? 1 : extent));
    const [a, b] = [shape('a'), shape('b')];
    return shortened ? { a: a.slice(shorten), b, seed } : { a, b: b.slice(shorten), seed };
  });

/** pow is a transcendental function; the others are exact by IEEE 754. */
const ulps = (name: string): number => (name === 'pow' ? 4 : 0.5);
const specials = [Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 2, -2, 0.5, 3e38];
const pairsOf = (values: readonly number[]): [NdArray, NdArray] => {
  const n = values.length;
  return [ndarray([n, 1], values), ndarray([n], values)];
};

describeOnDevices('binary', () => {
  describe.each(Object.entries(reference.binaryOps))('%s', (name, { value, derivatives }) => {
    describe.each(floatDTypes)('%s', (dtype) => {
      it('broadcasts by NumPy rules on random shapes', () => {
        fc.assert(
          fc.property(shapePairs, ({ a: aShape, b: bShape, seed }) => {
            const random = new Random(`${name} ${seed}`);
            const a = random.array(aShape, dtype, 0.5, 3);
            // Away from 0, where the gradients of div have no bound.
            const b = map(random.array(bShape, dtype, -1.75, 1.75), (v) => Math.fround(v + (v < 0 ? -0.25 : 0.25)));
            const g = random.array(broadcastShapes(aShape, bShape), dtype);
            const { value: actual, gradient } = evaluate(() => {
              const [x, y] = [toTensor(a, dtype), toTensor(b, dtype)];
              return { value: op(name)(x, y), gradient: gradientOf(name)(toTensor(g, dtype), x, y) };
            });
            expect(actual.dtype).toBe(dtype);
            expectUlps(actual, reference.broadcast(a, b, value), { dtype, ulps: ulps(name), what: name });
            const expected = reference.binaryGradient({ value, derivatives }, g, a, b);
            const closeness = { dtype, terms: 700, scale: 16 } as const;
            expectClose(gradient.a, expected.a, { ...closeness, what: `${name}: gradient of a` });
            expectClose(gradient.b, expected.b, { ...closeness, what: `${name}: gradient of b` });
          }),
        );
      });

      it('takes long rows, and rows that one operand repeats', () => {
        const random = new Random(`${name} rows`);
        for (const [aShape, bShape] of [
          [
            [3, 1001],
            [3, 1001],
          ],
          [[3, 1001], [1001]],
          [
            [3, 1],
            [3, 257],
          ],
          [[], [333]],
          [
            [2, 1, 65],
            [1, 7, 65],
          ],
        ]) {
          const [a, b] = [random.array(aShape, dtype, 0.5, 3), random.array(bShape, dtype, -2, 2)];
          const actual = evaluate(() => op(name)(toTensor(a, dtype), toTensor(b, dtype)));
          expectUlps(actual, reference.broadcast(a, b, value), { dtype, ulps: ulps(name), what: name });
        }
      });

      it('treats NaN, zeros and infinities as IEEE 754 does', () => {
        const [a, b] = pairsOf(dtype === 'float32' ? [...Float32Array.from(specials)] : specials);
        const actual = evaluate(() => op(name)(toTensor(a, dtype), toTensor(b, dtype)));
        const expected = reference.broadcast(a, b, value);
        const rounded = dtype === 'float32' ? map(expected, Math.fround) : expected;
        if (name === 'pow') expectUlps(actual, rounded, { dtype, ulps: 4, what: name });
        else expectEqual(actual, rounded, name);
      });

      it('takes a number on either side, as the tensor type', () => {
        const x = new Random(`${name} number`).array([5], dtype, 0.5, 3);
        const { left, right } = evaluate(() => ({
          left: op(name)(1.5, toTensor(x, dtype)),
          right: op(name)(toTensor(x, dtype), 1.5),
        }));
        expect([left.dtype, right.dtype]).toEqual([dtype, dtype]);
        expectUlps(
          left,
          map(x, (v) => value(1.5, v)),
          { dtype, ulps: ulps(name) },
        );
        expectUlps(
          right,
          map(x, (v) => value(v, 1.5)),
          { dtype, ulps: ulps(name) },
        );
      });
    });

    it('has gradients that agree with finite differences', () => {
      const random = new Random(`${name} differences`);
      const [a, b] = [random.array([3, 1, 4], 'float64', 0.5, 3), random.array([2, 1], 'float64', 0.5, 2)];
      const g = random.array([3, 2, 4], 'float64');
      const tensors = (x: NdArray, y: NdArray): [AnyTensor, AnyTensor] => [
        toTensor(x, 'float64'),
        toTensor(y, 'float64'),
      ];
      const gradient = evaluate(() => gradientOf(name)(toTensor(g, 'float64'), ...tensors(a, b)));
      const f = (x: NdArray, y: NdArray): number =>
        weightedSum(
          evaluate(() => op(name)(...tensors(x, y))),
          g,
        );
      expectGradient((probe) => f(probe, b), a, gradient.a, { what: 'a' });
      expectGradient((probe) => f(a, probe), b, gradient.b, { what: 'b' });
    });

    it('has a gradient for a tensor beside a number, and null for the number', () => {
      const random = new Random(`${name} number`);
      const [x, g] = [random.array([2, 3], 'float64', 0.5, 3), random.array([2, 3], 'float64')];
      for (const number of [2.5, 0, 1, -1.5]) {
        const scalar = ndarray([], [number]);
        const { left, right } = evaluate(() => ({
          left: gradientOf(name)(toTensor(g, 'float64'), number, toTensor(x, 'float64')),
          right: gradientOf(name)(toTensor(g, 'float64'), toTensor(x, 'float64'), number),
        }));
        expect([left.a, right.b]).toEqual([null, null]);
        const closeness = { dtype: 'float64', scale: 64 } as const;
        const expected = reference.binaryGradient(reference.binaryOps[name], g, scalar, x).b;
        expectClose(left.b, expected, { ...closeness, what: `number ${number} first` });
        if (name === 'div' && number === 0) continue;
        const other = reference.binaryGradient(reference.binaryOps[name], g, x, scalar).a;
        expectClose(right.a, other, { ...closeness, what: `number ${number} second` });
      }
    });

    it('accepts empty tensors', () => {
      for (const [a, b, shape] of [
        [[0, 3], [3], [0, 3]],
        [
          [2, 0],
          [2, 1],
          [2, 0],
        ],
        [[0], [], [0]],
      ]) {
        const actual = evaluate(() => op(name)(toTensor(ndarray(a)), toTensor(ndarray(b))));
        expect(actual.shape).toEqual(shape);
      }
    });

    it('throws for shapes that do not broadcast, unequal types and two numbers', () => {
      const [t3, t4] = [() => toTensor(ndarray([3])), () => toTensor(ndarray([2, 4]))];
      const word = new RegExp(`\\b${name}\\b`);
      expectThrows(() => evaluate(() => op(name)(t3(), t4())), 'ShapeError', word, /\[3\]/, /\[2, ?4\]/);
      expectThrows(() => evaluate(() => op(name)(t3(), toTensor(ndarray([3]), 'float64'))), 'DTypeError', word);
      expectThrows(() => op(name)(1, 2), 'ReceptiveError', word);
      const g = () => gradientOf(name)(toTensor(ndarray([4])), t3(), t3());
      expectThrows(() => evaluate(g), 'ShapeError', new RegExp(`grad\\.${name}`), /gradOutput/);
      const numbers = () => gradientOf(name)(t3(), 1, 2);
      expectThrows(() => evaluate(numbers), 'ReceptiveError', new RegExp(`grad\\.${name}`));
    });

    describeContract(
      name,
      {
        a: { shape: [2, 3], dtypes: ['float32', 'float64', 'int32', 'uint8', 'bool'], acceptsNumbers: true },
        b: { shape: [2, 3], dtypes: ['float32', 'float64', 'int32', 'uint8', 'bool'], acceptsNumbers: true },
      },
      (t) => op(name)(t.a, t.b),
    );
    describeContract(
      `grad.${name}`,
      {
        gradOutput: { shape: [2, 3] },
        a: { shape: [2, 3], acceptsNumbers: true },
        b: { shape: [2, 3], acceptsNumbers: true },
      },
      (t) => gradientOf(name)(t.gradOutput, t.a, t.b),
    );
  });

  describe.each(['int32', 'uint8'] as const)('%s arithmetic', (dtype) => {
    const limits = dtype === 'int32' ? [-2147483648, -7, -1, 0, 1, 3, 65537, 2147483647] : [0, 1, 3, 7, 128, 255];
    it.each(Object.entries(reference.integerOps[dtype]))('%s wraps', (name, value) => {
      const [a, b] = pairsOf(limits);
      const actual = evaluate(() => op(name)(toTensor(a, dtype), toTensor(b, dtype)));
      expect(actual.dtype).toBe(dtype);
      expectEqual(actual, reference.broadcast(a, b, value), name);
    });

    it('div gives float32, division by zero included', () => {
      const [a, b] = pairsOf(limits);
      const actual = evaluate(() => div(toTensor(a, dtype), toTensor(b, dtype)));
      expect(actual.dtype).toBe('float32');
      const expected = reference.broadcast(a, b, (x, y) => Math.fround(Math.fround(x) / Math.fround(y)));
      expectUlps(actual, expected, { dtype: 'float32', ulps: 1 });
    });

    it('refuses numbers that the type cannot hold', () => {
      for (const value of [1.5, Number.NaN, 2 ** 40, dtype === 'uint8' ? -1 : -(2 ** 40)]) {
        expectThrows(() => evaluate(() => op('add')(toTensor(ndarray([2]), dtype), value)), 'ReceptiveError', /add/);
      }
    });
  });

  describe.each(Object.entries(reference.comparisons))('%s', (name, value) => {
    it.each(['float32', 'float64', 'int32', 'uint8'] as const)('gives bool for %s', (dtype) => {
      const values = dtype.startsWith('float') ? specials.map(Math.fround) : [0, 1, 2, 3, 200];
      const [a, b] = pairsOf(values);
      const actual = evaluate(() => op(name)(toTensor(a, dtype), toTensor(b, dtype)));
      expect(actual.dtype).toBe('bool');
      expectEqual(
        actual,
        reference.broadcast(a, b, (x, y) => Number(value(x, y))),
        name,
      );
    });

    it('broadcasts on random shapes', () => {
      fc.assert(
        fc.property(shapePairs, ({ a: aShape, b: bShape, seed }) => {
          const random = new Random(seed);
          const [a, b] = [random.integers(aShape, -1, 1), random.integers(bShape, -1, 1)];
          const actual = evaluate(() => op(name)(toTensor(a), toTensor(b)));
          expectEqual(
            actual,
            reference.broadcast(a, b, (x, y) => Number(value(x, y))),
          );
        }),
      );
    });
  });
});

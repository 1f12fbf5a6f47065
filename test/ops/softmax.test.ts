import fc from 'fast-check';
import { grad, logSoftmax, softmax } from 'receptive';
import { describe, expect, it } from 'vitest';
import { map, type NdArray, ndarray } from '../reference/ndarray';
import * as reference from '../reference/softmax';
import { expectClose, expectEqual } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const ops = {
  softmax: { apply: softmax, gradient: grad.softmax, value: reference.softmax, derivative: reference.softmaxGradient },
  logSoftmax: {
    apply: logSoftmax,
    gradient: grad.logSoftmax,
    value: reference.logSoftmax,
    derivative: reference.logSoftmaxGradient,
  },
} as unknown as Record<
  string,
  {
    apply: (x: AnyTensor, axis?: number) => AnyTensor;
    gradient: (g: AnyTensor, y: AnyTensor, axis?: number) => AnyTensor;
    value: (x: NdArray, axis?: number) => NdArray;
    derivative: (g: NdArray, y: NdArray, axis?: number) => NdArray;
  }
>;

const problems = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
    axis: fc.nat(),
    negative: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ shape, axis, negative, seed }) => ({
    shape,
    axis: (axis % shape.length) - (negative ? shape.length : 0),
    seed,
  }));

describeOnDevices('softmax', () => {
  describe.each(Object.entries(ops))('%s', (name, { apply, gradient, value, derivative }) => {
    describe.each(floatDTypes)('%s', (dtype) => {
      it('agrees with the reference on random problems', () => {
        fc.assert(
          fc.property(problems, ({ shape, axis, seed }) => {
            const random = new Random(seed);
            const x = random.array(shape, dtype, -5, 5);
            const g = random.array(shape, dtype);
            const y = value(x, axis);
            const actual = evaluate(() => ({
              y: apply(toTensor(x, dtype), axis),
              gradient: gradient(toTensor(g, dtype), toTensor(y, dtype), axis),
            }));
            const terms = shape.at(axis) ?? 1;
            expectClose(actual.y, y, { dtype, terms });
            const rounded = dtype === 'float32' ? ndarray(shape, Float32Array.from(y.data)) : y;
            expectClose(actual.gradient, derivative(g, rounded, axis), { dtype, terms: 2 * terms, scale: 8 });
          }),
        );
      });

      it.each([10, 17, 1000, 4099])('takes rows of %i', (width) => {
        const x = new Random(width).array([3, width], dtype, -20, 20);
        const actual = evaluate(() => apply(toTensor(x, dtype), -1));
        expectClose(actual, value(x), { dtype, terms: 40 });
      });

      it('neither overflows nor loses a row to its largest element', () => {
        const x = ndarray([4, 3], [1000, 1000, 1000, -1000, -1000, -1001, 3e38, -3e38, 0, 88, 89, 90]);
        const exact = dtype === 'float32' ? ndarray(x.shape, Float32Array.from(x.data)) : x;
        const actual = evaluate(() => apply(toTensor(exact, dtype), 1));
        expect([...actual.data].every(Number.isNaN)).toBe(false);
        // The difference of 3e38 and -3e38 is beyond float32: its logarithm of a probability is -Infinity.
        const expected = map(value(exact, 1), dtype === 'float32' ? Math.fround : Number);
        for (const [i, e] of expected.data.entries()) {
          const scale = Math.max(1, Math.abs(e));
          expectClose(ndarray([], [actual.data[i]]), ndarray([], [e]), {
            dtype,
            scale,
            terms: 4,
            what: `element ${i}`,
          });
        }
      });

      it('gives NaN for a row that holds one, and for no other row', () => {
        const x = new Random('softmax NaN').array([3, 19], dtype);
        x.data[25] = Number.NaN;
        const actual = evaluate(() => apply(toTensor(x, dtype), 1));
        const rows = [0, 1, 2].map((row) => [...actual.data.subarray(19 * row, 19 * row + 19)].map(Number.isNaN));
        expect(rows.map((row) => [row.some(Boolean), row.every(Boolean)])).toEqual([
          [false, false],
          [true, true],
          [false, false],
        ]);
      });

      it('treats -Infinity as probability 0, and +Infinity or nothing but -Infinity as undefined', () => {
        const x = ndarray([3, 2], [-Infinity, 1, Infinity, 1, -Infinity, -Infinity]);
        const actual = evaluate(() => apply(toTensor(x, dtype), 1));
        const expected = name === 'softmax' ? [0, 1] : [-Infinity, 0];
        expectEqual(ndarray([2], actual.data.subarray(0, 2)), ndarray([2], expected));
        expect(actual.data[2]).toBeNaN();
        expect(actual.data[4]).toBeNaN();
      });
    });

    it.each([0, 1, -1])('has a gradient along axis %i that agrees with finite differences', (axis) => {
      const random = new Random(`${name} differences`);
      const x = random.array([2, 4, 3], 'float64', -3, 3);
      const g = random.array([2, 4, 3], 'float64');
      const actual = evaluate(() => gradient(toTensor(g, 'float64'), apply(toTensor(x, 'float64'), axis), axis));
      const f = (probe: NdArray): number =>
        weightedSum(
          evaluate(() => apply(toTensor(probe, 'float64'), axis)),
          g,
        );
      expectGradient(f, x, actual);
    });

    it('accepts empty batches and refuses axes out of range', () => {
      expect(evaluate(() => apply(toTensor(ndarray([0, 4])), 1)).shape).toEqual([0, 4]);
      const word = new RegExp(`\\b${name}\\b`);
      for (const axis of [2, -3]) {
        expectThrows(() => evaluate(() => apply(toTensor(ndarray([3, 4])), axis)), 'ShapeError', word, /axis/);
      }
      for (const axis of [0.5, Number.NaN, '1']) {
        const call = (): unknown => evaluate(() => apply(toTensor(ndarray([3, 4])), axis as number));
        expectThrows(call, 'ReceptiveError', word, /axis/);
      }
      expectThrows(
        () => evaluate(() => gradient(toTensor(ndarray([3, 4])), toTensor(ndarray([4, 3])), 1)),
        'ShapeError',
        new RegExp(`grad\\.${name}`),
      );
    });

    describeContract(name, { input: { shape: [2, 3] } }, (t) => apply(t.input, 1));
    describeContract(`grad.${name}`, { gradOutput: { shape: [2, 3] }, output: { shape: [2, 3] } }, (t) =>
      gradient(t.gradOutput, t.output, 1),
    );
  });
});

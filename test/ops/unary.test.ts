import * as receptive from 'receptive';
import { clamp, grad } from 'receptive';
import { describe, expect, it } from 'vitest';
import { map, ndarray, zip } from '../reference/ndarray';
import { clampDerivative, clamp as referenceClamp, unaryOps } from '../reference/unary';
import { expectEqual, expectSame, expectUlps } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

type Unary = (x: AnyTensor) => AnyTensor;
type Gradient = (g: AnyTensor, saved: AnyTensor) => AnyTensor;
const op = (name: string): Unary => (receptive as unknown as Record<string, Unary>)[name];
const gradientOf = (name: string): Gradient => (grad as unknown as Record<string, Gradient>)[name];

/** These gradients are functions of the output, which the forward pass has anyway. */
const takesOutput = new Set(['exp', 'sqrt', 'rsqrt']);
/** Exact by IEEE 754; the rest within the bound that the native header states. */
const ulps: Record<string, number> = { neg: 0, abs: 0, sqrt: 0.5, exp: 2, log: 2, rsqrt: 2 };
const specials = [Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-40, -1e-40, 3e38, -3e38];

describeOnDevices('unary', () => {
  describe.each(Object.entries(unaryOps))('%s', (name, { value, derivative, domain }) => {
    describe.each(floatDTypes)('%s', (dtype) => {
      it('agrees with the reference on widths around a vector', () => {
        const random = new Random(name);
        for (const size of [0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 100, 1001]) {
          const x = random.array([size], dtype, ...domain);
          const actual = evaluate(() => op(name)(toTensor(x, dtype)));
          expect(actual.dtype).toBe(dtype);
          expectUlps(actual, map(x, value), { dtype, ulps: ulps[name], what: `${name} of ${size} values` });
        }
      });

      it('treats NaN, zeros, infinities and subnormal numbers as the C library does', () => {
        const x = ndarray([specials.length], dtype === 'float32' ? Float32Array.from(specials) : specials);
        const expected = map(x, value);
        const actual = evaluate(() => op(name)(toTensor(x, dtype)));
        for (const [i, e] of expected.data.entries()) {
          const what = `${name}(${x.data[i]})`;
          const one = ndarray([], [actual.data[i]]);
          if (Number.isFinite(e) && e !== 0)
            expectUlps(one, ndarray([], [e]), { dtype, ulps: Math.max(1, ulps[name]), what });
          else expectEqual(one, ndarray([], [dtype === 'float32' ? Math.fround(e) : e]), what);
        }
      });

      it('has a gradient that agrees with the derivative', () => {
        const random = new Random(`${name} gradient`);
        const x = random.array([2, 37], dtype, ...domain);
        const g = random.array([2, 37], dtype);
        const actual = evaluate(() => {
          const input = toTensor(x, dtype);
          const saved = takesOutput.has(name) ? op(name)(input) : input;
          return gradientOf(name)(toTensor(g, dtype), saved);
        });
        const expected = zip(g, map(x, derivative), (a, b) => a * b);
        expectUlps(actual, expected, { dtype, ulps: 12, what: name });
      });
    });

    it('has a gradient that agrees with finite differences', () => {
      const random = new Random(`${name} differences`);
      const x = random.array([24], 'float64', Math.max(domain[0], 0.1), Math.min(domain[1], 3));
      const g = random.array([24], 'float64');
      const gradient = evaluate(() => {
        const input = toTensor(x, 'float64');
        return gradientOf(name)(toTensor(g, 'float64'), takesOutput.has(name) ? op(name)(input) : input);
      });
      const f = (probe: typeof x): number =>
        weightedSum(
          evaluate(() => op(name)(toTensor(probe, 'float64'))),
          g,
        );
      expectGradient(f, x, gradient, { what: name });
    });

    const takesIntegers = name === 'neg' || name === 'abs';
    const extra = takesIntegers ? { dtypes: ['float32', 'float64', 'int32', 'uint8'] as const } : {};
    describeContract(name, { input: { shape: [2, 3], ...extra } }, (t) => op(name)(t.input));
    describeContract(`grad.${name}`, { gradOutput: { shape: [4] } }, (t) =>
      gradientOf(name)(t.gradOutput, toTensor(ndarray([4]))),
    );

    if (!takesIntegers) return;
    it('wraps int32', () => {
      const x = ndarray([5], [0, 1, -7, 2147483647, -2147483648]);
      const actual = evaluate(() => op(name)(toTensor(x, 'int32')));
      expect(actual.dtype).toBe('int32');
      expectEqual(
        actual,
        map(x, (v) => value(v) | 0),
      );
    });
  });

  describe('clamp', () => {
    it.each(floatDTypes)('bounds from below and above, and keeps NaN, in %s', (dtype) => {
      const x = ndarray([8], [Number.NaN, -Infinity, -2, -0.5, 0, 0.5, 2, Infinity]);
      const actual = evaluate(() => clamp(toTensor(x, dtype), -0.5, 1.5));
      expectSame(
        actual,
        map(x, (v) => referenceClamp(v, -0.5, 1.5)),
      );
    });

    it('has a gradient of 1 within the bounds, the bounds included', () => {
      const x = ndarray([5], [-1, -0.5, 0, 1.5, 2]);
      const g = ndarray([5], [1, 2, 3, 4, 5]);
      const actual = evaluate(() => grad.clamp(toTensor(g), toTensor(x), -0.5, 1.5));
      expectEqual(
        actual,
        zip(g, x, (a, v) => a * clampDerivative(v, -0.5, 1.5)),
      );
    });

    it('gives the upper bound where the lower one is above it, as min(max(x, low), high) says', () => {
      const x = ndarray([4], [Number.NaN, -1, 1.5, 9]);
      const { value, gradient } = evaluate(() => ({
        value: clamp(toTensor(x), 2, 1),
        gradient: grad.clamp(toTensor(ndarray([4], [1, 2, 3, 4])), toTensor(x), 2, 1),
      }));
      expectSame(value, ndarray([4], [Number.NaN, 1, 1, 1]));
      expectEqual(ndarray([3], gradient.data.subarray(1)), ndarray([3]));
    });

    it('refuses bounds that are NaN or missing', () => {
      const call = (low: unknown, high: unknown) => () =>
        evaluate(() => clamp(toTensor(ndarray([2])), low as number, high as number));
      expectThrows(call(2, undefined), 'ReceptiveError', /clamp/);
      expectThrows(call(Number.NaN, 1), 'ReceptiveError', /clamp/);
      expectThrows(call(0, '1'), 'ReceptiveError', /clamp/);
    });
  });
});

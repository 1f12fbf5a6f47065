import fc from 'fast-check';
import {
  dropout,
  getNumThreads,
  getRngState,
  grad,
  manualSeed,
  ones,
  type RngState,
  rand,
  setNumThreads,
  setRngState,
  withSampleRange,
} from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/dropout';
import { type NdArray, ndarray, sizeOf } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { type ErrorName, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const shapes = fc.array(fc.integer({ min: 1, max: 13 }), { maxLength: 4 });
const states = fc.record({
  seed: fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1)),
  offset: fc.oneof(fc.nat(200), fc.nat(2 ** 52), fc.constantFrom(2 ** 38 - 40, 2 ** 36 - 1)),
});

describeOnDevices('dropout', () => {
  let state: RngState;
  let threads: number;
  beforeEach(() => {
    state = getRngState();
    threads = getNumThreads();
  });
  afterEach(() => {
    setRngState(state);
    setNumThreads(threads);
  });

  describe.each(floatDTypes)('%s', (dtype) => {
    const given = (x: NdArray) => toTensor(x, dtype) as AnyTensor;

    it('has the mask of the stream, and so has its gradient', () => {
      fc.assert(
        fc.property(shapes, states, fc.constantFrom(0.1, 0.5, 0.75, 2 ** -40, 1 - 2 ** -40), (shape, rngState, p) => {
          const random = new Random(`${shape}`);
          const [x, g] = [random.array(shape, dtype, 1, 2), random.array(shape, dtype, 1, 2)];
          const before = getRngState();
          const { y, repeated, gradient } = evaluate(() => {
            const first = dropout(given(x), { p, rngState });
            setRngState(rngState);
            return { repeated: first, y: dropout(given(x), { p }), gradient: grad.dropout(given(g), rngState, { p }) };
          });
          expect(getRngState().offset).toBe(rngState.offset + sizeOf(shape));
          setRngState(before);
          expectSame(repeated, y);
          const { seed, offset } = rngState;
          const scale = 2 / (1 - p);
          expectClose(y, reference.dropout(x, seed, offset, p), { dtype, scale });
          expectClose(gradient, reference.dropout(g, seed, offset, p), { dtype, scale });
        }),
      );
    });

    it('keeps a share of 1 - p, whose mean is that of the input', () => {
      manualSeed(3);
      const n = 100_000;
      for (const p of [0.2, 0.5, 0.9]) {
        const { data } = evaluate(() => dropout(given(ndarray([n], new Array(n).fill(1))), { p }));
        const kept = data.filter((v) => v !== 0).length;
        // Five standard deviations.
        expect(Math.abs(kept - n * (1 - p))).toBeLessThan(5 * Math.sqrt(n * p * (1 - p)));
        expect(new Set(data)).toEqual(new Set([0, dtype === 'float32' ? Math.fround(1 / (1 - p)) : 1 / (1 - p)]));
      }
    });

    // More blocks than one thread takes.
    it('does not depend on the number of threads', () => {
      const n = 300_009;
      const x = new Random('threads').array([n], dtype);
      const run = () => evaluate(() => dropout(given(x), { rngState: { seed: [1, 2], offset: 77 } }));
      setNumThreads(1);
      const one = run();
      setNumThreads(3);
      expectSame(run(), one);
      for (const first of [0, n / 3, n - 1000]) {
        const part = (data: Float64Array): NdArray => ndarray([1000], data.subarray(first, first + 1000));
        expectEqual(part(one.data), reference.dropout(part(x.data), [1, 2], 77 + first, 0.5));
      }
    });

    it('gives the input for p = 0 and in inference, zeros for p = 1, and draws for none of them', () => {
      const x = ndarray([4], [1, Number.NaN, -0, Infinity]);
      const before = getRngState();
      const actual = evaluate(() => {
        const t = given(x);
        const same = [dropout(t, { p: 0 }), dropout(t, { training: false }), dropout(t, { p: 1, training: false })];
        expect(same.every((one) => one !== t)).toBe(true);
        return { same, zero: dropout(t, { p: 1 }), none: grad.dropout(t, before, { p: 1 }) };
      });
      for (const same of actual.same) expectSame(same, x);
      expectSame(actual.zero, ndarray([4]));
      expectSame(actual.none, ndarray([4]));
      expect(getRngState()).toEqual(before);
    });

    it('drops whatever the element is, and keeps NaN, infinities and the sign of zeros', () => {
      const values = [Number.NaN, Infinity, -Infinity, -0];
      const x = ndarray(
        [400],
        Array.from({ length: 400 }, (_, i) => values[i % 4]),
      );
      const actual = evaluate(() => dropout(given(x), { rngState: { seed: [5, 6], offset: 1 } }));
      const expected = Array.from(x.data, (v, i) => (reference.kept([5, 6], 1 + i, 0.5) ? v : 0));
      expectSame(actual, ndarray([400], expected));
    });
  });

  it('has the same mask for both dtypes', () => {
    const rngState = { seed: [8, 9], offset: 100 } as const;
    const x = ndarray([5, 33], new Array(165).fill(1));
    const of = (dtype: 'float32' | 'float64') => evaluate(() => dropout(toTensor(x, dtype), { p: 0.5, rngState }));
    expectEqual(of('float32'), of('float64'));
  });

  it('is independent of other numbers drawn from the same elements of the stream', () => {
    const rngState = { seed: [1, 0], offset: 0 } as const;
    setRngState(rngState);
    const n = 20_000;
    const { mask, uniform } = evaluate(() => ({ uniform: rand([n]), mask: dropout(ones([n]), { rngState }) }));
    let both = 0;
    for (let i = 0; i < n; i++) if (mask.data[i] > 0 && uniform.data[i] < 0.5) both++;
    expect(Math.abs(both - n / 4)).toBeLessThan(5 * Math.sqrt((n * 3) / 16));
  });

  it('has a gradient that agrees with finite differences', () => {
    const rngState = { seed: [1, 2], offset: 30 } as const;
    const random = new Random('dropout');
    const [x, g] = [random.array([3, 17], 'float64'), random.array([3, 17], 'float64')];
    const gradient = evaluate(() => grad.dropout(toTensor(g, 'float64'), rngState, { p: 0.3 }));
    const value = (probe: NdArray): number =>
      weightedSum(
        evaluate(() => dropout(toTensor(probe, 'float64'), { p: 0.3, rngState })),
        g,
      );
    expectGradient(value, x, gradient);
  });

  it('takes empty tensors and scalars', () => {
    expect(evaluate(() => dropout(toTensor(ndarray([0, 3])))).shape).toEqual([0, 3]);
    expect(evaluate(() => dropout(toTensor(ndarray([])))).shape).toEqual([]);
  });

  describe('withSampleRange', () => {
    it('gives the parts of a batch the masks of the whole one', () => {
      const x = new Random('parts').array([10, 3, 7], 'float32', 1, 2);
      const part = (first: number, end: number): NdArray =>
        ndarray([end - first, 3, 7], x.data.subarray(first * 21, end * 21));
      manualSeed(11);
      evaluate(() => rand([5]));
      const start = getRngState();
      const draws = () => [dropout(toTensor(x)), dropout(toTensor(x), { p: 0.2 })];
      const whole = evaluate(draws);
      const after = getRngState();
      const parts = [
        [0, 3],
        [3, 3],
        [3, 10],
      ].map(([first, end]) => {
        setRngState(start);
        const result = evaluate(() =>
          withSampleRange({ first, total: 10 }, () => {
            const t = toTensor(part(first, end));
            const y = dropout(t);
            const gradient = grad.dropout(t, start);
            return [y, dropout(t, { p: 0.2 }), gradient];
          }),
        );
        expect(getRngState()).toEqual(after);
        expectSame(result[2], result[0]);
        return result;
      });
      for (const i of [0, 1]) {
        const joined = parts.flatMap((result) => [...result[i].data]);
        expectSame(ndarray([10, 3, 7], joined), whole[i]);
      }
    });

    it('nests, ends with its function and passes on what that returns or throws', () => {
      const draw = (): number => {
        const { offset } = getRngState();
        evaluate(() => dropout(ones([2, 3])));
        return getRngState().offset - offset;
      };
      const seen = withSampleRange({ first: 0, total: 4 }, () => [
        draw(),
        withSampleRange({ first: 5, total: 7 }, draw),
        draw(),
      ]);
      expect(seen).toEqual([12, 21, 12]);
      expect(() =>
        withSampleRange({ first: 0, total: 4 }, () => {
          throw new Error('mine');
        }),
      ).toThrow('mine');
      expect(draw()).toBe(6);
    });

    it('leaves other random numbers alone', () => {
      const before = getRngState();
      evaluate(() => withSampleRange({ first: 0, total: 100 }, () => rand([2, 3])));
      expect(getRngState().offset - before.offset).toBe(6);
    });

    it('refuses what makes no sense', () => {
      const range = (samples: unknown, fn: unknown = () => 0) =>
        withSampleRange(samples as { first: number; total: number }, fn as () => unknown);
      const cases: [ErrorName, RegExp, () => unknown][] = [
        ['ArgumentError', /withSampleRange.*samples/, () => range(undefined)],
        ['ArgumentError', /withSampleRange.*first/, () => range({ first: 5, total: 4 })],
        ['ArgumentError', /withSampleRange.*first/, () => range({ first: -1, total: 4 })],
        ['ArgumentError', /withSampleRange.*total/, () => range({ first: 0, total: 0.5 })],
        ['ArgumentError', /withSampleRange.*fn/, () => range({ first: 0, total: 4 }, 3)],
        ['ArgumentError', /withSampleRange.*promise/, () => range({ first: 0, total: 4 }, async () => 0)],
        [
          'ShapeError',
          /dropout.*3 samples.*first = 2.*leaves 2/,
          () => range({ first: 2, total: 4 }, () => dropout(ones([3, 2]))),
        ],
        ['ShapeError', /dropout.*scalar/, () => range({ first: 0, total: 4 }, () => dropout(ones([])))],
      ];
      for (const [type, message, call] of cases) expectThrows(() => evaluate(call), type, message);
    });
  });

  it('refuses what does not fit', () => {
    const t = () => ones([2]);
    const end = { seed: [1, 2], offset: Number.MAX_SAFE_INTEGER - 1 } as const;
    const cases: [ErrorName, RegExp, () => unknown][] = [
      ['ArgumentError', /\bp\b/, () => dropout(t(), { p: -0.1 })],
      ['ArgumentError', /\bp\b/, () => dropout(t(), { p: 1.1 })],
      ['ArgumentError', /\bp\b/, () => dropout(t(), { p: Number.NaN })],
      ['ArgumentError', /training/, () => dropout(t(), { training: 0 as unknown as boolean })],
      ['ArgumentError', /seed/, () => dropout(t(), { rngState: { seed: [1], offset: 0 } as unknown as RngState })],
      ['ArgumentError', /offset/, () => dropout(t(), { rngState: { seed: [1, 2], offset: -1 } })],
      ['ArgumentError', /used up/, () => dropout(t(), { rngState: end })],
      ['ArgumentError', /grad\.dropout: rngState/, () => grad.dropout(t(), undefined as unknown as RngState)],
    ];
    for (const [type, message, call] of cases) expectThrows(() => evaluate(call), type, /dropout/, message);
  });

  describeContract('dropout', { input: { shape: [2, 3] } }, (a) => dropout(a.input));
  describeContract('grad.dropout', { gradOutput: { shape: [2, 3] } }, (a) =>
    grad.dropout(a.gradOutput, { seed: [1, 2], offset: 0 }),
  );
});

import fc from 'fast-check';
import { getNumThreads, grad, linear, manualSeed, matmul, randn, setNumThreads, slice } from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/matmul';
import { broadcastShapes, type NdArray, ndarray } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const extent = fc.integer({ min: 1, max: 9 });
const problems = fc
  .record({
    m: extent,
    n: extent,
    k: extent,
    batch: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
    stretched: fc.array(fc.constantFrom('a', 'b', 'neither'), { minLength: 3, maxLength: 3 }),
    shared: fc.boolean(),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ m, n, k, batch, stretched, shared, transposeA, transposeB, seed }) => {
    const lead = (side: string): number[] => batch.map((size, axis) => (stretched[axis] === side ? 1 : size));
    const a = [...lead('a'), ...(transposeA ? [k, m] : [m, k])];
    const b = [...(shared ? [] : lead('b')), ...(transposeB ? [n, k] : [k, n])];
    const output = [...broadcastShapes(a.slice(0, -2), b.slice(0, -2)), m, n];
    return { a, b, output, k, options: { transposeA, transposeB }, seed };
  });

const double = (x: NdArray): AnyTensor => toTensor(x, 'float64');

describeOnDevices('matmul', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it('agrees with the reference on random problems, batched, broadcast and transposed', () => {
      fc.assert(
        fc.property(problems, ({ a: aShape, b: bShape, output, k, options, seed }) => {
          const random = new Random(seed);
          const [a, b, g] = [aShape, bShape, output].map((shape) => random.array(shape, dtype));
          const actual = evaluate(() => {
            const [x, y] = [toTensor(a, dtype), toTensor(b, dtype)];
            return { c: matmul(x, y, options), gradient: grad.matmul(toTensor(g, dtype), x, y, options) };
          });
          expect(actual.c.dtype).toBe(dtype);
          expectClose(actual.c, reference.matmul(a, b, options), { dtype, terms: k, scale: 1, what: 'product' });
          const expected = reference.matmulGradient(g, a, b, options);
          expectClose(actual.gradient.a, expected.a, { dtype, terms: 300, scale: 1, what: 'gradient of a' });
          expectClose(actual.gradient.b, expected.b, { dtype, terms: 300, scale: 1, what: 'gradient of b' });
        }),
      );
    });

    // Sizes around panels and blocks: one row or column, primes, several blocks along k.
    it.each([
      [1, 1, 1],
      [1, 257, 33],
      [129, 1, 65],
      [17, 31, 1],
      [67, 101, 1031],
      [200, 48, 384],
    ])('agrees with the reference on %i x %i x %i', (m, n, k) => {
      const random = new Random(`${m} ${n} ${k}`);
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const a = random.array(transposeA ? [k, m] : [m, k], dtype);
          const b = random.array(transposeB ? [n, k] : [k, n], dtype);
          const options = { transposeA, transposeB };
          const actual = evaluate(() => matmul(toTensor(a, dtype), toTensor(b, dtype), options));
          expectClose(actual, product(a, b, m, n, k, options), { dtype, terms: k, scale: 1 });
        }
      }
    });

    it('gives zeros when nothing is summed, and nothing for no rows or batches', () => {
      const of = (a: number[], b: number[]) =>
        evaluate(() => matmul(toTensor(ndarray(a), dtype), toTensor(ndarray(b), dtype)));
      expectEqual(of([2, 0], [0, 3]), ndarray([2, 3]));
      expect(of([0, 4], [4, 3]).shape).toEqual([0, 3]);
      expect(of([0, 2, 4], [4, 3]).shape).toEqual([0, 2, 3]);
    });

    it('keeps NaN and infinities in their rows and columns', () => {
      const random = new Random('matmul NaN');
      const [a, b] = [random.array([9, 20], dtype, 0.5, 1), random.array([20, 33], dtype, 0.5, 1)];
      a.data[3 * 20 + 7] = Number.NaN;
      b.data[5 * 33 + 32] = Infinity;
      a.data[6 * 20 + 5] = 0; // 0 * Infinity
      const actual = evaluate(() => matmul(toTensor(a, dtype), toTensor(b, dtype)));
      expectClose(actual, reference.matmul(a, b), { dtype, terms: 20 });
    });

    it('linear agrees with the reference, with and without a bias', () => {
      const random = new Random('linear');
      for (const lead of [[], [5], [2, 3], [0]]) {
        const x = random.array([...lead, 13], dtype);
        const w = random.array([7, 13], dtype);
        const bias = random.array([7], dtype);
        const g = random.array([...lead, 7], dtype);
        const actual = evaluate(() => {
          const [input, weight] = [toTensor(x, dtype), toTensor(w, dtype)];
          return {
            y: linear(input, weight, toTensor(bias, dtype)),
            plain: linear(input, weight),
            gradient: grad.linear(toTensor(g, dtype), input, weight, { bias: true }),
          };
        });
        const closeness = { dtype, terms: 30, scale: 1 } as const;
        expectClose(actual.y, reference.linear(x, w, bias), closeness);
        expectClose(actual.plain, reference.linear(x, w), closeness);
        const expected = reference.linearGradient(g, x, w);
        for (const name of ['input', 'weight', 'bias'] as const) {
          expectClose(actual.gradient[name] as NdArray, expected[name], { ...closeness, what: name });
        }
      }
    });
  });

  it('matmul has gradients that agree with finite differences', () => {
    const random = new Random('matmul differences');
    const options = { transposeA: true, transposeB: true };
    const [a, b] = [random.array([2, 1, 4, 3], 'float64'), random.array([3, 5, 4], 'float64')];
    const g = random.array([2, 3, 3, 5], 'float64');
    const gradient = evaluate(() => grad.matmul(double(g), double(a), double(b), options));
    const f = (x: NdArray, y: NdArray): number =>
      weightedSum(
        evaluate(() => matmul(double(x), double(y), options)),
        g,
      );
    expectGradient((probe) => f(probe, b), a, gradient.a);
    expectGradient((probe) => f(a, probe), b, gradient.b);
  });

  it('linear gives a sample the same bits alone and in batches, also where sums are so long that they are divided', async () => {
    manualSeed(3);
    for (const [inputs, outputs] of [
      [6144, 2000],
      [7000, 10],
    ]) {
      const samples = 9;
      using weight = randn([outputs, inputs]);
      using batch = randn([samples, inputs]);
      using together = linear(batch, weight);
      using first = slice(batch, [0, 0], [1, inputs]);
      using alone = linear(first, weight);
      const all = await together.data();
      expect(await alone.data()).toEqual(all.subarray(0, outputs));
    }
  });

  // One to some samples are multiplied by another kernel than many; sizes around the vectors of every target.
  it.each(['float32', 'float64'] as const)(
    'linear gives few %s samples the bits that they have among many',
    async (dtype) => {
      const random = new Random(`few samples ${dtype}`);
      const counts = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 65, 130];
      const samples = 11;
      for (const outputs of counts) {
        for (const inputs of [random.integer(1, 40), random.integer(380, 400), random.integer(760, 800)]) {
          const [x, w, bias] = [[samples, inputs], [outputs, inputs], [outputs]].map((shape) =>
            random.array(shape, dtype),
          );
          using batch = toTensor(x, dtype);
          using weight = toTensor(w, dtype);
          using vector = toTensor(bias, dtype);
          for (const option of [undefined, vector]) {
            using together = linear(batch, weight, option);
            const all = await together.data();
            const expected = reference.linear(x, w, option && bias);
            expectClose(ndarray([samples, outputs], all), expected, { dtype, terms: inputs, scale: 2 });
            for (let rows = 1; rows <= 6; ++rows) {
              using few = slice(batch, [0, 0], [rows, inputs]);
              using alone = linear(few, weight, option);
              expect(await alone.data(), `${rows} of [${inputs}] to ${outputs}`).toEqual(
                all.subarray(0, rows * outputs),
              );
            }
          }
        }
      }
    },
  );

  it('linear has gradients that agree with finite differences', () => {
    const random = new Random('linear differences');
    const [x, w, bias] = [[4, 3], [5, 3], [5]].map((shape) => random.array(shape, 'float64'));
    const g = random.array([4, 5], 'float64');
    const gradient = evaluate(() => grad.linear(double(g), double(x), double(w), { bias: true }));
    const f = (p: NdArray, q: NdArray, r: NdArray): number =>
      weightedSum(
        evaluate(() => linear(double(p), double(q), double(r))),
        g,
      );
    expectGradient((probe) => f(probe, w, bias), x, gradient.input);
    expectGradient((probe) => f(x, probe, bias), w, gradient.weight);
    expectGradient((probe) => f(x, w, probe), bias, gradient.bias as NdArray);
  });

  describe('exactness', () => {
    let threads: number;
    beforeEach(() => {
      threads = getNumThreads();
    });
    afterEach(() => setNumThreads(threads));

    it('gives the same bits for any number of threads, and exact sums of integers', () => {
      const random = new Random('matmul threads');
      const [a, b] = [random.array([150, 700], 'float32'), random.array([700, 90], 'float32')];
      const [p, q] = [random.integers([61, 333]), random.integers([333, 47])];
      const run = (count: number) => {
        setNumThreads(count);
        return evaluate(() => ({ real: matmul(toTensor(a), toTensor(b)), integer: matmul(toTensor(p), toTensor(q)) }));
      };
      const one = run(1);
      expectEqual(one.integer, product(p, q, 61, 47, 333, {}));
      for (const count of [2, 3]) {
        const many = run(count);
        expectSame(many.real, one.real, `${count} threads`);
        expectEqual(many.integer, one.integer, `${count} threads`);
      }
    });
  });

  it('throws for shapes that do not fit', () => {
    const of =
      (a: number[], b: number[], options = {}) =>
      () =>
        evaluate(() => matmul(toTensor(ndarray(a)), toTensor(ndarray(b)), options));
    expectThrows(of([2, 3], [4, 5]), 'ShapeError', /matmul/, /3/, /4/);
    expectThrows(of([2, 3], [3, 5], { transposeB: true }), 'ShapeError', /matmul/);
    expectThrows(of([2, 2, 3], [3, 3, 5]), 'ShapeError', /matmul/);
    expectThrows(of([], [3, 5]), 'ShapeError', /matmul/);
    expectThrows(of([2, 3], [3, 5], { transposeA: 1 }), 'ReceptiveError', /matmul/, /transposeA/);
    expectThrows(of([2, 3], [3, 5], { transpose: true }), 'ReceptiveError', /matmul/, /transpose/);
    const dense = (x: number[], w: number[], bias?: number[]) => () =>
      evaluate(() => linear(toTensor(ndarray(x)), toTensor(ndarray(w)), bias && toTensor(ndarray(bias))));
    expectThrows(dense([2, 3], [4, 5]), 'ShapeError', /linear/, /weight|input/);
    expectThrows(dense([2, 3], [4, 3], [3]), 'ShapeError', /linear/, /bias/);
    expectThrows(dense([2, 3], [3]), 'ShapeError', /linear/, /weight/);
    const wrongGradient = (): unknown =>
      evaluate(() => grad.matmul(toTensor(ndarray([2, 4])), toTensor(ndarray([2, 3])), toTensor(ndarray([3, 5]))));
    expectThrows(wrongGradient, 'ShapeError', /grad\.matmul/, /gradOutput/);
  });

  describeContract('matmul', { a: { shape: [2, 3] }, b: { shape: [3, 4] } }, (t) => matmul(t.a, t.b));
  describeContract(
    'linear',
    { input: { shape: [2, 3] }, weight: { shape: [4, 3] }, bias: { shape: [4], optional: true } },
    (t) => linear(t.input, t.weight, t.bias),
  );
  describeContract('grad.matmul', { gradOutput: { shape: [2, 4] }, a: { shape: [2, 3] }, b: { shape: [3, 4] } }, (t) =>
    grad.matmul(t.gradOutput, t.a, t.b),
  );
  describeContract(
    'grad.linear',
    { gradOutput: { shape: [2, 4] }, input: { shape: [2, 3] }, weight: { shape: [4, 3] } },
    (t) => grad.linear(t.gradOutput, t.input, t.weight, { bias: true }),
  );
});

/** The reference product of two matrices with flat indexing: the same sum, for sizes at which index tuples take long. */
function product(
  a: NdArray,
  b: NdArray,
  m: number,
  n: number,
  k: number,
  options: { transposeA?: boolean; transposeB?: boolean },
): NdArray {
  const c = ndarray([m, n]);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const left = options.transposeA ? a.data[p * m + i] : a.data[i * k + p];
        const right = options.transposeB ? b.data[j * k + p] : b.data[p * n + j];
        sum += left * right;
      }
      c.data[i * n + j] = sum;
    }
  return c;
}

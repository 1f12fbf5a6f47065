import fc from 'fast-check';
import { type DType, gather, gatherElements, getNumThreads, grad, setNumThreads, type Tensor, tidy } from 'receptive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as reference from '../reference/gather';
import { type NdArray, ndarray, sizeOf } from '../reference/ndarray';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectError, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const allDTypes: readonly DType[] = [...floatDTypes, 'int32', 'uint8', 'bool'];

interface Problem {
  readonly shape: readonly number[];
  /** Counted from the front, and as it is given. */
  readonly axis: number;
  readonly given: number;
  readonly indices: NdArray;
  readonly seed: number;
}

const problems = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
    chosen: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
    axis: fc.nat(),
    negative: fc.boolean(),
    smaller: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ axis: drawn, negative, ...rest }) => {
    const axis = drawn % rest.shape.length;
    return { ...rest, axis, given: negative ? axis - rest.shape.length : axis };
  });

/** Indices of any shape, for gather. */
const rowProblems = problems.map(
  ({ shape, chosen, axis, given, seed }): Problem => ({
    ...{ shape, axis, given, seed },
    indices: new Random(`indices ${seed}`).integers(chosen, 0, shape[axis] - 1),
  }),
);

/** Indices of the input's rank, for gatherElements; `smaller`: not of all of the input. */
const elementProblems = problems.map(({ shape, chosen: [count = 7], axis, given, smaller, seed }): Problem => {
  const random = new Random(`indices ${seed}`);
  const extents = shape.map((extent) => (smaller ? random.integer(0, extent) : extent));
  return { ...{ shape, axis, given, seed }, indices: random.integers(extents.with(axis, count), 0, shape[axis] - 1) };
});

type IntTensor = Tensor<'int32'>;
type Shape = readonly number[];

const ops = {
  gather: {
    apply: gather,
    gradient: grad.gather,
    value: reference.gather,
    derivative: reference.gatherGradient,
    all: rowProblems,
  },
  gatherElements: {
    apply: gatherElements,
    gradient: grad.gatherElements,
    value: reference.gatherElements,
    derivative: reference.gatherElementsGradient,
    all: elementProblems,
  },
} as unknown as Record<
  'gather' | 'gatherElements',
  {
    apply: (x: AnyTensor, indices: IntTensor, axis: number) => AnyTensor;
    gradient: (g: AnyTensor, indices: IntTensor, shape: Shape, axis: number) => AnyTensor;
    value: (x: NdArray, indices: NdArray, axis: number) => NdArray;
    derivative: (g: NdArray, indices: NdArray, shape: Shape, axis: number) => NdArray;
    all: fc.Arbitrary<Problem>;
  }
>;
const int = (x: NdArray): IntTensor => toTensor(x, 'int32');

/** [input, indices, axis] of both ops, in which kernels take each of their ways. */
const table: readonly [name: keyof typeof ops, shape: number[], indices: number[], axis: number][] = [
  ['gather', [23], [300], 0], // along the axis
  ['gather', [5, 300], [3, 40], 1],
  ['gather', [3, 7, 2], [11], 1], // rows of a few elements
  ['gather', [9, 70], [50], 0],
  ['gather', [2, 5, 130], [40], 1],
  ['gather', [700, 96], [1500], 0], // on several threads
  ['gather', [300, 4, 3], [40000], 0],
  ['gather', [90, 1000], [1100], 1],
  ['gather', [1100000], [50], 0], // a large result of the gradient
  ['gatherElements', [41], [300], 0],
  ['gatherElements', [6, 50], [6, 70], 1],
  ['gatherElements', [4, 9, 37], [4, 15, 37], 1],
  ['gatherElements', [60, 1300], [55, 1300], 0],
  ['gatherElements', [100, 900], [100, 800], 1],
  ['gatherElements', [8, 9, 10], [5, 12, 3], 1], // a part of the input
  ['gatherElements', [2, 300000, 2], [2, 20, 2], 1],
];

describeOnDevices('gather and gatherElements', () => {
  describe.each(Object.entries(ops))('%s', (_, { apply, gradient, value, derivative, all }) => {
    it.each(allDTypes)('moves %s as the reference does', (dtype) => {
      fc.assert(
        fc.property(all, ({ shape, axis, given, indices, seed }) => {
          const x = new Random(seed).integers(shape, 0, dtype === 'bool' ? 1 : 100);
          const actual = evaluate(() => apply(toTensor(x, dtype), int(indices), given));
          expect(actual.dtype).toBe(dtype);
          expectSame(actual, value(x, indices, axis));
        }),
      );
    });

    it.each(floatDTypes)('has gradients in %s that agree with the reference', (dtype) => {
      fc.assert(
        fc.property(all, ({ shape, axis, given, indices, seed }) => {
          const g = new Random(seed).array(value(ndarray(shape), indices, axis).shape, dtype);
          const actual = evaluate(() => gradient(toTensor(g, dtype), int(indices), shape, given));
          expect(actual.dtype).toBe(dtype);
          expectClose(actual, derivative(g, indices, shape, axis), { dtype, terms: sizeOf(indices.shape), scale: 1 });
        }),
      );
    });

    it('has a gradient that agrees with finite differences', () => {
      const random = new Random('gather differences');
      const x = random.array([3, 5, 2], 'float64');
      const indices = random.integers([3, 4, 2], 0, 4);
      const g = random.array(value(x, indices, 1).shape, 'float64');
      const f = (probe: NdArray): number =>
        weightedSum(
          evaluate(() => apply(toTensor(probe, 'float64'), int(indices), 1)),
          g,
        );
      const actual = evaluate(() => gradient(toTensor(g, 'float64'), int(indices), x.shape, 1));
      expectGradient(f, x, actual);
    });

    it('copies NaN, infinities and the sign of zero, and adds them', () => {
      const x = ndarray([5], [Number.NaN, -0, Infinity, 0, -Infinity]);
      const indices = ndarray([4], [1, 4, 0, 2]);
      for (const dtype of floatDTypes) {
        const actual = evaluate(() => apply(toTensor(x, dtype), int(indices), 0));
        expectSame(actual, ndarray([4], [-0, -Infinity, Number.NaN, Infinity]));
        const twice = ndarray([4], [2, 2, 0, 0]);
        const sums = evaluate(() => gradient(toTensor(actual, dtype), int(twice), [4], 0));
        expectSame(sums, ndarray([4], [Number.NaN, 0, -Infinity, 0]));
      }
    });

    it('refuses indices of other types, shapes that do not fit and axes out of range', () => {
      const x = () => toTensor(ndarray([3, 4]));
      const indices = (shape = [3, 2]) => int(ndarray(shape));
      const g = () => toTensor(value(ndarray([3, 4]), ndarray([3, 2]), 1));
      for (const axis of [2, -3]) {
        expectThrows(() => evaluate(() => apply(x(), indices(), axis)), 'ShapeError', /axis/);
        expectThrows(() => evaluate(() => gradient(g(), indices(), [3, 4], axis)), 'ShapeError', /axis/);
      }
      for (const axis of [0.5, Number.NaN, '1', null]) {
        expectThrows(() => evaluate(() => apply(x(), indices(), axis as number)), 'ReceptiveError', /axis/);
      }
      expectThrows(
        () => evaluate(() => apply(toTensor(ndarray([])), int(ndarray([])), 0)),
        'ShapeError',
        /axis.*scalar/,
      );
      const none = () => toTensor(ndarray([3, 0]));
      expectThrows(() => evaluate(() => apply(none(), indices(), 1)), 'ShapeError', /\[3, 0\].*no elements on axis 1/);
      for (const shape of [[3, 3], [4], [3, 5, 4], []]) {
        const wrong = () => toTensor(ndarray(shape));
        expectThrows(() => evaluate(() => gradient(wrong(), indices(), [3, 4], 1)), 'ShapeError', /gradOutput/);
      }
      for (const shape of [[3, -1], [3, 0.5], 'shape', null]) {
        const call = (): unknown => evaluate(() => gradient(g(), indices(), shape as number[], 1));
        expectThrows(call, 'ReceptiveError', /inputShape/);
      }
    });
  });

  it('gathers nothing from nothing', () => {
    const cases: [shape: number[], indices: number[], axis: number][] = [
      [[0, 4], [3], 1],
      [[3, 0], [0, 2], 1],
      [[3, 4], [0], 0],
      [[3, 4, 0], [2], 1],
    ];
    for (const [shape, indices, axis] of cases) {
      const zeros = ndarray(indices);
      const expected = reference.gather(ndarray(shape), zeros, axis);
      const actual = evaluate(() => ({
        y: gather(toTensor(ndarray(shape)), int(zeros), axis),
        gradient: grad.gather(toTensor(expected), int(zeros), shape, axis),
      }));
      expectEqual(actual.y, expected);
      expectEqual(actual.gradient, ndarray(shape));
    }
    for (const indices of [
      [3, 0],
      [0, 4],
      [0, 0],
    ]) {
      const actual = evaluate(() => ({
        y: gatherElements(toTensor(ndarray([3, 4])), int(ndarray(indices)), 1),
        gradient: grad.gatherElements(toTensor(ndarray(indices)), int(ndarray(indices)), [3, 4], 1),
      }));
      expectEqual(actual.y, ndarray(indices));
      expectEqual(actual.gradient, ndarray([3, 4]));
    }
  });

  it('the first axis is the one of gather if none is given', () => {
    const x = new Random('first axis').integers([4, 3]);
    const indices = ndarray([], [2]);
    const actual = evaluate(() => ({
      y: gather(toTensor(x), int(indices)),
      gradient: grad.gather(toTensor(ndarray([3], [1, 2, 3])), int(indices), [4, 3]),
    }));
    expectSame(actual.y, reference.gather(x, indices, 0));
    expectSame(actual.gradient, reference.gatherGradient(ndarray([3], [1, 2, 3]), indices, [4, 3], 0));
  });

  it('refuses a result of too many axes, and elements for indices beyond the input', () => {
    const deep = () => toTensor(ndarray([1, 2, 1, 1, 1]));
    expectThrows(
      () => evaluate(() => gather(deep(), int(ndarray([1, 1, 1, 1, 1])), 1)),
      'ShapeError',
      /gather.*rank 9/,
    );
    const x = () => toTensor(ndarray([3, 4]));
    const call = (shape: number[]) => (): unknown => evaluate(() => gatherElements(x(), int(ndarray(shape)), 1));
    expectThrows(call([4, 2]), 'ShapeError', /gatherElements: indices \[4, 2\].*axis 0 has 4 and 3/);
    expectThrows(call([3]), 'ShapeError', /gatherElements: indices must have the rank of input \[3, 4\]/);
  });

  describe('kernels', () => {
    let threads: number;
    beforeEach(() => {
      threads = getNumThreads();
    });
    afterEach(() => setNumThreads(threads));

    it.each(table)(
      '%s from %o, %o indices along %i, give the same bits for any number of threads',
      (name, ...problem) => {
        const { apply, gradient, value, derivative } = ops[name];
        const [shape, extents, axis] = problem;
        const random = new Random(`${name} ${shape}`);
        const x = random.array(shape, 'float32');
        const indices = random.integers(extents, 0, shape[axis] - 1);
        const y = value(x, indices, axis);
        const g = random.array(y.shape, 'float32');
        // The reference's sums are in float64 but in the same order, so that float32 differs by its rounding only.
        const expected = derivative(g, indices, shape, axis);
        const terms = Math.ceil((4 * sizeOf(extents)) / shape[axis]);
        const run = (count: number) => {
          setNumThreads(count);
          return evaluate(() => ({
            y: apply(toTensor(x), int(indices), axis),
            gradient: gradient(toTensor(g), int(indices), shape, axis),
          }));
        };
        const one = run(1);
        expectSame(one.y, y);
        expectClose(one.gradient, expected, { dtype: 'float32', terms, scale: 4 });
        for (const count of [2, 3, 5]) {
          const many = run(count);
          expectSame(many.y, one.y, `${count} threads`);
          expectSame(many.gradient, one.gradient, `${count} threads: gradient`);
        }
      },
    );

    it('add in the order of the indices', () => {
      // In any other order the sum of a huge number, its negative and small ones is another one.
      const g = ndarray([6, 2], [1, 2, 2 ** 30, 2 ** 30, 3, 4, -(2 ** 30), -(2 ** 30), 5, 6, 7, 8]);
      const order = ndarray([6], [1, 1, 0, 1, 1, 0]);
      const rounded = evaluate(() => grad.gather(toTensor(g), int(order), [2, 2]));
      const sum = (values: number[]): number => values.reduce((a, v) => Math.fround(a + v), 0);
      expectSame(
        rounded,
        ndarray([2, 2], [10, 12, sum([1, 2 ** 30, -(2 ** 30), 5]), sum([2, 2 ** 30, -(2 ** 30), 6])]),
      );
    });
  });

  const outOfRange: [op: string, extent: number, call: (indices: IntTensor) => AnyTensor][] = [
    ['gather', 3, (i) => gather(toTensor(ndarray([3, 4])), i)],
    ['gather', 3, (i) => gather(toTensor(ndarray([2, 3])), i, 1)],
    ['gather', 5, (i) => gather(toTensor(ndarray([5, 0])), i)],
    ['gatherElements', 3, (i) => gatherElements(toTensor(ndarray([3])), i, 0)],
    ['gatherElements', 4, (i) => gatherElements(toTensor(ndarray([4, 1])), i.reshape([4, 1]), 0)],
    ['gatherElements', 2, (i) => gatherElements(toTensor(ndarray([2, 4])), i.reshape([1, 4]), 0)],
    ['gatherGrad', 3, (i) => grad.gather(toTensor(ndarray([4])), i, [3])],
    ['gatherGrad', 6, (i) => grad.gather(toTensor(ndarray([4, 20])), i, [6, 20])],
    ['gatherElementsGrad', 3, (i) => grad.gatherElements(toTensor(ndarray([4])), i, [3], 0)],
    ['gatherElementsGrad', 2, (i) => grad.gatherElements(toTensor(ndarray([1, 4])), i.reshape([1, 4]), [2, 4], 0)],
  ];

  it.each(outOfRange)('%s rejects the read when an index is out of 0 to %i - 1', async (op, extent, call) => {
    for (const bad of [-1, extent, 2 ** 31 - 1, -(2 ** 31)]) {
      const result = tidy(() => call(int(ndarray([4], [0, 1, bad, 1]))));
      const error: unknown = await result.data().catch((reason: unknown) => reason);
      expectError(error, 'IndexError', new RegExp(op), new RegExp(String(bad)), new RegExp(String(extent)));
      expectThrows(() => result.dataSync(), 'IndexError', new RegExp(op));
      result.dispose();
    }
  });

  const four = { indices: { shape: [4], dtypes: ['int32'] } } as const;
  describeContract('gather', { input: { shape: [3, 2], dtypes: allDTypes }, ...four }, (t) =>
    gather(t.input, t.indices),
  );
  describeContract('gatherElements', { input: { shape: [3], dtypes: allDTypes }, ...four }, (t) =>
    gatherElements(t.input, t.indices, 0),
  );
  describeContract('grad.gather', { gradOutput: { shape: [4, 2] }, ...four }, (t) =>
    grad.gather(t.gradOutput, t.indices, [3, 2]),
  );
  describeContract('grad.gatherElements', { gradOutput: { shape: [4] }, ...four }, (t) =>
    grad.gatherElements(t.gradOutput, t.indices, [3], 0),
  );
});

import { grad, tensor, where } from 'receptive';
import { describe, expect, it } from 'vitest';
import { where as reference, whereGradient } from '../reference/binary';
import { type NdArray, ndarray } from '../reference/ndarray';
import { expectClose, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const shapes = [
  { condition: [4, 1], a: [3], b: [2, 1, 3] },
  { condition: [257], a: [257], b: [257] },
  { condition: [2, 3, 33], a: [33], b: [3, 1] },
  { condition: [], a: [5, 1], b: [1, 7] },
  { condition: [0, 3], a: [3], b: [] },
];

describeOnDevices('where', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(shapes)('chooses element by element with broadcasting: %j', (shape) => {
      const random = new Random('where');
      const condition = random.integers(shape.condition, 0, 1);
      const [a, b] = [random.array(shape.a, dtype), random.array(shape.b, dtype)];
      const expected = reference(condition, a, b);
      const g = random.array(expected.shape, dtype);
      const { value, gradient } = evaluate(() => {
        const [c, x, y] = [toTensor(condition, 'bool'), toTensor(a, dtype), toTensor(b, dtype)];
        return { value: where(c, x, y), gradient: grad.where(toTensor(g, dtype), c, x, y) };
      });
      expect(value.dtype).toBe(dtype);
      expectSame(value, expected);
      const gradients = whereGradient(g, condition, a, b);
      expectClose(gradient.a, gradients.a, { dtype, terms: 64, scale: 1 });
      expectClose(gradient.b, gradients.b, { dtype, terms: 64, scale: 1 });
    });
  });

  it.each(['int32', 'uint8', 'bool'] as const)('takes %s', (dtype) => {
    const [condition, a, b] = [ndarray([3], [1, 0, 1]), ndarray([3], [1, 1, 0]), ndarray([3], [0, 0, 1])];
    const actual = evaluate(() => where(toTensor(condition, 'bool'), toTensor(a, dtype), toTensor(b, dtype)));
    expect(actual.dtype).toBe(dtype);
    expectSame(actual, reference(condition, a, b));
  });

  it('takes a number on either side', () => {
    const condition = ndarray([3], [1, 0, 1]);
    const x = ndarray([3], [1, 2, 3]);
    const actual = evaluate(() => {
      const [c, t] = [toTensor(condition, 'bool'), toTensor(x)];
      return { first: where(c, 7, t), second: where(c, t, -0) };
    });
    expectSame(actual.first, ndarray([3], [7, 2, 7]));
    expectSame(actual.second, ndarray([3], [1, -0, 3]));
  });

  it('does not let the side not chosen show', () => {
    const actual = evaluate(() =>
      where(tensor([true, false]), toTensor(ndarray([2], [1, Number.NaN])), toTensor(ndarray([2], [Infinity, 2]))),
    );
    expectSame(actual, ndarray([2], [1, 2]));
  });

  it('has gradients that agree with finite differences', () => {
    const random = new Random('where differences');
    const condition = random.integers([2, 3], 0, 1);
    const [a, b, g] = [[3], [2, 1], [2, 3]].map((shape) => random.array(shape, 'float64'));
    const to = (x: NdArray): AnyTensor => toTensor(x, 'float64');
    const gradient = evaluate(() => grad.where(to(g), toTensor(condition, 'bool'), to(a), to(b)));
    const f = (x: NdArray, y: NdArray): number =>
      weightedSum(
        evaluate(() => where(toTensor(condition, 'bool'), to(x), to(y))),
        g,
      );
    expectGradient((probe) => f(probe, b), a, gradient.a);
    expectGradient((probe) => f(a, probe), b, gradient.b);
  });

  it('throws for shapes that do not broadcast, unequal types and two numbers', () => {
    const [c, t] = [() => toTensor(ndarray([3]), 'bool'), (...shape: number[]) => toTensor(ndarray(shape))];
    expectThrows(() => evaluate(() => where(c(), t(2), t(3))), 'ShapeError', /where/);
    expectThrows(() => evaluate(() => where(c(), t(2, 2), t(2, 2))), 'ShapeError', /where/);
    expectThrows(() => evaluate(() => where(c(), t(3), toTensor(ndarray([3]), 'float64'))), 'DTypeError', /where/);
    expectThrows(() => evaluate(() => where(c(), 1, 2)), 'ReceptiveError', /where/);
  });

  const any = { shape: [3], dtypes: ['float32', 'float64', 'int32', 'uint8', 'bool'], acceptsNumbers: true } as const;
  describeContract('where', { condition: { shape: [3], dtypes: ['bool'] }, a: any, b: any }, (t) =>
    where(t.condition, t.a, t.b),
  );
  describeContract(
    'grad.where',
    {
      gradOutput: { shape: [3] },
      condition: { shape: [3], dtypes: ['bool'] },
      a: { shape: [3], acceptsNumbers: true },
      b: { shape: [3], acceptsNumbers: true },
    },
    (t) => grad.where(t.gradOutput, t.condition, t.a, t.b),
  );
});

import { describe, expect, it } from 'vitest';
import { expectEqual } from '../support/compare';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { activations, elu, geluTanh, leakyRelu, prelu, preluGradient } from './activation';
import { binaryGradient, binaryOps, broadcast, where, whereGradient } from './binary';
import { castValue } from './cast';
import { erf, erfc, normal } from './erf';
import { broadcastShapes, map, ndarray, zip } from './ndarray';
import { logSoftmax, logSoftmaxGradient, softmax, softmaxGradient } from './softmax';
import { unaryOps } from './unary';

const random = new Random('reference pointwise');

describe('erf', () => {
  // Abramowitz & Stegun, table 7.1, and mpmath for the tail.
  it.each([
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
    [-1, -0.8427007929497149],
  ])('erf(%f) = %f', (x, value) => expect(erf(x)).toBeCloseTo(value, 14));

  it.each([
    [2, 4.677734981047266e-3],
    [5, 1.537459794428035e-12],
    [10, 2.088487583762545e-45],
  ])('erfc(%f) = %f', (x, value) => expect(erfc(x) / value).toBeCloseTo(1, 13));

  // mpmath.
  it.each([
    [-3, 1.3498980316300946e-3],
    [-10, 7.619853024160527e-24],
    [-20, 2.753624118606234e-89],
    [-37, 5.725571222524577e-300],
    [1, 0.8413447460685429],
  ])('the normal distribution function at %f is %f', (x, value) => expect(normal(x) / value).toBeCloseTo(1, 14));
});

describe('derivatives agree with finite differences', () => {
  const x = random.array([64], 'float64', -5, 5);
  const rows = { ...activations, leakyRelu: leakyRelu(0.2), elu: elu(0.7), geluTanh };
  it.each(Object.entries(rows))('%s', (_, { value, derivative }) => {
    expectGradient((probe) => map(probe, value).data.reduce((a, b) => a + b, 0), x, map(x, derivative));
  });

  it.each(Object.entries(unaryOps))('%s', (_, { value, derivative, domain }) => {
    const inputs = random.array([32], 'float64', Math.max(domain[0], 0.1), Math.min(domain[1], 4));
    expectGradient((probe) => map(probe, value).data.reduce((a, b) => a + b, 0), inputs, map(inputs, derivative));
  });

  it.each(Object.entries(binaryOps))('%s with broadcasting', (_, op) => {
    const [a, b] = [random.array([3, 1, 4], 'float64', 0.5, 2), random.array([2, 1], 'float64', 0.5, 2)];
    const g = random.array(broadcastShapes(a.shape, b.shape), 'float64');
    const gradient = binaryGradient(op, g, a, b);
    expectGradient((probe) => weightedSum(broadcast(probe, b, op.value), g), a, gradient.a);
    expectGradient((probe) => weightedSum(broadcast(a, probe, op.value), g), b, gradient.b);
  });

  it('prelu', () => {
    const input = random.array([2, 3, 4], 'float64');
    const g = random.array([2, 3, 4], 'float64');
    for (const shape of [[3], [1], [3, 1], [2, 1, 4]]) {
      const slope = random.array(shape, 'float64');
      const gradient = preluGradient(g, input, slope);
      expectGradient((probe) => weightedSum(prelu(probe, slope), g), input, gradient.input);
      expectGradient((probe) => weightedSum(prelu(input, probe), g), slope, gradient.slope);
    }
  });

  it('where', () => {
    const condition = ndarray([2, 1], [1, 0]);
    const [a, b] = [random.array([3], 'float64'), random.array([2, 3], 'float64')];
    const g = random.array([2, 3], 'float64');
    const gradient = whereGradient(g, condition, a, b);
    expectGradient((probe) => weightedSum(where(condition, probe, b), g), a, gradient.a);
    expectGradient((probe) => weightedSum(where(condition, a, probe), g), b, gradient.b);
  });

  it.each([0, 1, -1])('softmax and logSoftmax along axis %i', (axis) => {
    const logits = random.array([2, 3, 4], 'float64', -3, 3);
    const g = random.array([2, 3, 4], 'float64');
    expectGradient(
      (probe) => weightedSum(softmax(probe, axis), g),
      logits,
      softmaxGradient(g, softmax(logits, axis), axis),
    );
    expectGradient(
      (probe) => weightedSum(logSoftmax(probe, axis), g),
      logits,
      logSoftmaxGradient(g, logSoftmax(logits, axis), axis),
    );
  });
});

describe('known values', () => {
  it('softmax of equal inputs is uniform, and shifts do not matter', () => {
    expectEqual(softmax(ndarray([4], [7, 7, 7, 7])), ndarray([4], [0.25, 0.25, 0.25, 0.25]));
    const shifted = softmax(ndarray([2], [1000, 1000 + Math.log(3)]));
    expect(shifted.data[1]).toBeCloseTo(0.75, 12);
  });

  it('maximum shares the gradient of a tie', () => {
    const one = ndarray([1], [1]);
    expectEqual(binaryGradient(binaryOps.maximum, one, one, one).a, ndarray([1], [0.5]));
  });

  it('casts saturate, truncate and give 0 for NaN', () => {
    const cases: [number, number, number][] = [
      [Number.NaN, 0, 0],
      [2.9, 2, 2],
      [-2.9, -2, 0],
      [1e30, 2147483647, 255],
      [-Infinity, -2147483648, 0],
    ];
    for (const [value, int32, uint8] of cases) {
      expect(castValue(value, 'float64', 'int32')).toBe(int32);
      expect(castValue(value, 'float64', 'uint8')).toBe(uint8);
    }
    expect(castValue(Number.NaN, 'float32', 'bool')).toBe(1);
    expect(castValue(300, 'int32', 'uint8')).toBe(44);
  });

  it('zip refuses unequal shapes', () => {
    expect(() => zip(ndarray([2]), ndarray([3]), (a) => a)).toThrow();
  });
});

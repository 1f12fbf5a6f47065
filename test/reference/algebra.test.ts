import { describe, expect, it } from 'vitest';
import { expectClose, expectEqual } from '../support/compare';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { concat, oneHot, pad, padGradient, slice, sliceGradient, split, stack, transpose } from './copy';
import {
  crossEntropy,
  crossEntropyGradient,
  nllLoss,
  nllLossGradient,
  pairLoss,
  pairLosses,
  pairLossGradient,
  type Reduction,
} from './loss';
import { linear, linearGradient, matmul, matmulGradient, transposeLast } from './matmul';
import { fill, map, ndarray, permute, scalar } from './ndarray';
import { sgdStep } from './optim';
import { philox4x32 } from './philox';
import * as reduce from './reduce';
import { softmax } from './softmax';

const random = new Random('reference algebra');
const reductions: Reduction[] = ['mean', 'sum', 'none'];

describe('matmul', () => {
  it('computes a worked example', () => {
    const product = matmul(ndarray([2, 2], [1, 2, 3, 4]), ndarray([2, 2], [5, 6, 7, 8]));
    expectEqual(product, ndarray([2, 2], [19, 22, 43, 50]));
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('transposes and differentiates (%s, %s)', (transposeA, transposeB) => {
    const options = { transposeA, transposeB };
    const a = random.array(transposeA ? [2, 1, 4, 3] : [2, 1, 3, 4], 'float64');
    const b = random.array(transposeB ? [3, 5, 4] : [3, 4, 5], 'float64');
    const g = random.array([2, 3, 3, 5], 'float64');
    expectEqual(matmul(a, b, options), matmul(transposeA ? transposeLast(a) : a, transposeB ? transposeLast(b) : b));
    const gradient = matmulGradient(g, a, b, options);
    expectGradient((probe) => weightedSum(matmul(probe, b, options), g), a, gradient.a);
    expectGradient((probe) => weightedSum(matmul(a, probe, options), g), b, gradient.b);
  });

  it('linear differentiates', () => {
    const [x, w, b] = [[2, 3, 4], [5, 4], [5]].map((shape) => random.array(shape, 'float64'));
    const g = random.array([2, 3, 5], 'float64');
    const gradient = linearGradient(g, x, w);
    expectGradient((probe) => weightedSum(linear(probe, w, b), g), x, gradient.input);
    expectGradient((probe) => weightedSum(linear(x, probe, b), g), w, gradient.weight);
    expectGradient((probe) => weightedSum(linear(x, w, probe), g), b, gradient.bias);
  });
});

describe('reductions', () => {
  const x = ndarray([2, 3], [3, 1, 3, -2, 5, 0]);

  it('compute worked examples', () => {
    expectEqual(reduce.sum(x, { axis: 0 }), ndarray([3], [1, 6, 3]));
    expectEqual(reduce.mean(x), scalar(10 / 6));
    expectEqual(reduce.max(x, { axis: -1, keepDims: true }), ndarray([2, 1], [3, 5]));
    expectEqual(reduce.argmax(x, { axis: 1 }), ndarray([2], [0, 1]));
    expectEqual(reduce.argmin(x), scalar(3));
    expectClose(reduce.variance(ndarray([4], [1, 2, 3, 4])), scalar(5 / 3), { dtype: 'float64' });
    expectEqual(reduce.argmax(ndarray([4], [1, Number.NaN, 9, Number.NaN])), scalar(1));
    expectEqual(reduce.min(ndarray([2], [1, Number.NaN])), scalar(Number.NaN));
  });

  it.each([{}, { axis: 1 }, { axis: [0, 2] }, { axis: [-1], keepDims: true }])('differentiate over %j', (options) => {
    const input = random.distinct([2, 3, 4]);
    const output = reduce.max(input, options);
    const g = random.array(output.shape, 'float64');
    expectGradient((p) => weightedSum(reduce.sum(p, options), g), input, reduce.sumGradient(g, input.shape, options));
    expectGradient((p) => weightedSum(reduce.mean(p, options), g), input, reduce.meanGradient(g, input.shape, options));
    expectGradient(
      (p) => weightedSum(reduce.max(p, options), g),
      input,
      reduce.extremumGradient(g, input, output, options),
    );
    expectGradient(
      (p) => weightedSum(reduce.variance(p, options), g),
      input,
      reduce.varianceGradient(g, input, options),
    );
  });
});

describe('copies', () => {
  const x = fill([2, 3, 4], ([i, j, k]) => 100 * i + 10 * j + k);

  it('split undoes concat, and slice finds stack', () => {
    const parts = split(x, [1, 3], 2);
    expectEqual(concat(parts, -1), x);
    expectEqual(slice(stack([x, map(x, (v) => -v)], 1), [0, 0, 0, 0], [2, 1, 3, 4]), ndarray([2, 1, 3, 4], x.data));
    expectEqual(transpose(x), permute(x, [2, 1, 0]));
  });

  it('slice and pad are adjoint', () => {
    const paddings = [
      [1, 0],
      [0, 2],
      [3, 1],
    ];
    const padded = pad(x, paddings, 7);
    expect(padded.data.filter((v) => v === 7).length).toBe(3 * 5 * 8 - 24);
    expectEqual(padGradient(padded, paddings), x);
    expectEqual(sliceGradient(x, padded.shape, [1, 0, 3]), pad(x, paddings));
  });

  it('oneHot marks each label', () => {
    expectEqual(oneHot(ndarray([2], [2, 0]), 3), ndarray([2, 3], [0, 0, 1, 1, 0, 0]));
  });
});

describe('losses', () => {
  const predictions = random.array([3, 4], 'float64', 0.1, 0.9);
  const targets = map(random.integers([3, 4], 0, 1), (v) => v);

  it.each(Object.keys(pairLosses))('%s differentiates', (name) => {
    const target = name === 'hingeLoss' ? map(targets, (v) => 2 * v - 1) : targets;
    for (const reduction of reductions) {
      const g = random.array(reduction === 'none' ? [3, 4] : [], 'float64');
      expectGradient(
        (probe) => weightedSum(pairLoss(name, probe, target, reduction), g),
        predictions,
        pairLossGradient(name, g, predictions, target, reduction),
      );
    }
  });

  it('class losses differentiate, for labels and probabilities', () => {
    for (const shape of [[4], [3, 4], [2, 4, 3, 2]]) {
      const logits = random.array(shape, 'float64', -3, 3);
      const labelShape = shape.length === 1 ? [] : shape.toSpliced(1, 1);
      const labels = random.integers(labelShape, 0, 3);
      const probabilities = softmax(random.array(shape, 'float64'), shape.length === 1 ? 0 : 1);
      for (const reduction of reductions) {
        const g = random.array(reduction === 'none' ? labelShape : [], 'float64');
        for (const target of [labels, probabilities]) {
          expectGradient(
            (probe) => weightedSum(crossEntropy(probe, target, reduction), g),
            logits,
            crossEntropyGradient(g, logits, target, reduction),
          );
        }
        expectGradient(
          (probe) => weightedSum(nllLoss(probe, labels, reduction), g),
          logits,
          nllLossGradient(g, logits.shape, labels, reduction),
        );
      }
    }
  });

  it('cross-entropy of uniform scores is ln C', () => {
    expect(crossEntropy(ndarray([2, 10]), ndarray([2], [3, 9]), 'mean').data[0]).toBeCloseTo(Math.log(10), 14);
  });
});

describe('sgdStep', () => {
  it('follows a worked momentum sequence', () => {
    const [p, v] = [Float64Array.of(1), Float64Array.of(0)];
    const options = { learningRate: 0.1, momentum: 0.5 };
    sgdStep(p, Float64Array.of(2), v, options);
    expect([p[0], v[0]]).toEqual([0.8, 2]);
    sgdStep(p, Float64Array.of(2), v, options);
    expect(v[0]).toBe(3);
    expect(p[0]).toBeCloseTo(0.5, 15);
  });
});

describe('Philox-4x32-10', () => {
  const words = (text: string): number[] => text.split(' ').map((word) => Number.parseInt(word, 16));
  // Known answers published with Random123 (kat_vectors).
  it.each([
    ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('counter %s, key %s', (counter, key, expected) => {
    expect(philox4x32(words(counter), words(key))).toEqual(words(expected));
  });
});

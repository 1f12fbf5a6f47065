import { describe, expect, it } from 'vitest';
import { expectClose, expectEqual } from '../support/compare';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { conv2d, conv2dBias, conv2dInput, conv2dOutputShape, conv2dWeight } from './conv2d';
import { col2im, im2col } from './im2col';
import { matmul } from './matmul';
import { ndarray, reshape } from './ndarray';
import {
  adaptiveAvgPool2d,
  adaptiveAvgPool2dGradient,
  avgPool2d,
  avgPool2dGradient,
  maxPool2dGradient,
  maxPool2dWithIndices,
} from './pool';
import { geometry } from './window';

const close = { dtype: 'float64', terms: 100 } as const;

describe('window geometry', () => {
  it('gives floor((n + 2p - f)/s) + 1', () => {
    expect(geometry([7, 7], [3, 3], {}).h.output).toBe(5);
    expect(geometry([227, 227], [11, 11], { stride: 4 }).h.output).toBe(55);
    expect(geometry([32, 32], [5, 5], { padding: 2 }).w.output).toBe(32);
  });

  it("pads 'same' with the odd row after the input", () => {
    const { h, w } = geometry([5, 6], [4, 3], { padding: 'same', stride: 2 });
    expect([h.output, h.before, h.after]).toEqual([3, 1, 2]);
    expect([w.output, w.before, w.after]).toEqual([3, 0, 1]);
  });

  it('drops a last window that would start in the trailing padding', () => {
    // in = 5, k = 2, s = 3, pad 1: ceil((5+2-2)/3)+1 = 3, and the third window starts at 6 = in + pad, so it goes.
    expect(geometry([5, 5], [2, 2], { stride: 3, padding: 1, ceilMode: true }).h.output).toBe(2);
    expect(geometry([6, 6], [3, 3], { stride: 2, ceilMode: true }).h.output).toBe(3);
  });
});

describe('reference conv2d', () => {
  const options = {
    stride: [2, 1],
    padding: { top: 1, bottom: 2, left: 0, right: 3 },
    dilation: [1, 2],
    groups: 2,
  } as const;
  const random = new Random('reference conv2d');
  const x = random.array([2, 4, 6, 7], 'float64');
  const w = random.array([6, 2, 3, 2], 'float64');
  const g = random.array(conv2dOutputShape(x.shape, w.shape, options), 'float64');
  const bias = random.array([6], 'float64');

  it('computes a worked example', () => {
    const image = ndarray([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const filter = ndarray([1, 1, 2, 2], [1, 0, 0, -1]);
    expectEqual(conv2d(image, filter), ndarray([1, 1, 2, 2], [-4, -4, -4, -4]));
  });

  it('agrees with im2col and a matrix product', () => {
    const input = random.array([2, 3, 6, 5], 'float64');
    const weight = random.array([4, 3, 3, 2], 'float64');
    const window = { stride: [2, 1], padding: { top: 2, bottom: 0, left: 1, right: 1 }, dilation: [2, 1] } as const;
    const columns = im2col(input, { ...window, kernelSize: [3, 2] });
    const product = matmul(reshape(weight, [1, 4, 18]), columns);
    const y = conv2d(input, weight, window);
    expectClose(reshape(product, y.shape), y, close);
  });

  it('has gradients that agree with finite differences', () => {
    const loss = (input = x, weight = w, b = bias) => weightedSum(conv2d(input, weight, options, b), g);
    expectGradient((probe) => loss(probe), x, conv2dInput(x.shape, w, g, options));
    expectGradient((probe) => loss(x, probe), w, conv2dWeight(x, w.shape, g, options));
    expectGradient((probe) => loss(x, w, probe), bias, conv2dBias(g));
  });

  it('has col2im as the adjoint of im2col: <im2col(x), c> = <x, col2im(c)>', () => {
    const window = { ...options, kernelSize: [3, 2] } as const;
    const columns = im2col(x, window);
    const c = random.array(columns.shape, 'float64');
    expect(weightedSum(columns, c)).toBeCloseTo(weightedSum(x, col2im(c, x.shape, window)), 10);
  });
});

describe('reference pooling', () => {
  const random = new Random('reference pool');
  const options = {
    kernelSize: [3, 2],
    stride: [2, 1],
    padding: { top: 1, bottom: 0, left: 0, right: 1 },
    dilation: [1, 2],
    ceilMode: true,
  } as const;
  const x = random.distinct([2, 3, 6, 7]);

  it("computes the lecture's maximum", () => {
    const image = ndarray([1, 1, 4, 4], [1, 1, 2, 4, 5, 6, 7, 8, 3, 2, 1, 0, 1, 2, 3, 4]);
    const { output, indices } = maxPool2dWithIndices(image, { kernelSize: 2 });
    expectEqual(output, ndarray([1, 1, 2, 2], [6, 8, 3, 4]));
    expectEqual(indices, ndarray([1, 1, 2, 2], [5, 7, 8, 15]));
  });

  it('clips the divisor of an average to the padded size, as PyTorch does', () => {
    const ones = ndarray([1, 1, 3, 1], [1, 1, 1]);
    const window = { kernelSize: [2, 1], stride: [2, 1], padding: [1, 0], ceilMode: true } as const;
    // Rows -1..0, 1..2, 3..4 of the input: the third starts in the trailing padding and is dropped.
    expectEqual(avgPool2d(ones, window), ndarray([1, 1, 2, 1], [0.5, 1]));
    const wide = { kernelSize: [3, 1], stride: [2, 1], padding: [1, 0], ceilMode: true } as const;
    const four = ndarray([1, 1, 4, 1], [1, 1, 1, 1]);
    // Rows -1..1, 1..3, 3..5: the last has 3 and 4 within the padded size, of which 3 lies in the input.
    expectEqual(avgPool2d(four, wide), ndarray([1, 1, 3, 1], [2 / 3, 1, 1 / 2]));
    expectEqual(avgPool2d(four, { ...wide, countIncludePad: false }), ndarray([1, 1, 3, 1], [1, 1, 1]));
  });

  it('has gradients that agree with finite differences', () => {
    const { output, indices } = maxPool2dWithIndices(x, options);
    const g = random.array(output.shape, 'float64');
    expectGradient(
      (probe) => weightedSum(maxPool2dWithIndices(probe, options).output, g),
      x,
      maxPool2dGradient(g, indices, x.shape, options),
    );
    for (const countIncludePad of [true, false]) {
      const average = { ...options, countIncludePad };
      expectGradient((probe) => weightedSum(avgPool2d(probe, average), g), x, avgPool2dGradient(g, x.shape, average));
    }
    const adaptive = random.array([2, 3, 4, 3], 'float64');
    expectGradient(
      (probe) => weightedSum(adaptiveAvgPool2d(probe, [4, 3]), adaptive),
      x,
      adaptiveAvgPool2dGradient(adaptive, x.shape),
    );
  });
});

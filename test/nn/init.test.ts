import { type DType, getRngState, manualSeed, matmul, ones, type Tensor, tidy, zeros } from 'receptive';
import { BatchNorm2d, Conv2d, ConvTranspose2d, init, Linear, PReLU, skipInit } from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../support/compare';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { type AnyTensor, read } from '../support/tensors';

type Fill = (tensor: AnyTensor) => AnyTensor;
interface Expected {
  readonly mean?: number;
  readonly variance: number;
  /** Fourth central moment over the variance squared: 1.8 for uniform numbers, 3 for normal ones. */
  readonly kurtosis: number;
  readonly low?: number;
  readonly high?: number;
}

// A convolution's weight: fan-in 40 * 15, fan-out 64 * 15.
const shape = [64, 40, 3, 5];
const [fanIn, fanOut] = [40 * 15, 64 * 15];
const uniform = (low: number, high: number): Expected => ({
  ...{ mean: (low + high) / 2, variance: (high - low) ** 2 / 12, kurtosis: 1.8, low, high },
});
const symmetric = (variance: number): Expected => uniform(-Math.sqrt(3 * variance), Math.sqrt(3 * variance));
const normal = (variance: number, mean = 0): Expected => ({ mean, variance, kurtosis: 3 });

const cases: readonly [string, Fill, Expected][] = [
  ['uniform_', (t) => init.uniform_(t), uniform(0, 1)],
  ['uniform_ on a range', (t) => init.uniform_(t, { low: -3, high: 2 }), uniform(-3, 2)],
  ['normal_', (t) => init.normal_(t), normal(1)],
  ['normal_ with mean and std', (t) => init.normal_(t, { mean: 2, std: 0.5 }), normal(0.25, 2)],
  ['xavierUniform_', (t) => init.xavierUniform_(t), symmetric(2 / (fanIn + fanOut))],
  ['xavierNormal_', (t) => init.xavierNormal_(t, { gain: 3 }), normal(18 / (fanIn + fanOut))],
  ['heUniform_', (t) => init.heUniform_(t), symmetric(2 / fanIn)],
  ['heNormal_', (t) => init.heNormal_(t), normal(2 / fanIn)],
  ['heNormal_ for PReLU', (t) => init.heNormal_(t, { slope: 0.25 }), normal(2 / (1.0625 * fanIn))],
  ['heUniform_ backward', (t) => init.heUniform_(t, { mode: 'fanOut', slope: 1 }), symmetric(1 / fanOut)],
];

/** Mean, variance and kurtosis, each within five of its standard errors; and the range. */
function expectMoments(values: ArrayLike<number>, expected: Expected): void {
  const { mean = 0, variance, kurtosis, low = -Infinity, high = Infinity } = expected;
  const all = Array.from(values);
  const n = all.length;
  const moment = (power: number) => all.reduce((total, x) => total + (x - mean) ** power, 0) / n;
  expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(variance / n));
  expect(Math.abs(moment(2) / variance - 1)).toBeLessThan(5 * Math.sqrt((kurtosis - 1) / n));
  expect(Math.abs(moment(4) / variance ** 2 - kurtosis)).toBeLessThan(5 * Math.sqrt(96 / n));
  expect(all.reduce((a, b) => Math.min(a, b))).toBeGreaterThanOrEqual(low - 1e-6);
  expect(all.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(high + 1e-6);
}

/** Moments of the standard normal distribution cut to [low, high], by the midpoint rule. */
function truncatedMoments(low: number, high: number): Expected {
  const steps = 100_000;
  const x = Array.from({ length: steps }, (_, i) => low + ((i + 0.5) / steps) * (high - low));
  const weight = x.map((v) => Math.exp((x[0] ** 2 - v ** 2) / 2));
  const mass = weight.reduce((a, b) => a + b);
  const mean = x.reduce((total, v, i) => total + v * weight[i], 0) / mass;
  const central = (power: number) => x.reduce((total, v, i) => total + (v - mean) ** power * weight[i], 0) / mass;
  return { mean, variance: central(2), kurtosis: central(4) / central(2) ** 2, low, high };
}

describeOnDevices('initialisations', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(cases)('%s has the moments of its formula', (_, fill, expected) => {
      tidy(() => {
        manualSeed(7);
        const t = zeros(shape, { dtype, requiresGrad: true }) as AnyTensor;
        expect(fill(t)).toBe(t);
        expect(t.requiresGrad).toBe(true);
        expectMoments(t.dataSync() as Float32Array, expected);
      });
    });

    it.each([
      [-2, 2],
      [-0.1, 3],
      [1, 1.5],
      [4, 9],
      [-7, -3],
    ])('truncatedNormal_ from %d to %d', (low, high) => {
      tidy(() => {
        manualSeed(9);
        const t = init.truncatedNormal_(zeros(shape, { dtype }) as AnyTensor, { low, high });
        // The tails' kurtosis is up to 9, where its standard error is larger than the normal distribution's.
        const { mean = 0, variance } = truncatedMoments(low, high);
        const all = Array.from(t.dataSync() as Float32Array);
        const n = all.length;
        const found = all.reduce((total, x) => total + x, 0) / n;
        const spread = all.reduce((total, x) => total + (x - mean) ** 2, 0) / n;
        expect(Math.abs(found - mean)).toBeLessThan(5 * Math.sqrt(variance / n));
        expect(Math.abs(spread / variance - 1)).toBeLessThan(5 * Math.sqrt(8 / n));
        expect(all.reduce((a, b) => Math.min(a, b))).toBeGreaterThanOrEqual(Math.fround(low));
        expect(all.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(Math.fround(high));
      });
    });

    it('truncatedNormal_ scales with mean and std', () => {
      tidy(() => {
        manualSeed(9);
        const t = init.truncatedNormal_(zeros(shape, { dtype }) as AnyTensor, { mean: 5, std: 2, low: 4, high: 10 });
        const { mean = 0, variance, kurtosis } = truncatedMoments(-0.5, 2.5);
        const expected = { mean: 5 + 2 * mean, variance: 4 * variance, kurtosis, low: 4, high: 10 };
        expectMoments(t.dataSync() as Float32Array, expected);
      });
    });

    it.each([[[6, 20]], [[20, 6]], [[8, 2, 2, 2]], [[1, 5]]])('orthogonal_ of %j', (extents) => {
      tidy(() => {
        const gain = 1.5;
        const t = init.orthogonal_(zeros(extents, { dtype }) as Tensor<DType>, { gain });
        const rows = extents[0];
        const columns = t.size / rows;
        const matrix = t.reshape([rows, columns]);
        const wide = rows <= columns;
        const product = matmul(matrix, matrix, wide ? { transposeB: true } : { transposeA: true });
        const side = Math.min(rows, columns);
        const identity = Float64Array.from({ length: side ** 2 }, (_, i) => (i % (side + 1) === 0 ? gain ** 2 : 0));
        expectClose(read(product), { shape: [side, side], data: identity }, { dtype, terms: t.size });
      });
    });
  });
});

describe('initialisations', () => {
  it('constant_, and the same numbers for the same seed', () => {
    tidy(() => {
      expect([...init.constant_(ones([2]), 0.5).dataSync()]).toEqual([0.5, 0.5]);
      const draw = () => {
        manualSeed(4);
        return [...init.orthogonal_(zeros([3, 3])).dataSync(), ...init.truncatedNormal_(zeros([3])).dataSync()];
      };
      expect(draw()).toEqual(draw());
    });
  });

  it('layers begin as PyTorch does', () => {
    manualSeed(5);
    const bound = (fan: number) => uniform(-1 / Math.sqrt(fan), 1 / Math.sqrt(fan));
    using conv = new Conv2d(40, 64, [3, 5], { groups: 4 });
    using transposed = new ConvTranspose2d(40, 64, 5, { groups: 2 });
    using linear = new Linear(100, 3000);
    expectMoments(conv.weight.dataSync(), bound(10 * 15));
    expectMoments(transposed.weight.dataSync(), bound(32 * 25));
    expectMoments(linear.weight.dataSync(), bound(100));
    expectMoments(linear.bias?.dataSync() ?? [], bound(100));
    using prelu = new PReLU(3);
    expect([...prelu.weight.dataSync()]).toEqual([0.25, 0.25, 0.25]);
  });

  it('refuse what they cannot fill', () => {
    tidy(() => {
      const w = zeros([2, 3]);
      const vector = zeros([3]);
      const given: [() => unknown, Parameters<typeof expectThrows>[1], RegExp][] = [
        [() => init.xavierUniform_(vector), 'ShapeError', /xavierUniform_: tensor must have two axes/],
        [() => init.heNormal_(vector), 'ShapeError', /heNormal_/],
        [() => init.orthogonal_(vector), 'ShapeError', /orthogonal_/],
        [() => init.normal_(zeros([2], { dtype: 'int32' })), 'DTypeError', /normal_: tensor/],
        [() => init.constant_(3 as never, 1), 'ArgumentError', /constant_: tensor must be a Tensor/],
        [() => init.constant_(w, '1' as never), 'ArgumentError', /constant_: value/],
        [() => init.uniform_(w, { low: 1, high: 0 }), 'ArgumentError', /uniform_: high/],
        [() => init.normal_(w, { std: -1 }), 'ArgumentError', /normal_: std/],
        [() => init.truncatedNormal_(w, { std: 0 }), 'ArgumentError', /truncatedNormal_: std must be positive/],
        [() => init.truncatedNormal_(w, { low: 2 }), 'ArgumentError', /truncatedNormal_: low 2 must be below high 2/],
        [() => init.heUniform_(w, { mode: 'fan' as never }), 'ArgumentError', /heUniform_: mode/],
        [() => init.heUniform_(w, { slope: Number.NaN }), 'ArgumentError', /heUniform_: slope/],
        [() => init.xavierNormal_(w, { gain: -1 }), 'ArgumentError', /xavierNormal_: gain/],
        [() => init.xavierNormal_(w, { slope: 1 } as never), 'ArgumentError', /unknown option 'slope'/],
      ];
      for (const [body, name, message] of given) expectThrows(body, name, message);
    });
  });
});

describe('skipInit', () => {
  it('leaves weights 0 and the random stream as it was, and fixed numbers as they are', () => {
    const before = getRngState();
    const [conv, norm, slopes] = skipInit(() => [
      new Conv2d(2, 3, 3),
      new BatchNorm2d(3),
      new PReLU(2, { init: 0.1 }),
    ]) as [Conv2d, BatchNorm2d, PReLU];
    using _ = conv;
    using __ = norm;
    using ___ = slopes;
    expect(getRngState()).toEqual(before);
    const values = (t: Tensor | null) => Array.from(t?.dataSync() ?? []);
    expect(new Set([...values(conv.weight), ...values(conv.bias)])).toEqual(new Set([0]));
    expect(conv.weight.requiresGrad).toBe(true);
    expect([...values(norm.weight), ...values(slopes.weight)]).toEqual([1, 1, 1, ...Float32Array.of(0.1, 0.1)]);
  });

  it('lets the functions of init check their arguments alone, until it ends', () => {
    tidy(() => {
      const t = zeros([2, 3]);
      skipInit(() => {
        skipInit(() => {});
        for (const fill of Object.values(init)) if (fill !== init.constant_) (fill as Fill)(t as AnyTensor);
        init.constant_(t, 3);
        expectThrows(() => init.heNormal_(t, { slope: Number.NaN }), 'ArgumentError', /heNormal_/);
      });
      expect(Array.from(t.dataSync())).toEqual([0, 0, 0, 0, 0, 0]);
      expectThrows(() => skipInit(() => init.normal_(3 as never)), 'ArgumentError', /normal_/);
      expect(init.constant_(t, 3).dataSync()[0]).toBe(3);
    });
  });

  it('refuses what is no function or not synchronous', () => {
    expectThrows(() => skipInit(3 as never), 'ArgumentError', /skipInit: fn must be a function/);
    expectThrows(() => skipInit(async () => {}), 'ArgumentError', /skipInit: fn must be synchronous/);
  });
});

import { mul, sum, type Tensor, tensor, tidy, zeros } from 'receptive';
import { SpatialPyramidPool } from 'receptive/models';
import { receptiveField } from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { type NdArray, ndarray } from '../reference/ndarray';
import { expectSame } from '../support/compare';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, read, toTensor } from '../support/tensors';

/** First position of bin i of n, and the one behind its last. */
const range = (extent: number, i: number, n: number): [number, number] => [
  Math.floor((i * extent) / n),
  Math.ceil(((i + 1) * extent) / n),
];

/** The largest of a rectangle of a plane; NaN where there is one. */
function largest(plane: Float64Array, width: number, rows: [number, number], columns: [number, number]): number {
  let found = -Infinity;
  for (let y = rows[0]; y < rows[1]; y++) {
    for (let x = columns[0]; x < columns[1]; x++) found = Math.max(found, plane[y * width + x]);
  }
  return found;
}

/** The maximum of each bin, level by level, by its definition. */
function reference({ shape: [samples, channels, height, width], data }: NdArray, levels: readonly number[]): NdArray {
  const found: number[] = [];
  const size = height * width;
  for (let n = 0; n < samples; n++) {
    for (const bins of levels) {
      for (let c = 0; c < channels; c++) {
        const at = (n * channels + c) * size;
        const plane = data.subarray(at, at + size);
        for (let bin = 0; bin < bins * bins; bin++) {
          const rows = range(height, Math.floor(bin / bins), bins);
          found.push(largest(plane, width, rows, range(width, bin % bins, bins)));
        }
      }
    }
  }
  return ndarray([samples, channels * levels.reduce((total, bins) => total + bins * bins, 0)], found);
}

describeOnDevices('SpatialPyramidPool', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each([
      [
        [2, 3, 14, 14],
        [7, 3, 2, 1],
      ],
      [
        [1, 2, 13, 10],
        [4, 3],
      ],
      [
        [2, 1, 2, 5],
        [3, 1],
      ], // bins overlap where there are more than elements
      [
        [0, 2, 5, 4],
        [2, 1],
      ],
    ])('%j into bins %j', (shape, levels) => {
      const x = new Random(`pyramid ${shape}`).array(shape, dtype);
      const found = evaluate(() => new SpatialPyramidPool(levels).call(toTensor(x, dtype) as never) as AnyTensor);
      expectSame(found, reference(x, levels));
    });
  });

  it('keeps NaN, zeros of both signs and infinities', () => {
    const x = ndarray([1, 1, 2, 4], [Number.NaN, 1, -Infinity, -Infinity, 2, 3, -Infinity, -0]);
    const found = evaluate(() => new SpatialPyramidPool([2, 1]).call(toTensor(x) as Tensor) as AnyTensor);
    expectSame(found, ndarray([1, 5], [Number.NaN, -Infinity, 3, -0, Number.NaN]));
  });

  it('has the gradient of its formula', () => {
    const random = new Random('pyramid gradient');
    const levels = [3, 2];
    const x = random.array([2, 2, 5, 7], 'float64');
    const weights = random.array([2, 2 * 13], 'float64');
    const pool = new SpatialPyramidPool<'float64'>(levels);
    const gradient = tidy(() => {
      const input = tensor(x.data, { shape: x.shape, requiresGrad: true });
      sum(mul(pool.call(input), tensor(weights.data, { shape: weights.shape }))).backward();
      const result = read(input.grad as AnyTensor);
      input.grad?.dispose();
      return result;
    });
    const f = (at: NdArray) => reference(at, levels).data.reduce((total, y, i) => total + y * weights.data[i], 0);
    expectGradient(f, x, gradient);
  });
});

describe('SpatialPyramidPool', () => {
  it('sees everything', () => {
    expect(receptiveField(new SpatialPyramidPool([2])).size).toEqual([Infinity, Infinity]);
  });

  it('refuses what makes no sense', () => {
    expectThrows(
      () => new SpatialPyramidPool([]),
      'ArgumentError',
      /SpatialPyramidPool: levels must be a non-empty array/,
    );
    expectThrows(() => new SpatialPyramidPool(3 as never), 'ArgumentError', /SpatialPyramidPool: levels/);
    expectThrows(() => new SpatialPyramidPool([2, 0]), 'ArgumentError', /SpatialPyramidPool: levels\[1\]/);
    tidy(() => {
      const pool = new SpatialPyramidPool([2]);
      expectThrows(() => pool.call(zeros([2, 3, 4])), 'ShapeError', /SpatialPyramidPool: input must have rank 4/);
      expectThrows(() => pool.call(zeros([1, 1, 0, 4])), 'ShapeError', /SpatialPyramidPool: input/);
      expectThrows(() => pool.forward(3 as never), 'ArgumentError', /SpatialPyramidPool: input must be a Tensor/);
      const gone = zeros([1, 1, 2, 2]);
      gone.dispose();
      expectThrows(() => pool.call(gone), 'DisposedError', /SpatialPyramidPool: input/);
    });
  });
});

import { expectInteger, expectRank, expectTensor } from '../check';
import { tensor as tensorOf } from '../creation';
import type { DType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { extendToAll, type Field } from '../nn/field';
import { Module } from '../nn/module';
import { concat } from '../ops/concat';
import { gather } from '../ops/gather';
import { maxPool2d } from '../ops/pool';
import { maxWindowNumber } from '../ops/spatial';
import { shapeText } from '../shape';
import type { Tensor } from '../tensor';
import { describe } from '../text';

/** Which positions along an axis each of its bins has: `length` for each, the last one repeated in bins that are shorter. */
function binPositions(extent: number, bins: number): { readonly length: number; readonly positions: Int32Array } {
  const ranges = Array.from({ length: bins }, (_, i) => [
    Math.floor((i * extent) / bins),
    Math.ceil(((i + 1) * extent) / bins),
  ]);
  const length = Math.max(...ranges.map(([first, end]) => end - first));
  const all = ranges.flatMap(([first, end]) => Array.from({ length }, (_, i) => Math.min(first + i, end - 1)));
  return { length, positions: Int32Array.from(all) };
}

/**
 * Spatial pyramid pooling (He, Zhang, Ren & Sun 2015, Spatial pyramid pooling in deep convolutional networks for visual
 * recognition): the maxima over n x n bins of each map, for each level n, joined: [N, C, H, W] to [N, C * (sum of n^2)], whatever
 * H and W are. Bin i of n has the positions from floor(i H / n) to before ceil((i + 1) H / n), as its appendix A says.
 */
export class SpatialPyramidPool<D extends DType = 'float32'> extends Module<D> {
  readonly levels: readonly number[];

  /** @param levels Bins along each axis, one level after the other, each >= 1. @throws ArgumentError. */
  constructor(levels: readonly number[]) {
    super();
    const op = 'SpatialPyramidPool';
    if (!Array.isArray(levels) || levels.length === 0) {
      throw new ArgumentError(`${op}: levels must be a non-empty array, given ${describe(levels)}`);
    }
    this.levels = levels.map((bins, i) => expectInteger(op, `levels[${i}]`, bins, 1, maxWindowNumber));
  }

  override forward(input: Tensor<D>): Tensor<D> {
    const op = 'SpatialPyramidPool';
    expectTensor(op, 'input', input);
    expectRank(op, 'input', input, 4, '[N, C, H, W]');
    const [samples, channels, height, width] = input.shape;
    if (height === 0 || width === 0) {
      throw new ShapeError(`${op}: input ${shapeText(input.shape)} must have positive H and W`);
    }
    const pooled = this.levels.map((bins): Tensor<D> => {
      const rows = binPositions(height, bins);
      const columns = binPositions(width, bins);
      const select = (from: Tensor<D>, positions: Int32Array, axis: number): Tensor<D> =>
        gather(from, tensorOf(positions, { device: input.device }), axis);
      const spread = select(select(input, rows.positions, 2), columns.positions, 3);
      return maxPool2d(spread, { kernelSize: [rows.length, columns.length] }).reshape([
        samples,
        channels * bins * bins,
      ]);
    });
    return concat(pooled, 1);
  }

  override extendField(field: Field): Field {
    return extendToAll(field);
  }
}

import { expectBoolean, expectDtype, expectInteger, expectOptions, expectTensor } from '../check';
import { opNumber, run2 } from '../dispatch';
import type { DType } from '../dtype';
import { ShapeError } from '../errors';
import { expectAxis, shapeText } from '../shape';
import { record, recording } from '../tape/node';
import type { Tensor } from '../tensor';
import { lineAlong } from './axes';
import { elementsRule, maxPositions, scatterElements } from './gather';
import { numberTypes } from './operands';

const topkOp = opNumber('topk');

/** Options of `topk`. */
export interface TopkOptions {
  /** The largest elements, or else the smallest; true if left out. */
  readonly largest?: boolean;
}

/**
 * The k largest (or smallest) elements along an axis, the best first. NaN counts as larger than every number, as in
 * PyTorch; of equal elements the first one comes first.
 *
 * @param input float32, float64, int32 or uint8, rank 1 or more.
 * @param k From 0 to the axis' extent.
 * @param axis Negative counts from the end; the last axis if left out.
 * @returns `values`, in the input's dtype, and `indices`: int32, their positions along the axis. Both have the input's
 *   shape but for k elements on the axis.
 * @throws ShapeError when k exceeds the extent, for a scalar or an axis out of range; DTypeError for bool;
 *   ArgumentError, DisposedError.
 */
export function topk<D extends DType>(
  input: Tensor<D>,
  k: number,
  axis = -1,
  options?: TopkOptions,
): { values: Tensor<D>; indices: Tensor<'int32'> } {
  const op = 'topk';
  expectTensor(op, 'input', input);
  expectDtype(op, 'input', input, numberTypes);
  const { shape, dtype } = input;
  const along = expectAxis(op, 'axis', axis, shape.length);
  expectInteger(op, 'k', k, 0);
  const { largest = true } = expectOptions(op, options, ['largest']);
  expectBoolean(op, 'largest', largest);
  if (k > shape[along]) {
    throw new ShapeError(
      `${op}: k ${k} must not exceed the ${shape[along]} elements of input ${shapeText(shape)} on axis ${along}`,
    );
  }
  if (shape[along] > maxPositions) {
    throw new ShapeError(
      `${op}: input ${shapeText(shape)} has ${shape[along]} elements on axis ${along}, positions are int32 and count at ` +
        `most 2^31 - 1 = ${maxPositions}`,
    );
  }
  const result = shape.with(along, k);
  const { outer, n, inner } = lineAlong(shape, along);
  const [values, indices] = run2(
    topkOp,
    [input],
    { dtype, shape: result },
    { dtype: 'int32', shape: result },
    { outer, n, inner, k, largest },
  );
  if (recording(input)) record(elementsRule, [input], values, [indices], { shape, axis: along });
  return { values, indices };
}

/**
 * Gradient of `topk` by its input: g at the positions of the chosen elements, 0 elsewhere.
 *
 * @param gradOutput Gradient of the values, float32 or float64.
 * @param indices Of the forward op. Indices out of range are found while running: reading the result throws an
 *   IndexError.
 * @param inputShape Shape of the forward op's input.
 * @param axis The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function topkGradient<D extends DType>(
  gradOutput: Tensor<D>,
  indices: Tensor<'int32'>,
  inputShape: readonly number[],
  axis = -1,
): Tensor<D> {
  return scatterElements('grad.topk', gradOutput, indices, inputShape, axis);
}

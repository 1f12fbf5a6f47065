import { expectDtype, expectSameShape, expectTensor, sameDevice } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { tidy } from '../scope';
import { checkedSize, expectAxis, expectShape, extentsOf, type Shape, sameShape, shapeText } from '../shape';
import { withRecording } from '../tape/mode';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { lineAlong } from './axes';
import { pad, slice } from './copy';
import { expectFloatTensor } from './operands';

const ops = {
  gather: opNumber('gather'),
  gatherElements: opNumber('gatherElements'),
  gatherGrad: opNumber('gatherGrad'),
  gatherElementsGrad: opNumber('gatherElementsGrad'),
};

interface Selected {
  readonly shape: Shape;
  readonly axis: number;
}

type Indices = Tensor<'int32'>;

// Selecting and scattering are each other's gradients.
const selection = { keeps: 'indices', differentiable: true };
const gatherRule = rule<Selected>('gather', selection, ({ gradOutput, saved: [indices], state: { shape, axis } }) => [
  gatherGradient(gradOutput, indices as AnyTensor as Indices, shape, axis),
]);
const gatherGradientRule = rule<number>('grad.gather', selection, ({ gradOutput, saved: [indices], state }) => [
  gather(gradOutput, indices as AnyTensor as Indices, state),
]);
/** Of every op that picks elements along an axis. @internal */
export const elementsRule = rule<Selected>(
  'gatherElements',
  selection,
  ({ gradOutput, saved: [indices], state: { shape, axis } }) => [
    gatherElementsGradient(gradOutput, indices as AnyTensor as Indices, shape, axis),
  ],
);
const elementsGradientRule = rule<number>('grad.gatherElements', selection, ({ gradOutput, saved, state }) => [
  gatherElements(gradOutput, saved[0] as AnyTensor as Indices, state),
]);

/** Positions along an axis are int32. @internal */
export const maxPositions = 2 ** 31 - 1;

function expectIndices(op: string, name: string, tensor: AnyTensor, indices: unknown): asserts indices is AnyTensor {
  expectTensor(op, 'indices', indices);
  expectDtype(op, 'indices', indices, ['int32']);
  sameDevice(op, name, tensor, 'indices', indices);
}

/** What indices select from: an axis that int32 can count, and that has elements if there are indices. */
function expectPositions(op: string, name: string, shape: Shape, axis: number, indices: number): void {
  if (shape[axis] > maxPositions) {
    throw new ShapeError(
      `${op}: ${name} ${shapeText(shape)} has ${shape[axis]} elements on axis ${axis}, indices are int32 and count at ` +
        `most 2^31 - 1 = ${maxPositions}`,
    );
  }
  if (shape[axis] === 0 && indices > 0) {
    throw new ShapeError(
      `${op}: ${name} ${shapeText(shape)} has no elements on axis ${axis} that ${indices} indices could select`,
    );
  }
}

const gatheredShape = (shape: Shape, axis: number, indices: Shape): number[] => [
  ...extentsOf(shape, 0, axis),
  ...indices,
  ...extentsOf(shape, axis + 1),
];

/**
 * Slices of the input by their position along an axis, as ONNX Gather and NumPy take: result[a, ..., i, ..., b, ...] =
 * input[a, ..., indices[i, ...], b, ...], where i, ... runs over the indices and stands in the place of the axis.
 *
 * @param input Any dtype, rank 1 or more.
 * @param indices int32, any shape (a scalar removes the axis), each from 0 to the axis' extent - 1. Indices out of range
 *   are found while running: reading the result throws an IndexError.
 * @param axis Negative counts from the end; 0 if left out.
 * @returns A new tensor [...input.shape before the axis, ...indices.shape, ...input.shape behind it].
 * @throws ShapeError for a scalar input, an axis out of range or without elements, or a result of more than 8 axes;
 *   DTypeError for indices that are not int32; DeviceError, ArgumentError, DisposedError.
 */
export function gather<D extends DType>(input: Tensor<D>, indices: Tensor<'int32'>, axis = 0): Tensor<D> {
  const op = 'gather';
  expectTensor(op, 'input', input);
  expectIndices(op, 'input', input, indices);
  const { shape, dtype } = input;
  const along = expectAxis(op, 'axis', axis, shape.length);
  expectPositions(op, 'input', shape, along, indices.size);
  const result = gatheredShape(shape, along, indices.shape);
  checkedSize(op, result, bytesPerElement(dtype));
  const { outer, n, inner } = lineAlong(shape, along);
  const attributes = { outer, n, inner, count: indices.size };
  const output = run1(ops.gather, [input, indices], dtype, result, attributes);
  return recording(input) ? record(gatherRule, [input], output, [indices], { shape, axis: along }) : output;
}

/**
 * Gradient of `gather`: each element of the input gets the sum of g over the elements that were copied from it, added up
 * in their order, so that the result does not depend on the number of threads.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param indices The forward op's. Indices out of range are found while running: reading the result throws an IndexError.
 * @param inputShape Shape of the forward op's input.
 * @param axis The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function gatherGradient<D extends DType>(
  gradOutput: Tensor<D>,
  indices: Tensor<'int32'>,
  inputShape: readonly number[],
  axis = 0,
): Tensor<D> {
  const op = 'grad.gather';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectIndices(op, 'gradOutput', gradOutput, indices);
  const shape = expectShape(op, 'inputShape', inputShape);
  const along = expectAxis(op, 'axis', axis, shape.length);
  expectPositions(op, 'inputShape', shape, along, indices.size);
  expectSameShape(op, 'gradOutput', gradOutput, gatheredShape(shape, along, indices.shape), 'as the output');
  checkedSize(op, shape, bytesPerElement(gradOutput.dtype));
  const { outer, n, inner } = lineAlong(shape, along);
  const attributes = { outer, n, inner, count: indices.size };
  const result = run1(ops.gatherGrad, [gradOutput, indices], gradOutput.dtype, shape, attributes);
  return recording(gradOutput) ? record(gatherGradientRule, [gradOutput], result, [indices], along) : result;
}

/**
 * The part of an input of `shape` that indices of `indices` reach: the whole axis, and the indices' extents elsewhere.
 */
function reachedShape(op: string, name: string, shape: Shape, axis: number, indices: Shape): number[] {
  if (indices.length !== shape.length) {
    throw new ShapeError(
      `${op}: indices must have the rank of ${name} ${shapeText(shape)}, given shape ${shapeText(indices)}`,
    );
  }
  return shape.map((extent, i) => {
    if (i !== axis && indices[i] > extent) {
      throw new ShapeError(
        `${op}: indices ${shapeText(indices)} must not exceed ${name} ${shapeText(shape)} on axes other than ${axis}, ` +
          `axis ${i} has ${indices[i]} and ${extent}`,
      );
    }
    return i === axis ? extent : indices[i];
  });
}

/**
 * One element of the input for each index, as ONNX GatherElements and torch.gather: with axis 1, result[i, j, k] =
 * input[i, indices[i, j, k], k].
 *
 * @param input Any dtype, rank 1 or more.
 * @param indices int32, of the input's rank, its extents on the other axes at most the input's; each from 0 to the axis'
 *   extent - 1. Indices out of range are found while running: reading the result throws an IndexError.
 * @param axis Negative counts from the end.
 * @returns A new tensor of the indices' shape and the input's dtype.
 * @throws ShapeError for shapes that do not fit, a scalar input, an axis out of range or without elements; DTypeError for
 *   indices that are not int32; DeviceError, ArgumentError, DisposedError.
 */
export function gatherElements<D extends DType>(input: Tensor<D>, indices: Tensor<'int32'>, axis: number): Tensor<D> {
  const op = 'gatherElements';
  expectTensor(op, 'input', input);
  expectIndices(op, 'input', input, indices);
  const along = expectAxis(op, 'axis', axis, input.shape.length);
  const reached = reachedShape(op, 'input', input.shape, along, indices.shape);
  expectPositions(op, 'input', input.shape, along, indices.size);
  const { outer, n, inner } = lineAlong(reached, along);
  const attributes = { outer, n, inner, count: indices.shape[along] };
  const run = (from: Tensor<D>): Tensor<D> =>
    run1(ops.gatherElements, [from, indices], input.dtype, indices.shape, attributes);
  const whole = sameShape(reached, input.shape);
  const origin = reached.map(() => 0);
  const output = withRecording(false, () => tidy(() => run(whole ? input : slice(input, origin, reached))));
  if (!recording(input)) return output;
  return record(elementsRule, [input], output, [indices], { shape: input.shape, axis: along });
}

/** The gradient of `gatherElements`, under the name of the op that chose the indices. @internal */
export function scatterElements<D extends DType>(
  op: string,
  gradOutput: Tensor<D>,
  indices: Tensor<'int32'>,
  inputShape: unknown,
  axis: unknown,
): Tensor<D> {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectIndices(op, 'gradOutput', gradOutput, indices);
  const shape = expectShape(op, 'inputShape', inputShape);
  const along = expectAxis(op, 'axis', axis, shape.length);
  const reached = reachedShape(op, 'inputShape', shape, along, indices.shape);
  expectPositions(op, 'inputShape', shape, along, indices.size);
  expectSameShape(op, 'gradOutput', gradOutput, indices.shape, 'as indices');
  checkedSize(op, shape, bytesPerElement(gradOutput.dtype));
  const run = (to: Shape): Tensor<D> =>
    run1(ops.gatherElementsGrad, [gradOutput, indices], gradOutput.dtype, to, {
      ...lineAlong(reached, along),
      count: indices.shape[along],
    });
  const result = tidy(() => {
    const scattered = run(reached);
    if (sameShape(reached, shape)) return scattered;
    return pad(
      scattered,
      shape.map((extent, i) => [0, extent - reached[i]]),
    );
  });
  return recording(gradOutput) ? record(elementsGradientRule, [gradOutput], result, [indices], along) : result;
}

/**
 * Gradient of `gatherElements`: each element of the input gets the sum of g over the elements that were copied from it,
 * added up in their order, so that the result does not depend on the number of threads.
 *
 * @param gradOutput Gradient of the output, float32 or float64, of the indices' shape.
 * @param indices The forward op's. Indices out of range are found while running: reading the result throws an IndexError.
 * @param inputShape Shape of the forward op's input.
 * @param axis The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function gatherElementsGradient<D extends DType>(
  gradOutput: Tensor<D>,
  indices: Tensor<'int32'>,
  inputShape: readonly number[],
  axis: number,
): Tensor<D> {
  return scatterElements('grad.gatherElements', gradOutput, indices, inputShape, axis);
}

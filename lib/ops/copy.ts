import { expectInteger, expectSameShape, expectTensor } from '../check';
import { create1, opNumber, run1, runInPlace } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { clone as copyOf } from '../move';
import { checkedSize, expectAxis, expectPermutation, expectShape, type Shape, shapeText, stridesOf } from '../shape';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import { broadcastStrides, collapse } from './broadcast';
import { expectFloatTensor, expectScalar } from './operands';
import { sumTo } from './reduce';

const copyOp = opNumber('copyStrided');
const fillOp = opNumber('fill');

/** Attributes of a copy of `shape` elements between two places with a stride per axis. */
function copyAttributes(
  shape: Shape,
  srcStrides: readonly number[],
  dstStrides: readonly number[],
  srcOffset = 0,
  dstOffset = 0,
) {
  const { dims, strides } = collapse(shape, [srcStrides, dstStrides]);
  return { rank: dims.length, dims, srcStrides: strides[0], dstStrides: strides[1], srcOffset, dstOffset };
}

/** A new tensor of `shape` whose elements are read from `input` with a stride per axis. */
function pick<D extends DType>(input: Tensor<D>, shape: Shape, strides: readonly number[], offset = 0): Tensor<D> {
  return run1(copyOp, [input], input.dtype, shape, copyAttributes(shape, strides, stridesOf(shape), offset));
}

/** Where a part begins within a whole; `shape` of what the forward op was given. */
interface Placed {
  readonly shape: Shape;
  readonly begin: readonly number[];
}

const linear = { keeps: 'nothing', differentiable: true };

const expandRule = rule<Shape>('expand', linear, ({ gradOutput, state }) => [sumTo(gradOutput, state)]);
const permuteRule = rule<readonly number[]>('permute', linear, ({ gradOutput, state }) => [
  permuteGradient(gradOutput, state),
]);
const sliceRule = rule<Placed>('slice', linear, ({ gradOutput, state: { shape, begin } }) => [
  surround(gradOutput, shape, begin, 0),
]);
const surroundRule = rule<Placed>('pad', linear, ({ gradOutput, state: { shape, begin } }) => {
  const end = begin.map((first, axis) => first + shape[axis]);
  return [sliceRange(gradOutput, begin, end)];
});

/** `input` repeated to `shape`, to which it broadcasts. @internal */
export function expand<D extends DType>(input: Tensor<D>, shape: Shape): Tensor<D> {
  const output = pick(input, shape, broadcastStrides(input.shape, shape));
  return recording(input) ? record(expandRule, [input], output, [], input.shape) : output;
}

/**
 * A copy with memory of its own; a function form of `Tensor.clone`.
 *
 * @param input Any dtype and shape.
 * @throws DisposedError.
 */
export function clone<D extends DType>(input: Tensor<D>): Tensor<D> {
  expectTensor('clone', 'input', input);
  return copyOf(input);
}

/**
 * The axes in another order: axis i of the result is axis `axes[i]` of the input.
 *
 * @param input Any dtype and shape.
 * @param axes Each axis once; negative ones count from the end.
 * @returns A new tensor with memory of its own.
 * @throws ShapeError unless `axes` is a permutation; ArgumentError, DisposedError.
 */
export function permute<D extends DType>(input: Tensor<D>, axes: readonly number[]): Tensor<D> {
  expectTensor('permute', 'input', input);
  return permuteBy(input, expectPermutation('permute', 'axes', axes, input.shape.length));
}

function permuteBy<D extends DType>(input: Tensor<D>, axes: readonly number[]): Tensor<D> {
  const strides = stridesOf(input.shape);
  const output = pick(
    input,
    axes.map((axis) => input.shape[axis]),
    axes.map((axis) => strides[axis]),
  );
  return recording(input) ? record(permuteRule, [input], output, [], axes) : output;
}

/**
 * Two axes exchanged, the last two by default: a matrix, or each matrix of a batch, is transposed.
 *
 * @param input Any dtype, rank 2 or more (rank 1 where both axes are named).
 * @param axisA Negative counts from the end; -2 if left out.
 * @param axisB Negative counts from the end; -1 if left out.
 * @returns A new tensor with memory of its own.
 * @throws ShapeError for an axis out of range; ArgumentError, DisposedError.
 */
export function transpose<D extends DType>(input: Tensor<D>, axisA = -2, axisB = -1): Tensor<D> {
  expectTensor('transpose', 'input', input);
  return exchange('transpose', input, axisA, axisB);
}

function exchange<D extends DType>(op: string, input: Tensor<D>, axisA: number, axisB: number): Tensor<D> {
  const rank = input.shape.length;
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const a = expectAxis(op, 'axisA', axisA, rank);
  const b = expectAxis(op, 'axisB', axisB, rank);
  [axes[a], axes[b]] = [axes[b], axes[a]];
  return permuteBy(input, axes);
}

interface Ranges {
  readonly begin: number[];
  readonly end: number[];
}

/** One integer per axis. */
function expectPositions(op: string, name: string, value: unknown, shape: Shape): number[] {
  if (!Array.isArray(value)) {
    throw new ArgumentError(`${op}: ${name} must be an array of integers, given ${describe(value)}`);
  }
  if (value.length !== shape.length) {
    throw new ShapeError(
      `${op}: ${name} must have one number per axis of ${shapeText(shape)}, ${shape.length}, given ${value.length}`,
    );
  }
  return Array.from(value, (entry, axis) => {
    const position = expectInteger(op, `${name}[${axis}]`, entry, -Number.MAX_SAFE_INTEGER);
    return position < 0 ? position + shape[axis] : position;
  });
}

/** begin and end of every axis, from the caller's lists; negative ones count from the end. */
function expectRanges(op: string, shape: Shape, begin: unknown, end: unknown): Ranges {
  const from = expectPositions(op, 'begin', begin, shape);
  const to = end === undefined ? [...shape] : expectPositions(op, 'end', end, shape);
  for (const [axis, extent] of shape.entries()) {
    if (from[axis] < 0 || from[axis] > to[axis] || to[axis] > extent) {
      const [first, last] = [begin as number[], (end ?? shape) as number[]].map((list) => list[axis]);
      throw new ShapeError(
        `${op}: begin ${first} and end ${last} do not fit 0 <= begin <= end <= ${extent}, the extent of axis ` +
          `${axis} of ${shapeText(shape)} (negative ones count from the end)`,
      );
    }
  }
  return { begin: from, end: to };
}

const offsetOf = (strides: readonly number[], index: readonly number[]): number =>
  index.reduce((offset, i, axis) => offset + i * strides[axis], 0);

/**
 * The elements from `begin` up to but not including `end`, on every axis. (`Tensor.slice` cuts the first axis only and
 * shares memory.)
 *
 * @param input Any dtype and shape.
 * @param begin One number per axis; negative ones count from the end.
 * @param end Likewise; the input's shape if left out.
 * @returns A new tensor with memory of its own.
 * @throws ShapeError unless 0 <= begin <= end <= extent; ArgumentError, DisposedError.
 */
export function slice<D extends DType>(input: Tensor<D>, begin: readonly number[], end?: readonly number[]): Tensor<D> {
  expectTensor('slice', 'input', input);
  const range = expectRanges('slice', input.shape, begin, end);
  return sliceRange(input, range.begin, range.end);
}

function sliceRange<D extends DType>(input: Tensor<D>, begin: readonly number[], end: readonly number[]): Tensor<D> {
  const strides = stridesOf(input.shape);
  const shape = begin.map((first, axis) => end[axis] - first);
  // An empty result reads nothing, and its offset may lie behind the last element.
  const empty = shape.some((extent) => extent === 0);
  const output = pick(input, shape, strides, empty ? 0 : offsetOf(strides, begin));
  return recording(input) ? record(sliceRule, [input], output, [], { shape: input.shape, begin }) : output;
}

/** Copies `input` into `target` at `begin`. */
function place(input: AnyTensor, target: AnyTensor, begin: readonly number[]): void {
  if (input.size === 0) return;
  const strides = stridesOf(target.shape);
  const attrs = copyAttributes(input.shape, stridesOf(input.shape), strides, 0, offsetOf(strides, begin));
  runInPlace(copyOp, [input], [target], attrs);
}

/** A tensor of `shape` with `value` everywhere but where `input` is placed. */
function surround<D extends DType>(input: Tensor<D>, shape: Shape, begin: readonly number[], value: number): Tensor<D> {
  const result = create1(fillOp, input._device, input.dtype, shape, { value });
  try {
    place(input, result, begin);
    return recording(input) ? record(surroundRule, [input], result, [], { shape: input.shape, begin }) : result;
  } catch (error) {
    result.dispose();
    throw error;
  }
}

/** Rows and columns to add before and after each axis. */
export type Paddings = readonly (readonly [before: number, after: number])[];

function expectPaddings(op: string, value: unknown, rank: number): [number, number][] {
  if (!Array.isArray(value)) {
    throw new ArgumentError(`${op}: paddings must be an array of [before, after], given ${describe(value)}`);
  }
  if (value.length !== rank) {
    throw new ShapeError(`${op}: paddings must have one [before, after] per axis, ${rank}, given ${value.length}`);
  }
  return Array.from(value, (pair, axis): [number, number] => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new ArgumentError(`${op}: paddings[${axis}] must be [before, after], given ${describe(pair)}`);
    }
    return [
      expectInteger(op, `paddings[${axis}][0]`, pair[0], 0),
      expectInteger(op, `paddings[${axis}][1]`, pair[1], 0),
    ];
  });
}

/**
 * The input surrounded by a constant.
 *
 * @param input Any dtype and shape.
 * @param paddings `[before, after]` for every axis, integers >= 0.
 * @param value What the border holds, as a number that the dtype can hold.
 * @returns A new tensor; its extents are before + extent + after.
 * @throws ShapeError when there is not one pair per axis, or the size overflows; DTypeError, ArgumentError,
 *   DisposedError.
 */
export function pad<D extends DType>(input: Tensor<D>, paddings: Paddings, value = 0): Tensor<D> {
  expectTensor('pad', 'input', input);
  const pairs = expectPaddings('pad', paddings, input.shape.length);
  const fill = expectScalar('pad', 'value', value, input.dtype);
  const shape = input.shape.map((extent, axis) => pairs[axis][0] + extent + pairs[axis][1]);
  checkedSize('pad', shape, bytesPerElement(input.dtype));
  return surround(
    input,
    shape,
    pairs.map(([before]) => before),
    fill,
  );
}

/**
 * Gradient of `pad`: the part of g that covers the input.
 *
 * @param gradOutput Gradient of the output.
 * @param paddings The forward op's.
 * @throws ShapeError when the paddings do not fit; ArgumentError, DisposedError.
 */
export function padGradient<D extends DType>(gradOutput: Tensor<D>, paddings: Paddings): Tensor<D> {
  expectFloatTensor('grad.pad', 'gradOutput', gradOutput);
  const { shape } = gradOutput;
  const pairs = expectPaddings('grad.pad', paddings, shape.length);
  for (const [axis, [before, after]] of pairs.entries()) {
    if (before + after > shape[axis]) {
      throw new ShapeError(
        `grad.pad: paddings[${axis}] adds ${before} + ${after}, gradOutput ${shapeText(shape)} has only ` +
          `${shape[axis]} on axis ${axis}`,
      );
    }
  }
  return sliceRange(
    gradOutput,
    pairs.map(([before]) => before),
    pairs.map(([, after], axis) => shape[axis] - after),
  );
}

/** Gradient of `permute`: the axes back in their places. Takes the forward op's axes. */
export function permuteGradient<D extends DType>(gradOutput: Tensor<D>, axes: readonly number[]): Tensor<D> {
  expectFloatTensor('grad.permute', 'gradOutput', gradOutput);
  const order = expectPermutation('grad.permute', 'axes', axes, gradOutput.shape.length);
  const inverse = new Array<number>(order.length);
  for (const [i, axis] of order.entries()) inverse[axis] = i;
  return permuteBy(gradOutput, inverse);
}

/** Gradient of `transpose`: the same exchange of axes again. Takes the forward op's axes. */
export function transposeGradient<D extends DType>(gradOutput: Tensor<D>, axisA = -2, axisB = -1): Tensor<D> {
  expectFloatTensor('grad.transpose', 'gradOutput', gradOutput);
  return exchange('grad.transpose', gradOutput, axisA, axisB);
}

/**
 * Gradient of `slice`: g in its place within zeros.
 *
 * @param gradOutput Gradient of the output.
 * @param inputShape Shape of the forward op's input.
 * @param begin The forward op's.
 * @param end The forward op's.
 * @throws ShapeError when they do not fit each other; ArgumentError, DisposedError.
 */
export function sliceGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  begin: readonly number[],
  end?: readonly number[],
): Tensor<D> {
  expectFloatTensor('grad.slice', 'gradOutput', gradOutput);
  const shape = expectShape('grad.slice', 'inputShape', inputShape);
  const range = expectRanges('grad.slice', shape, begin, end);
  const extents = range.begin.map((first, axis) => range.end[axis] - first);
  expectSameShape('grad.slice', 'gradOutput', gradOutput, extents, 'as end - begin');
  checkedSize('grad.slice', shape, bytesPerElement(gradOutput.dtype));
  return surround(gradOutput, shape, range.begin, 0);
}

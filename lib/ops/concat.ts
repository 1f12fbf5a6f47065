// Joining tensors along an axis and taking them apart: copies between [outer, n, inner] and parts of it.
import { expectInteger, expectTensor, expectTensors } from '../check';
import { zeros } from '../creation';
import { opNumber, run1, runInPlace } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { tidy } from '../scope';
import { checkedSize, expectAxis, type Shape, shapeText, sizeOf } from '../shape';
import { mode } from '../tape/mode';
import { type BackwardCall, record, recordAll, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import { lineAlong } from './axes';
import { expectFloatTensor } from './operands';

const copyOp = opNumber('copyStrided');

/** Copies `outer` blocks of `length` elements; blocks are `from` and `to` elements apart. */
function blocks(outer: number, length: number, from: number, to: number, srcOffset: number, dstOffset: number) {
  return { rank: 2, dims: [outer, length], srcStrides: [from, 1], dstStrides: [to, 1], srcOffset, dstOffset };
}

/** A tensor of `shape`, made of the elements of `inputs` side by side along `axis`. */
function join<D extends DType>(op: string, inputs: readonly Tensor<D>[], shape: Shape, axis: number): Tensor<D> {
  checkedSize(op, shape, bytesPerElement(inputs[0].dtype));
  const output = joined(inputs, shape, axis);
  if (!mode.recording || !inputs.some((input) => input._requiresGrad)) return output;
  const state = { axis, shapes: inputs.map((input) => input.shape) };
  return record(op === 'stack' ? stackRule : concatRule, inputs, output, [], state);
}

function joined<D extends DType>(inputs: readonly Tensor<D>[], shape: Shape, axis: number): Tensor<D> {
  const { outer, n, inner } = lineAlong(shape, axis);
  const row = n * inner;
  let result: Tensor<D> | undefined;
  let at = 0;
  try {
    for (const input of inputs) {
      const length = outer === 0 ? 0 : input.size / outer;
      const attrs = blocks(outer, length, length, row, 0, length === 0 ? 0 : at);
      // The first copy makes the output; the others fill in the rest of it.
      if (result === undefined) result = run1(copyOp, [input], input.dtype, shape, attrs);
      else if (input.size > 0) runInPlace(copyOp, [input], [result], attrs);
      at += length;
    }
    return result as Tensor<D>;
  } catch (error) {
    result?.dispose();
    throw error;
  }
}

/** Consecutive parts of `input` along `axis`. */
interface Joined {
  readonly axis: number;
  readonly shapes: readonly Shape[];
}

/** The parts of the gradient, in the shapes of what was joined. */
function partsOf({ gradOutput, state: { axis, shapes } }: BackwardCall<Joined>): AnyTensor[] {
  const stacked = shapes[0].length < gradOutput.shape.length;
  const sizes = shapes.map((shape) => (stacked ? 1 : shape[axis]));
  return cut(gradOutput, sizes, axis).map((part, i) => (stacked ? part.reshape(shapes[i]) : part));
}

const linear = { keeps: 'nothing', differentiable: true };
const concatRule = rule<Joined>('concat', linear, partsOf);
const stackRule = rule<Joined>('stack', linear, partsOf);

/** A part of which no gradient arrived has zeros. */
const splitRule = rule<Joined>('split', linear, ({ gradOutput, gradOutputs, state: { axis, shapes } }) => {
  const { dtype, device } = gradOutput;
  const all = gradOutputs.map((part, i) => part ?? zeros(shapes[i], { dtype, device }));
  return [concat(all, axis)];
});

function cut<D extends DType>(input: Tensor<D>, sizes: readonly number[], axis: number): Tensor<D>[] {
  const outputs = cutOut(input, sizes, axis);
  if (!recording(input)) return outputs;
  return recordAll(splitRule, [input], outputs, [], { axis, shapes: outputs.map(({ shape }) => shape) });
}

function cutOut<D extends DType>(input: Tensor<D>, sizes: readonly number[], axis: number): Tensor<D>[] {
  const { outer, n, inner } = lineAlong(input.shape, axis);
  return tidy(() => {
    let start = 0;
    return sizes.map((size) => {
      const shape = input.shape.with(axis, size);
      const length = size * inner;
      const offset = sizeOf(shape) === 0 ? 0 : start * inner;
      start += size;
      return run1(copyOp, [input], input.dtype, shape, blocks(outer, length, n * inner, length, offset, 0));
    });
  });
}

/**
 * Tensors side by side along an axis.
 *
 * @param tensors At least one; equal dtypes, devices, ranks and extents but for the axis.
 * @param axis Negative counts from the end; 0 if left out.
 * @returns A new tensor whose extent along the axis is the sum of theirs.
 * @throws ShapeError when ranks or extents differ, for scalars and for an axis out of range; DTypeError, DeviceError,
 *   DisposedError, ArgumentError.
 */
export function concat<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  expectTensors('concat', 'tensors', tensors);
  return sideBySide('concat', 'tensors', tensors, axis);
}

function sideBySide<D extends DType>(
  op: string,
  name: string,
  tensors: readonly Tensor<D>[],
  axis: unknown,
): Tensor<D> {
  const first = tensors[0].shape;
  const along = expectAxis(op, 'axis', axis, first.length);
  let extent = 0;
  for (const [i, { shape }] of tensors.entries()) {
    const fits = shape.length === first.length && shape.every((e, k) => k === along || e === first[k]);
    if (!fits) {
      throw new ShapeError(
        `${op}: ${name}[${i}] ${shapeText(shape)} must have the shape of ${name}[0] ${shapeText(first)} but for ` +
          `axis ${along}`,
      );
    }
    extent += shape[along];
  }
  return join(op, tensors, first.with(along, extent), along);
}

/**
 * Tensors of one shape along a new axis.
 *
 * @param tensors At least one; equal dtypes, devices and shapes.
 * @param axis Place of the new axis in the result; negative counts from the result's end; 0 if left out.
 * @returns A new tensor of one rank more.
 * @throws ShapeError when shapes differ, for an axis out of range and a rank above 8; DTypeError, DeviceError,
 *   DisposedError, ArgumentError.
 */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  expectTensors('stack', 'tensors', tensors);
  const first = tensors[0].shape;
  const along = expectAxis('stack', 'axis', axis, first.length + 1);
  for (const [i, { shape }] of tensors.entries()) {
    if (shape.length !== first.length || shape.some((extent, k) => extent !== first[k])) {
      throw new ShapeError(
        `stack: tensors[${i}] must have shape ${shapeText(first)}, as tensors[0], given ${shapeText(shape)}`,
      );
    }
  }
  return join('stack', tensors, first.toSpliced(along, 0, tensors.length), along);
}

/** Most parts of one call: an empty tensor may have an axis of any extent, and each part is a tensor. */
const maxParts = 2 ** 20;

function expectPartCount(op: string, count: number): void {
  if (count > maxParts) throw new ShapeError(`${op}: ${count} parts, at most 2^20 = ${maxParts} are supported`);
}

function expectSizes(op: string, name: string, value: unknown): number[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new ArgumentError(`${op}: ${name} must be a non-empty array of integers, given ${describe(value)}`);
  }
  expectPartCount(op, value.length);
  return Array.from(value, (size, i) => expectInteger(op, `${name}[${i}]`, size, 0));
}

function expectSum(op: string, what: string, sizes: readonly number[], shape: Shape, axis: number): void {
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (sum !== shape[axis]) {
    throw new ShapeError(
      `${op}: sizes ${shapeText(sizes)} add up to ${sum}, ${what} ${shapeText(shape)} has ${shape[axis]} on axis ` +
        `${axis}`,
    );
  }
}

/**
 * A tensor cut into consecutive parts along an axis.
 *
 * @param input Any dtype, rank 1 or more.
 * @param parts The parts' extents, which add up to the axis' extent; or a number of parts of equal extent.
 * @param axis Negative counts from the end; 0 if left out.
 * @returns New tensors with memory of their own.
 * @throws ShapeError when the extents do not add up, or the count does not divide the axis; ArgumentError,
 *   DisposedError. At most 2^20 parts.
 */
export function split<D extends DType>(input: Tensor<D>, parts: number | readonly number[], axis = 0): Tensor<D>[] {
  expectTensor('split', 'input', input);
  const { shape } = input;
  const along = expectAxis('split', 'axis', axis, shape.length);
  if (typeof parts === 'number') {
    const count = expectInteger('split', 'parts', parts, 1);
    if (shape[along] % count !== 0 || count > Math.max(shape[along], 1)) {
      throw new ShapeError(
        `split: ${count} parts do not divide axis ${along} of input ${shapeText(shape)} evenly; ` +
          'an array of sizes cuts it anywhere',
      );
    }
    expectPartCount('split', count);
    return cut(input, new Array<number>(count).fill(shape[along] / count), along);
  }
  const sizes = expectSizes('split', 'parts', parts);
  expectSum('split', 'input', sizes, shape, along);
  return cut(input, sizes, along);
}

/**
 * Gradients of `concat`: the parts of g that belong to each input.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param sizes Extents of the inputs along the axis.
 * @param axis The forward op's.
 * @throws ShapeError when the sizes do not add up; ArgumentError, DTypeError, DisposedError.
 */
export function concatGradient<D extends DType>(
  gradOutput: Tensor<D>,
  sizes: readonly number[],
  axis = 0,
): Tensor<D>[] {
  expectFloatTensor('grad.concat', 'gradOutput', gradOutput);
  const along = expectAxis('grad.concat', 'axis', axis, gradOutput.shape.length);
  const extents = expectSizes('grad.concat', 'sizes', sizes);
  expectSum('grad.concat', 'gradOutput', extents, gradOutput.shape, along);
  return cut(gradOutput, extents, along);
}

/**
 * Gradients of `stack`: g cut along the stacked axis, without that axis.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param axis The forward op's.
 * @throws ShapeError for an axis out of range; DTypeError, DisposedError.
 */
export function stackGradient<D extends DType>(gradOutput: Tensor<D>, axis = 0): Tensor<D>[] {
  expectFloatTensor('grad.stack', 'gradOutput', gradOutput);
  const { shape } = gradOutput;
  const along = expectAxis('grad.stack', 'axis', axis, shape.length);
  expectPartCount('grad.stack', shape[along]);
  const inputShape = shape.toSpliced(along, 1);
  return tidy(() =>
    cut(gradOutput, new Array<number>(shape[along]).fill(1), along).map((part) => part.reshape(inputShape)),
  );
}

/**
 * Gradient of `split`: the parts' gradients side by side.
 *
 * @param gradOutputs Gradients of all parts, in order, float32 or float64.
 * @param axis The forward op's.
 * @throws ShapeError when they do not fit each other; DTypeError, DeviceError, DisposedError, ArgumentError.
 */
export function splitGradient<D extends DType>(gradOutputs: readonly Tensor<D>[], axis = 0): Tensor<D> {
  expectTensors('grad.split', 'gradOutputs', gradOutputs);
  for (const [i, part] of gradOutputs.entries()) expectFloatTensor('grad.split', `gradOutputs[${i}]`, part);
  return sideBySide('grad.split', 'gradOutputs', gradOutputs, axis);
}

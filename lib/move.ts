// The methods of Tensor that make another handle, copy or convert.
import { numbers, opNumber, words, writeShape } from './boundary';
import { expectDtypeName, expectTensor, sameDevice, sameDtype } from './check';
import { deviceId, resolveDevice } from './deviceTable';
import { expectWritable, run1, runInPlace } from './dispatch';
import type { DType } from './dtype';
import { bytesPerElement, dtypeNumber, isFloat } from './dtype';
import { ArgumentError, ShapeError } from './errors';
import { native } from './native';
import { pad } from './ops/copy';
import { overlap } from './ops/inPlace';
import { dataSync } from './reading';
import { checkedSize, expectShape, extentsOf, sameShape, shapeText, sizeOf } from './shape';
import { linear, record, recording, rule } from './tape/node';
import { type AnyTensor, Tensor } from './tensor';
import { describe } from './text';

const castOp = opNumber('cast');
const copyOp = opNumber('copyStrided');

/** Another handle, with the tape's knowledge: a rule returns new tensors. */
const another = (tensor: AnyTensor): AnyTensor => reshape(tensor, tensor.shape);

const reshapeRule = rule<readonly number[]>('reshape', linear, ({ gradOutput, state }) => [reshape(gradOutput, state)]);
const cloneRule = rule('clone', linear, ({ gradOutput }) => [another(gradOutput)]);
const castRule = rule<DType>('cast', linear, ({ gradOutput, state }) => [cast(gradOutput, state)]);
const toRule = rule<string>('to', linear, ({ gradOutput, state }) => [to(gradOutput, state)]);
const rowsRule = rule<{ before: number; after: number }>('Tensor.slice', linear, ({ gradOutput, state }) => {
  const paddings = gradOutput.shape.map((): [number, number] => [0, 0]);
  paddings[0] = [state.before, state.after];
  return [pad(gradOutput, paddings)];
});

/** Another handle on the storage of `tensor`, from element `offset`; takes `shape`. */
export function view<D extends DType>(
  tensor: Tensor<D>,
  shape: readonly number[],
  size: number,
  offset: number,
): Tensor<D> {
  words[0] = tensor._slot;
  words[1] = tensor._generation;
  numbers[0] = offset;
  writeShape(shape, 1);
  native.view();
  return tensor._view(words[0], words[1], Object.freeze(shape), size, offset);
}

export function detach<D extends DType>(tensor: Tensor<D>): Tensor<D> {
  tensor._expectAlive('detach');
  return view(tensor, tensor.shape, tensor.size, 0);
}

/**
 * Makes a tensor of host data on a device; the values are copied at the call.
 *
 * @param shape Taken over.
 */
export function fromHost<D extends DType>(
  values: ArrayBufferView,
  dtype: D,
  shape: readonly number[],
  size: number,
  device: number,
): Tensor<D> {
  words[0] = device;
  words[1] = dtypeNumber(dtype);
  writeShape(shape, 0);
  native.create(values);
  return Tensor._wrap(words[0], words[1], Object.freeze(shape), size, dtype, device, deviceId(device));
}

export function to<D extends DType>(tensor: Tensor<D>, id: string): Tensor<D> {
  tensor._expectAlive('to');
  const device = resolveDevice('to', id);
  if (device === tensor._device) return reshape(tensor, tensor.shape);
  const output = fromHost(dataSync(tensor), tensor.dtype, tensor.shape, tensor.size, device);
  return recording(tensor) ? record(toRule, [tensor], output, [], tensor.device) : output;
}

export function cast<E extends DType>(tensor: Tensor<DType>, dtype: E): Tensor<E> {
  tensor._expectAlive('cast');
  expectDtypeName('cast', 'dtype', dtype);
  const output = run1(castOp, [tensor], dtype, tensor.shape);
  return recording(tensor) && isFloat(dtype) ? record(castRule, [tensor], output, [], tensor.dtype) : output;
}

/** The extents asked for, with the -1, if there is one, replaced by what the size demands. */
function inferShape(given: unknown, size: number): number[] {
  const unknown = Array.isArray(given) ? given.indexOf(-1) : -1;
  if (unknown < 0) return expectShape('reshape', 'shape', given);
  const asked = [...(given as unknown[])];
  const shape = expectShape(
    'reshape',
    'shape',
    asked.map((extent) => (extent === -1 ? 1 : extent)),
  );
  const text = shapeText(asked as number[]);
  if (asked.lastIndexOf(-1) !== unknown) throw new ShapeError(`reshape: shape ${text} has more than one -1`);
  const rest = sizeOf(shape);
  if (rest === 0 || size % rest !== 0) {
    throw new ShapeError(`reshape: the -1 in ${text} cannot be determined: ${size} elements divided by ${rest}`);
  }
  shape[unknown] = size / rest;
  return shape;
}

export function reshape<D extends DType>(tensor: Tensor<D>, given: readonly number[]): Tensor<D> {
  tensor._expectAlive('reshape');
  const shape = given === tensor.shape ? given : inferShape(given, tensor.size);
  const size = checkedSize('reshape', shape, bytesPerElement(tensor.dtype));
  if (size !== tensor.size) {
    throw new ShapeError(
      `reshape: ${shapeText(tensor.shape)} has ${tensor.size} elements, ${shapeText(shape)} has ${size}`,
    );
  }
  const output = view(tensor, shape, tensor.size, 0);
  return recording(tensor) ? record(reshapeRule, [tensor], output, [], tensor.shape) : output;
}

function expectPosition(name: string, value: unknown, extent: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new ArgumentError(`slice: ${name} must be an integer, given ${describe(value)}`);
  }
  return value < 0 ? value + extent : value;
}

export function slice<D extends DType>(tensor: Tensor<D>, begin: number, end?: number): Tensor<D> {
  tensor._expectAlive('slice');
  const { shape } = tensor;
  if (shape.length === 0) throw new ShapeError('slice: a scalar has no axis to slice');
  const extent = shape[0];
  const first = expectPosition('begin', begin, extent);
  const last = end === undefined ? extent : expectPosition('end', end, extent);
  if (first < 0 || first > last || last > extent) {
    throw new ShapeError(
      `slice: begin ${begin} and end ${end ?? extent} do not fit 0 <= begin <= end <= ${extent}, the extent of the ` +
        `first axis of ${shapeText(shape)} (negative ones count from the end)`,
    );
  }
  const inner = extent === 0 ? 0 : tensor.size / extent;
  const output = view(tensor, [last - first, ...extentsOf(shape, 1)], (last - first) * inner, first * inner);
  return recording(tensor) ? record(rowsRule, [tensor], output, [], { before: first, after: extent - last }) : output;
}

/** Attributes of a copy of `size` contiguous elements. */
function contiguous(size: number): { [name: string]: number | readonly number[] } {
  return { rank: 1, dims: [size], srcStrides: [1], dstStrides: [1], srcOffset: 0, dstOffset: 0 };
}

export function clone<D extends DType>(tensor: Tensor<D>): Tensor<D> {
  tensor._expectAlive('clone');
  const output = run1(copyOp, [tensor], tensor.dtype, tensor.shape, contiguous(tensor.size));
  return recording(tensor) ? record(cloneRule, [tensor], output) : output;
}

export function copyInto<D extends DType>(target: Tensor<D>, from: Tensor<D>): void {
  target._expectAlive('copy_');
  expectTensor('copy_', 'from', from);
  sameDtype('copy_', 'the tensor', target, 'from', from);
  sameDevice('copy_', 'the tensor', target, 'from', from);
  if (!sameShape(target.shape, from.shape)) {
    throw new ShapeError(
      `copy_: from must have the tensor's shape ${shapeText(target.shape)}, given ${shapeText(from.shape)}`,
    );
  }
  expectWritable('copy_', target);
  // Reading and writing the same memory at different offsets would depend on the order of the copy.
  const source = overlap(target, from) ? clone(from) : from;
  runInPlace(copyOp, [source], [target], contiguous(target.size));
  if (source !== from) source.dispose();
}

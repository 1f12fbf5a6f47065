// Calls of native operations. Callers have checked the arguments; these functions fill the call buffer and wrap results.
import { type Attributes, newOutput, opName, writeAttributes, writeShape } from './boundary';
import { deviceId } from './deviceTable';
import { bytesPerElement, type DType, dtypeNumber } from './dtype';
import { GraphError } from './errors';
import { native } from './native';
import { checkedSize, type Shape, shapeText } from './shape';
import { mode } from './tape/mode';
import { type AnyTensor, Tensor } from './tensor';
import { dispatchTraced, tracing } from './trace';

export { type Attributes, opNumber } from './boundary';

/** An output that an op makes. The shape array is taken over and frozen; a tensor's own shape may be passed. */
export interface OutputSpec<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
}

type Inputs = readonly AnyTensor[];

const { dispatch, words, numbers } = native;

/** Writes op, device, counts and inputs; returns the position of the first output in `words`. */
function begin(op: number, device: number, inputs: Inputs, outputs: number): number {
  words[0] = op;
  words[1] = device;
  words[2] = inputs.length;
  words[3] = outputs;
  words[4] = 0; // no profile
  let at = 5;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    words[at] = input._slot;
    words[at + 1] = input._generation;
    at += 2;
  }
  return at;
}

function runOn<D extends DType>(
  op: number,
  device: number,
  deviceName: string,
  inputs: Inputs,
  dtype: D,
  shape: Shape,
  size: number,
  attrs: Attributes | undefined,
): Tensor<D> {
  const out = begin(op, device, inputs, 1);
  words[out] = newOutput;
  words[out + 1] = dtypeNumber(dtype);
  writeAttributes(op, attrs, writeShape(shape, 0), inputs.length, 1);
  if (tracing.active === 0) dispatch();
  else dispatchTraced(op, device, inputs, [shape], attrs);
  return Tensor._wrap(words[out], words[out + 1], shape, size, dtype, device, deviceName);
}

/**
 * Runs an op with one output on a device given by number: for ops without inputs.
 *
 * @throws ShapeError when the output's size overflows, and what the addon throws (OutOfMemoryError, DeviceLostError).
 */
export function create1<D extends DType>(
  op: number,
  device: number,
  dtype: D,
  shape: Shape,
  attrs?: Attributes,
): Tensor<D> {
  const size = checkedSize(opName(op), shape, bytesPerElement(dtype));
  return runOn(op, device, deviceId(device), [], dtype, Object.freeze(shape), size, attrs);
}

/** Runs an op with one output on the device of its inputs. Throws as `create1` does. */
export function run1<D extends DType>(
  op: number,
  inputs: Inputs,
  dtype: D,
  shape: Shape,
  attrs?: Attributes,
): Tensor<D> {
  const first = inputs[0];
  if (shape === first.shape && dtype === (first.dtype as DType)) {
    return runOn(op, first._device, first.device, inputs, dtype, shape, first.size, attrs);
  }
  const size = checkedSize(opName(op), shape, bytesPerElement(dtype));
  return runOn(op, first._device, first.device, inputs, dtype, Object.freeze(shape), size, attrs);
}

/** Runs an op with several new outputs on the device of its inputs. */
function runSeveral(op: number, inputs: Inputs, outputs: readonly OutputSpec[], attrs?: Attributes): AnyTensor[] {
  const { _device: device, device: deviceName } = inputs[0];
  const first = begin(op, device, inputs, outputs.length);
  let at = 0;
  for (let i = 0; i < outputs.length; i++) {
    words[first + 2 * i] = newOutput;
    words[first + 2 * i + 1] = dtypeNumber(outputs[i].dtype);
    at = writeShape(outputs[i].shape, at);
  }
  const sizes = outputs.map(({ dtype, shape }) => checkedSize(opName(op), shape, bytesPerElement(dtype)));
  writeAttributes(op, attrs, at, inputs.length, outputs.length);
  if (tracing.active === 0) dispatch();
  else {
    const shapes = outputs.map(({ shape }) => shape);
    dispatchTraced(op, device, inputs, shapes, attrs);
  }
  // Wrapping runs no other call, so the buffer still holds all handles.
  return outputs.map(({ dtype, shape }, i) => {
    const handle = first + 2 * i;
    return Tensor._wrap(words[handle], words[handle + 1], Object.freeze(shape), sizes[i], dtype, device, deviceName);
  });
}

/** Runs an op with two outputs on the device of its inputs. Throws as `create1` does. */
export function run2<A extends DType, B extends DType>(
  op: number,
  inputs: Inputs,
  outputA: OutputSpec<A>,
  outputB: OutputSpec<B>,
  attrs?: Attributes,
): [Tensor<A>, Tensor<B>] {
  return runSeveral(op, inputs, [outputA, outputB], attrs) as AnyTensor[] as [Tensor<A>, Tensor<B>];
}

/** Runs an op with three outputs of one type on the device of its inputs. Throws as `create1` does. */
export function run3<D extends DType>(
  op: number,
  inputs: Inputs,
  outputs: readonly [OutputSpec<D>, OutputSpec<D>, OutputSpec<D>],
  attrs?: Attributes,
): [Tensor<D>, Tensor<D>, Tensor<D>] {
  return runSeveral(op, inputs, outputs, attrs) as AnyTensor[] as [Tensor<D>, Tensor<D>, Tensor<D>];
}

/** What a call would take beside its operands, by its attributes and element type; runs nothing. */
export function needsOf(
  op: number,
  device: number,
  dtype: DType,
  attrs: Attributes,
): { workspaceBytes: number; packedBytes: number } {
  words[0] = op;
  words[1] = device;
  words[2] = dtypeNumber(dtype);
  const { minInputs, outputs } = native.ops[op];
  writeAttributes(op, attrs, 0, minInputs, outputs);
  native.needs();
  return { workspaceBytes: numbers[0], packedBytes: numbers[1] };
}

/** @throws GraphError for a tensor that requires grad, while operations are recorded. */
export function expectWritable(name: string, output: AnyTensor): void {
  if (!mode.recording || !output._requiresGrad) return;
  throw new GraphError(
    `${name}: a tensor that requires grad (${output.dtype} ${shapeText(output.shape)}) may be written in place only ` +
      'within noGrad()',
  );
}

/**
 * Runs an op that overwrites `outputs`, on their device.
 *
 * @param name What errors call it, where one op serves several functions.
 * @throws GraphError for one that requires grad, while operations are recorded.
 */
export function runInPlace(
  op: number,
  inputs: Inputs,
  outputs: Inputs,
  attrs?: Attributes,
  name: string = opName(op),
): void {
  for (let i = 0; mode.recording && i < outputs.length; i++) expectWritable(name, outputs[i]);
  const device = outputs[0]._device;
  let at = begin(op, device, inputs, outputs.length);
  for (let i = 0; i < outputs.length; i++) {
    words[at] = outputs[i]._slot;
    words[at + 1] = outputs[i]._generation;
    at += 2;
  }
  writeAttributes(op, attrs, 0, inputs.length, outputs.length);
  if (tracing.active === 0) dispatch();
  else {
    const shapes = outputs.map(({ shape }) => shape);
    dispatchTraced(op, device, inputs, shapes, attrs);
  }
}

import { expectDtype, expectOptions, expectSameShape, expectTensor, sameDevice } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { checkedSize, expectShape, type Shape, shapeText, sizeOf } from '../shape';
import { type Rule, record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { gatherElements } from './gather';
import { expectFloatTensor, expectGradientShape } from './operands';
import {
  type AvgPoolOptions,
  adaptiveAvgPool2d,
  avgPool,
  avgPoolOptions,
  type LayoutOptions,
  type PoolArguments,
  type PoolOptions,
  planAdaptive,
  planPool,
  poolOptions,
} from './pool';
import { type Form, oneAxis, twoAxes } from './spatial';

const ops = {
  max: opNumber('maxPool2dGrad'),
  average: opNumber('avgPool2dGrad'),
  adaptive: opNumber('adaptiveAvgPool2dGrad'),
};

// The gradient of pooling is linear in gradOutput: its own gradient takes what pooling takes, the average or the chosen
// elements.
const linear = { keeps: 'nothing', differentiable: true };

const averageRule = (name: string, form: Form): Rule<PoolArguments> =>
  rule<PoolArguments>(`grad.${name}`, linear, ({ gradOutput, state }) => [avgPool(name, gradOutput, state, form)]);
const averageRules = { 1: averageRule('avgPool1d', oneAxis), 2: averageRule('avgPool2d', twoAxes) };

const adaptiveRule = rule<{ output: [number, number]; options: LayoutOptions | undefined }>(
  'grad.adaptiveAvgPool2d',
  linear,
  ({ gradOutput, state }) => [adaptiveAvgPool2d(gradOutput, state.output, state.options)],
);

const maxRule = rule<boolean>(
  'grad.maxPool2d',
  { keeps: 'indices', differentiable: true },
  ({ gradOutput: upstream, saved: [indices], state: channelsLast }) => [
    chosenElements(upstream, indices as AnyTensor as Tensor<'int32'>, channelsLast),
  ],
);

/** The elements of each plane of `input` at `indices`. */
function chosenElements(input: AnyTensor, indices: Tensor<'int32'>, channelsLast: boolean): AnyTensor {
  const flat = (shape: Shape) => {
    const [batch, channels] = [shape[0], channelsLast ? shape[shape.length - 1] : shape[1]];
    const pixels = sizeOf(shape) / Math.max(batch * channels, 1);
    return channelsLast ? [batch, pixels, channels] : [batch, channels, pixels];
  };
  const chosen = gatherElements(
    input.reshape(flat(input.shape)),
    indices.reshape(flat(indices.shape)),
    channelsLast ? 1 : 2,
  );
  return chosen.reshape(indices.shape);
}

/** The gradient of max pooling over the axes of `form`. @internal */
export function maxPoolGradient<D extends DType>(
  op: string,
  gradOutput: Tensor<D>,
  indices: Tensor<'int32'>,
  inputShape: readonly number[],
  options: PoolArguments,
  form: Form,
): Tensor<D> {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectTensor(op, 'indices', indices);
  expectDtype(op, 'indices', indices, ['int32']);
  sameDevice(op, 'gradOutput', gradOutput, 'indices', indices);
  const shape = expectShape(op, 'inputShape', inputShape);
  const plan = planPool(op, 'inputShape', shape, expectOptions(op, options, poolOptions), form);
  expectGradientShape(op, gradOutput, plan.outputShape, 'as the output');
  expectSameShape(op, 'indices', indices, plan.outputShape, 'as the output');
  checkedSize(op, shape, bytesPerElement(gradOutput.dtype));
  const result = run1(ops.max, [gradOutput, indices], gradOutput.dtype, shape, plan.attributes);
  if (!recording(gradOutput)) return result;
  return record(maxRule, [gradOutput], result, [indices], plan.attributes.nhwc === true);
}

/** @internal */
export function avgPoolGradient<D extends DType>(
  op: string,
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options: PoolArguments,
  form: Form,
): Tensor<D> {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  const shape = expectShape(op, 'inputShape', inputShape);
  const plan = planPool(op, 'inputShape', shape, expectOptions(op, options, avgPoolOptions), form);
  expectGradientShape(op, gradOutput, plan.outputShape, 'as the output');
  checkedSize(op, shape, bytesPerElement(gradOutput.dtype));
  const result = run1(ops.average, [gradOutput], gradOutput.dtype, shape, plan.attributes);
  return recording(gradOutput) ? record(averageRules[form.axes], [gradOutput], result, [], options) : result;
}

/**
 * Gradient of `maxPool2d`: each input element gets the sum of g over the windows that chose it.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param indices Of `maxPool2dWithIndices`, int32. Positions outside of the input plane are found while running:
 *   reading the result throws an IndexError.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function maxPool2dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  indices: Tensor<'int32'>,
  inputShape: readonly number[],
  options: PoolOptions,
): Tensor<D> {
  return maxPoolGradient('grad.maxPool2d', gradOutput, indices, inputShape, options, twoAxes);
}

/**
 * Gradient of `avgPool2d`: each input element gets the sum of g / divisor over the windows that cover it.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function avgPool2dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options: AvgPoolOptions,
): Tensor<D> {
  return avgPoolGradient('grad.avgPool2d', gradOutput, inputShape, options, twoAxes);
}

/** The gradient of adaptive pooling to the size that `gradOutput` has. */
function adaptive<D extends DType>(
  op: string,
  gradOutput: Tensor<D>,
  inputShape: unknown,
  options: LayoutOptions | undefined,
  size?: { h: number; w: number },
): Tensor<D> {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  const { layout } = expectOptions(op, options, ['layout']);
  const shape = expectShape(op, 'inputShape', inputShape);
  const { shape: g } = gradOutput;
  const [h, w] = layout === 'NHWC' ? [g[1], g[2]] : [g[2], g[3]];
  if (g.length !== 4 || h === 0 || w === 0) {
    throw new ShapeError(`${op}: gradOutput must have rank 4 and a positive size, given shape ${shapeText(g)}`);
  }
  const plan = planAdaptive(op, 'inputShape', shape, size ?? { h, w }, layout);
  expectGradientShape(op, gradOutput, plan.outputShape, 'as the output');
  checkedSize(op, shape, bytesPerElement(gradOutput.dtype));
  const result = run1(ops.adaptive, [gradOutput], gradOutput.dtype, shape, plan.attributes);
  if (!recording(gradOutput)) return result;
  return record(adaptiveRule, [gradOutput], result, [], { output: [size?.h ?? h, size?.w ?? w], options });
}

/**
 * Gradient of `adaptiveAvgPool2d`: each input element gets the sum of g / divisor over the windows that cover it.
 *
 * @param gradOutput Gradient of the output, float32 or float64; its size is the forward op's `outputSize`.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function adaptiveAvgPool2dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options?: LayoutOptions,
): Tensor<D> {
  return adaptive('grad.adaptiveAvgPool2d', gradOutput, inputShape, options);
}

/**
 * Gradient of `globalAvgPool2d`: g / (H * W) at every element of the plane.
 *
 * @param gradOutput Gradient of the output, [N, C, 1, 1] or [N, 1, 1, C], float32 or float64.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function globalAvgPool2dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options?: LayoutOptions,
): Tensor<D> {
  return adaptive('grad.globalAvgPool2d', gradOutput, inputShape, options, { h: 1, w: 1 });
}

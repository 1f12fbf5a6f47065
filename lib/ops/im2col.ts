import { expectOptions, expectSameShape } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { checkedSize, expectShape, type Shape, shapeText } from '../shape';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { kernelNumber } from './convAlgorithm';
import { expectFloatTensor } from './operands';
import { expectActivations, expectSteps, maxWindowNumber } from './spatial';
import { type PairOption, planWindow, type WindowOptions, windowAttributes } from './window';

const im2colOp = opNumber('im2col');
const col2imOp = opNumber('col2im');
const algorithm = kernelNumber('im2col');

/** Options of `im2col`. */
export interface Im2colOptions extends WindowOptions {
  /** Extent of the window. */
  readonly kernelSize: PairOption;
}

/** Options of `col2im`. */
export interface Col2imOptions extends Im2colOptions {
  /** Shape of the result, [N, C, H, W]. */
  readonly inputShape: readonly number[];
}

// The two are each other's gradients.
const im2colRule = rule<Col2imOptions>(
  'im2col',
  { keeps: 'nothing', differentiable: true },
  ({ gradOutput, state }): AnyTensor[] => [col2im(gradOutput, state)],
);
const col2imRule = rule<Col2imOptions>(
  'col2im',
  { keeps: 'nothing', differentiable: true },
  ({ gradOutput, state: { inputShape: _, ...window } }): AnyTensor[] => [im2col(gradOutput, window)],
);

const windowOptions = ['kernelSize', 'stride', 'padding', 'dilation'] as const;

function plan(op: string, name: string, image: Shape, options: Partial<Im2colOptions>) {
  expectActivations(op, name, image, false);
  const [batch, channels, height, width] = image;
  const kernel = expectSteps(op, 'kernelSize', options.kernelSize);
  const context = () => `input ${shapeText(image)}, kernelSize [${kernel.h}, ${kernel.w}]`;
  const window = planWindow(op, { h: height, w: width }, kernel, options, { h: 1, w: 1 }, context);
  const rows = channels * kernel.h * kernel.w;
  if (rows > maxWindowNumber) {
    throw new ShapeError(
      `${op}: C*R*S = ${channels}*${kernel.h}*${kernel.w} = ${rows} column rows, at most 2^31 - 1 = ` +
        `${maxWindowNumber} are supported`,
    );
  }
  return {
    columnsShape: [batch, rows, window.h.output * window.w.output],
    // The family's schema is that of a convolution, whose other attributes do not matter here.
    attributes: {
      batch,
      channels,
      ...windowAttributes(window),
      filters: 1,
      groups: 1,
      nhwc: false,
      algorithm,
      activation: 0,
    },
  };
}

/**
 * Windows as columns, so that a convolution becomes a matrix product: column (oy, ox) holds what the window of that
 * output sees, rows are ordered C, R, S, and padding reads as 0.
 *
 * @param input float32 or float64, [N, C, H, W].
 * @param options `kernelSize`; `stride` (1), `padding` (0), `dilation` (1).
 * @returns [N, C*R*S, OH*OW].
 * @throws ShapeError with the formula when an output size is not positive; DTypeError, ArgumentError, DisposedError.
 */
export function im2col<D extends DType>(input: Tensor<D>, options: Im2colOptions): Tensor<D> {
  expectFloatTensor('im2col', 'input', input);
  const { columnsShape, attributes } = plan(
    'im2col',
    'input',
    input.shape,
    expectOptions('im2col', options, windowOptions),
  );
  checkedSize('im2col', columnsShape, bytesPerElement(input.dtype));
  const output = run1(im2colOp, [input], input.dtype, columnsShape, attributes);
  return recording(input) ? record(im2colRule, [input], output, [], { ...options, inputShape: input.shape }) : output;
}

/**
 * The adjoint of `im2col`: every element of the result is the sum of the column entries that were read from it.
 *
 * @param columns float32 or float64, [N, C*R*S, OH*OW].
 * @param options `inputShape` [N, C, H, W], the result's shape; else as for `im2col`.
 * @returns [N, C, H, W].
 * @throws ShapeError when columns and inputShape do not fit each other; DTypeError, ArgumentError, DisposedError.
 */
export function col2im<D extends DType>(columns: Tensor<D>, options: Col2imOptions): Tensor<D> {
  expectFloatTensor('col2im', 'columns', columns);
  const { inputShape, ...window } = expectOptions('col2im', options, ['inputShape', ...windowOptions]);
  return adjoint('col2im', 'columns', columns, expectShape('col2im', 'inputShape', inputShape), window);
}

/** col2im on checked arguments; `name` is what the caller calls the columns. */
function adjoint<D extends DType>(
  op: string,
  name: string,
  columns: Tensor<D>,
  shape: Shape,
  window: Partial<Im2colOptions>,
): Tensor<D> {
  const { columnsShape, attributes } = plan(op, 'inputShape', shape, window);
  expectSameShape(op, name, columns, columnsShape, '[N, C*R*S, OH*OW]');
  checkedSize(op, shape, bytesPerElement(columns.dtype));
  const output = run1(col2imOp, [columns], columns.dtype, shape, attributes);
  if (!recording(columns)) return output;
  return record(col2imRule, [columns], output, [], { ...(window as Im2colOptions), inputShape: shape });
}

/**
 * Gradient of `im2col`, which is `col2im`.
 *
 * @param gradOutput Gradient of the columns, float32 or float64.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function im2colGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options: Im2colOptions,
): Tensor<D> {
  const op = 'grad.im2col';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  const window = expectOptions(op, options, windowOptions);
  return adjoint(op, 'gradOutput', gradOutput, expectShape(op, 'inputShape', inputShape), window);
}

/**
 * Gradient of `col2im`, which is `im2col`.
 *
 * @param gradOutput Gradient of the image, float32 or float64.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function col2imGradient<D extends DType>(gradOutput: Tensor<D>, options: Col2imOptions): Tensor<D> {
  const op = 'grad.col2im';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  const { inputShape, ...window } = expectOptions(op, options, ['inputShape', ...windowOptions]);
  const shape = expectShape(op, 'inputShape', inputShape);
  expectSameShape(op, 'gradOutput', gradOutput, shape, 'as inputShape');
  const { columnsShape, attributes } = plan(op, 'inputShape', shape, window);
  checkedSize(op, columnsShape, bytesPerElement(gradOutput.dtype));
  return run1(im2colOp, [gradOutput], gradOutput.dtype, columnsShape, attributes);
}

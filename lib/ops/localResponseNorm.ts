import { expectFinite, expectInteger, expectOptions } from '../check';
import { type Attributes, opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import type { Shape } from '../shape';
import type { Tensor } from '../tensor';
import { expectChannels } from './channels';
import { expectFloatTensor, expectGradientOf } from './operands';
import type { Layout } from './window';

const forwardOp = opNumber('localResponseNorm');
const gradientOp = opNumber('localResponseNormGrad');

/** Options of `localResponseNorm`. */
export interface LocalResponseNormOptions {
  /** Number of neighbouring channels, >= 1. */
  readonly size: number;
  /** Finite; 1e-4 if left out. */
  readonly alpha?: number;
  /** Finite; 0.75 if left out. */
  readonly beta?: number;
  /** Finite; 1 if left out. */
  readonly k?: number;
  /** Axes of the input; `'NCHW'`, channels second, if left out; `'NHWC'`, channels last. */
  readonly layout?: Layout;
}

function attributesOf(op: string, shape: Shape, options: LocalResponseNormOptions): Attributes {
  const given = expectOptions(op, options, ['size', 'alpha', 'beta', 'k', 'layout']);
  const { alpha = 1e-4, beta = 0.75, k = 1 } = given;
  const size = expectInteger(op, 'size', given.size, 1);
  expectFinite(op, 'alpha', alpha);
  expectFinite(op, 'beta', beta);
  expectFinite(op, 'k', k);
  const { outer, channels, inner } = expectChannels(op, 'input', shape, given.layout);
  return { outer, channels, inner, size, alpha, beta, k };
}

/**
 * Local response normalisation across channels (Krizhevsky, Sutskever & Hinton 2012): y_c = x_c / (k + alpha / size *
 * sum of x_j^2)^beta, the sum over the channels j = c - floor(size / 2) … c + ceil(size / 2) - 1 that exist, as PyTorch
 * has it. (The paper does not divide alpha by the size.)
 *
 * @param input float32 or float64, two to five axes [N, C, …]; [N, …, C] with `layout: 'NHWC'`.
 * @param options `size`; `alpha` (1e-4), `beta` (0.75), `k` (1), `layout`.
 * @returns A new tensor of the input's shape.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function localResponseNorm<D extends DType>(input: Tensor<D>, options: LocalResponseNormOptions): Tensor<D> {
  const op = 'localResponseNorm';
  expectFloatTensor(op, 'input', input);
  return run1(forwardOp, [input], input.dtype, input.shape, attributesOf(op, input.shape, options));
}

/**
 * Gradient of `localResponseNorm`: with d_c = k + alpha / size * sum of x_j^2, g_i * d_i^-beta - 2 * alpha * beta / size
 * * x_i * the sum of g_c y_c / d_c over the channels c whose window has i in it.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param output The forward op's output.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function localResponseNormGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  output: Tensor<NoInfer<D>>,
  options: LocalResponseNormOptions,
): Tensor<D> {
  const op = 'grad.localResponseNorm';
  expectGradientOf(op, gradOutput, 'input', input);
  expectGradientOf(op, gradOutput, 'output', output);
  const attributes = attributesOf(op, input.shape, options);
  return run1(gradientOp, [gradOutput, input, output], input.dtype, input.shape, attributes);
}

import { expectFinite, expectInteger, expectOptions } from '../check';
import { type Attributes, opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import type { Shape } from '../shape';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { add, mul, pow, sub } from './binary';
import { channelAxis, expectChannels } from './channels';
import { pad, slice } from './copy';
import { expectFloatTensor, expectGradientOf } from './operands';
import type { Layout } from './spatial';
import { square } from './unary';

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

const responseRule = rule<LocalResponseNormOptions>(
  'localResponseNorm',
  { keeps: 'input, output', differentiable: true },
  ({ gradOutput, saved: [input, output], state }) => [
    recording(gradOutput, input)
      ? gradientFormula(gradOutput, input, state)
      : localResponseNormGradient(gradOutput, input, output, state),
  ],
);

/** Sums over windows of channels: those from `before` before an element's to `after` after it. */
function windowSums(t: AnyTensor, axis: number, before: number, after: number): AnyTensor {
  const { shape } = t;
  const [low, high] = [Math.min(before, shape[axis] - 1), Math.min(after, shape[axis] - 1)];
  const padded = pad(
    t,
    shape.map((_, i) => (i === axis ? [low, high] : [0, 0])),
  );
  const part = (first: number): AnyTensor =>
    slice(
      padded,
      shape.map((_, i) => (i === axis ? first : 0)),
      shape.map((extent, i) => (i === axis ? first + extent : extent)),
    );
  let total = part(0);
  for (let first = 1; first <= low + high; first++) total = add(total, part(first));
  return total;
}

/** The gradient in terms of other operations, for gradients of gradients. */
function gradientFormula(g: AnyTensor, x: AnyTensor, options: LocalResponseNormOptions): AnyTensor {
  const { size, alpha = 1e-4, beta = 0.75, k = 1, layout } = options;
  const axis = channelAxis(x.shape, layout);
  const [before, after] = [Math.floor(size / 2), Math.ceil(size / 2) - 1];
  const d = add(mul(windowSums(square(x), axis, before, after), alpha / size), k);
  const terms = mul(mul(g, x), pow(d, -beta - 1));
  const others = mul(mul(x, windowSums(terms, axis, after, before)), (2 * alpha * beta) / size);
  return sub(mul(g, pow(d, -beta)), others);
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
  const output = run1(forwardOp, [input], input.dtype, input.shape, attributesOf(op, input.shape, options));
  return recording(input) ? record(responseRule, [input], output, [input, output], { ...options }) : output;
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

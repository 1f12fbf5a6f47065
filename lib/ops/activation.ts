import { expectFinite, expectOneOf, expectOptions } from '../check';
import type { DType } from '../dtype';
import type { Tensor } from '../tensor';
import { add, greater, minimum, mul, sub } from './binary';
import { pointwise, pointwiseGradient, run, runGradient } from './pointwise';
import { exp } from './unary';
import { where } from './where';

const gradients = {
  relu: pointwiseGradient('relu', 'output', 'piecewise linear'),
  relu6: pointwiseGradient('relu6', 'output', 'piecewise linear'),
  sigmoid: pointwiseGradient('sigmoid', 'output', (g, y) => mul(g, mul(y, sub(1, y)))),
  tanh: pointwiseGradient('tanh', 'output', (g, y) => mul(g, sub(1, mul(y, y)))),
  leakyRelu: pointwiseGradient('leakyRelu', 'input', 'piecewise linear'),
  elu: pointwiseGradient('elu', 'input', (g, x, attrs) => {
    const falling = mul(exp(minimum(x, 0)), attrs?.alpha as number);
    return mul(g, where(greater(x, 0), 1, falling));
  }),
  selu: pointwiseGradient('selu', 'input'),
  gelu: pointwiseGradient('gelu', 'input'),
  geluTanh: pointwiseGradient('gelu', 'input', undefined, 'geluTanh'),
  silu: pointwiseGradient('silu', 'input', (g, x) => {
    const s = sigmoid(x);
    return mul(g, mul(s, add(mul(x, sub(1, s)), 1)));
  }),
  mish: pointwiseGradient('mish', 'input'),
  softplus: pointwiseGradient('softplus', 'input', (g, x) => mul(g, sigmoid(x))),
  hardSigmoid: pointwiseGradient('hardSigmoid', 'input', 'piecewise linear'),
  hardSwish: pointwiseGradient('hardSwish', 'input'),
};

const rows = {
  relu: pointwise('relu', gradients.relu),
  relu6: pointwise('relu6', gradients.relu6),
  leakyRelu: pointwise('leakyRelu', gradients.leakyRelu),
  elu: pointwise('elu', gradients.elu),
  selu: pointwise('selu', gradients.selu),
  gelu: pointwise('gelu', gradients.gelu),
  geluTanh: pointwise('gelu', gradients.geluTanh, undefined, 'geluTanh'),
  silu: pointwise('silu', gradients.silu),
  mish: pointwise('mish', gradients.mish),
  softplus: pointwise('softplus', gradients.softplus),
  sigmoid: pointwise('sigmoid', gradients.sigmoid),
  hardSigmoid: pointwise('hardSigmoid', gradients.hardSigmoid),
  hardSwish: pointwise('hardSwish', gradients.hardSwish),
  tanh: pointwise('tanh', gradients.tanh),
};

/** Which formula `gelu` uses. */
export interface GeluOptions {
  /** `'tanh'`: the approximation with tanh; without it the exact function. */
  readonly approximate?: 'tanh';
}

function geluRow<R>(op: string, options: GeluOptions | undefined, exact: R, approximation: R): R {
  if (options === undefined) return exact;
  const { approximate } = expectOptions(op, options, ['approximate']);
  if (approximate === undefined) return exact;
  expectOneOf(op, 'approximate', approximate, ['tanh']);
  return approximation;
}

/**
 * Rectified linear unit: max(x, 0), per element; -0 becomes +0, NaN stays NaN.
 *
 * @param input float32 or float64, any shape.
 * @returns A new tensor of the same shape and dtype.
 * @throws DTypeError for other types; DisposedError. The same holds for every activation.
 */
export function relu<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.relu, input);
}

/**
 * min(max(x, 0), 6), per element (Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10). float32 or float64.
 */
export function relu6<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.relu6, input);
}

/**
 * x for x > 0, slope * x elsewhere, per element (Maas et al. 2013, Rectifier Nonlinearities Improve Neural Network
 * Acoustic Models). float32 or float64.
 *
 * @param slope A finite number.
 * @throws ArgumentError for another slope.
 */
export function leakyRelu<D extends DType>(input: Tensor<D>, slope = 0.01): Tensor<D> {
  return run(rows.leakyRelu, input, { slope: expectFinite('leakyRelu', 'slope', slope) });
}

/**
 * x for x > 0, alpha * (e^x - 1) elsewhere, per element (Clevert et al. 2015, Fast and Accurate Deep Network Learning
 * by Exponential Linear Units). float32 or float64.
 *
 * @param alpha A finite number.
 * @throws ArgumentError for another alpha.
 */
export function elu<D extends DType>(input: Tensor<D>, alpha = 1): Tensor<D> {
  return run(rows.elu, input, { alpha: expectFinite('elu', 'alpha', alpha) });
}

/**
 * scale * elu(x, alpha) with alpha = 1.6732632423543772 and scale = 1.0507009873554805, per element (Klambauer et al.
 * 2017, Self-Normalizing Neural Networks). float32 or float64.
 */
export function selu<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.selu, input);
}

/**
 * Gaussian error linear unit: x * (1 + erf(x / sqrt(2))) / 2, per element; with `approximate: 'tanh'` x * (1 +
 * tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel 2016). float32 or float64.
 *
 * @throws ArgumentError for an unknown option.
 */
export function gelu<D extends DType>(input: Tensor<D>, options?: GeluOptions): Tensor<D> {
  return run(geluRow('gelu', options, rows.gelu, rows.geluTanh), input);
}

/**
 * x * sigmoid(x), per element, also called swish (Ramachandran et al. 2017, Searching for Activation Functions).
 * Floats.
 */
export function silu<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.silu, input);
}

/**
 * x * tanh(ln(1 + e^x)), per element (Misra 2019, Mish: A Self Regularized Non-Monotonic Activation Function). Floats.
 */
export function mish<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.mish, input);
}

/** ln(1 + e^x), per element, without overflow for large x. float32 or float64. */
export function softplus<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.softplus, input);
}

/** 1 / (1 + e^-x), per element. float32 or float64. */
export function sigmoid<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.sigmoid, input);
}

/** relu6(x + 3) / 6, per element (Howard et al. 2019, Searching for MobileNetV3). float32 or float64. */
export function hardSigmoid<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.hardSigmoid, input);
}

/** x * relu6(x + 3) / 6, per element (Howard et al. 2019, Searching for MobileNetV3). float32 or float64. */
export function hardSwish<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.hardSwish, input);
}

/** Hyperbolic tangent, per element. float32 or float64. */
export function tanh<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.tanh, input);
}

/** Gradient of `relu`: g where y > 0, 0 elsewhere. Takes the forward op's output. */
export function reluGradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.relu, gradOutput, output);
}

/** Gradient of `relu6`: g where 0 < y < 6, 0 elsewhere. Takes the forward op's output. */
export function relu6Gradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.relu6, gradOutput, output);
}

/** Gradient of `sigmoid`: g * y * (1 - y). Takes the forward op's output. */
export function sigmoidGradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.sigmoid, gradOutput, output);
}

/** Gradient of `tanh`: g * (1 - y^2). Takes the forward op's output. */
export function tanhGradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.tanh, gradOutput, output);
}

/** Gradient of `leakyRelu`: g where x > 0, slope * g elsewhere. Takes the forward op's input and slope. */
export function leakyReluGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  slope = 0.01,
): Tensor<D> {
  return runGradient(gradients.leakyRelu, gradOutput, input, { slope: expectFinite('grad.leakyRelu', 'slope', slope) });
}

/** Gradient of `elu`: g where x > 0, g * alpha * e^x elsewhere. Takes the forward op's input and alpha. */
export function eluGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>, alpha = 1): Tensor<D> {
  return runGradient(gradients.elu, gradOutput, input, { alpha: expectFinite('grad.elu', 'alpha', alpha) });
}

/** Gradient of `selu`: g * scale where x > 0, g * scale * alpha * e^x elsewhere. Takes the forward op's input. */
export function seluGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.selu, gradOutput, input);
}

/**
 * Gradient of `gelu`: g * (Phi(x) + x * phi(x)), or that of the approximation. Takes the forward op's input and
 * options.
 */
export function geluGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  options?: GeluOptions,
): Tensor<D> {
  return runGradient(geluRow('grad.gelu', options, gradients.gelu, gradients.geluTanh), gradOutput, input);
}

/** Gradient of `silu`: g * s * (1 + x * (1 - s)), s = sigmoid(x). Takes the forward op's input. */
export function siluGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.silu, gradOutput, input);
}

/** Gradient of `mish`: g * (t + x * (1 - t^2) * sigmoid(x)), t = tanh(softplus(x)). Takes the forward op's input. */
export function mishGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.mish, gradOutput, input);
}

/** Gradient of `softplus`: g * sigmoid(x). Takes the forward op's input. */
export function softplusGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.softplus, gradOutput, input);
}

/** Gradient of `hardSigmoid`: g / 6 where -3 < x < 3, 0 elsewhere. Takes the forward op's input. */
export function hardSigmoidGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.hardSigmoid, gradOutput, input);
}

/** Gradient of `hardSwish`: 0 for x <= -3, g for x >= 3, g * (2x + 3) / 6 between. Takes the forward op's input. */
export function hardSwishGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.hardSwish, gradOutput, input);
}

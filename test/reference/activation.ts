import { gaussian, normal } from './erf';
import { at, fill, map, type NdArray } from './ndarray';

/**
 * Pointwise activations: value and derivative as functions of the input. At a kink the derivative is PyTorch's choice
 * (the branch its comparison selects), which is stated in the row's comment.
 */
export interface Activation {
  readonly value: (x: number) => number;
  readonly derivative: (x: number) => number;
  /** Points where the derivative jumps. */
  readonly kinks: readonly number[];
}

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
/** Standard normal density. */
const density = (x: number): number => gaussian(x) / Math.sqrt(2 * Math.PI);

/** Klambauer et al., Self-Normalizing Neural Networks, 2017. */
export const SELU_ALPHA = 1.6732632423543772;
export const SELU_SCALE = 1.0507009873554805;

const eluValue = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x));
const eluDerivative = (x: number, alpha: number): number => (x > 0 ? 1 : alpha * Math.exp(x));

/** NaN passes through comparisons as false, so each branch that could swallow one is written to let it through. */
const propagate =
  (f: (x: number) => number) =>
  (x: number): number =>
    Number.isNaN(x) ? Number.NaN : f(x);

const smooth = (value: (x: number) => number, derivative: (x: number) => number): Activation => ({
  value: propagate(value),
  derivative: propagate(derivative),
  kinks: [],
});
const kinked = (
  kinks: readonly number[],
  value: (x: number) => number,
  derivative: (x: number) => number,
): Activation => ({ value: propagate(value), derivative: propagate(derivative), kinks });

/** relu'(0) = 0. */
export const relu = kinked(
  [0],
  (x) => Math.max(x, 0),
  (x) => (x > 0 ? 1 : 0),
);
/** relu6'(0) = relu6'(6) = 0. */
export const relu6 = kinked(
  [0, 6],
  (x) => Math.min(Math.max(x, 0), 6),
  (x) => (x > 0 && x < 6 ? 1 : 0),
);
/** leakyRelu'(0) = slope. */
export const leakyRelu = (slope = 0.01): Activation =>
  kinked(
    [0],
    (x) => (x > 0 ? x : slope * x),
    (x) => (x > 0 ? 1 : slope),
  );
/** elu'(0) = alpha. */
export const elu = (alpha = 1): Activation =>
  kinked(
    alpha === 1 ? [] : [0],
    (x) => eluValue(x, alpha),
    (x) => eluDerivative(x, alpha),
  );
export const selu = kinked(
  [0],
  (x) => SELU_SCALE * eluValue(x, SELU_ALPHA),
  (x) => SELU_SCALE * eluDerivative(x, SELU_ALPHA),
);
export const gelu = smooth(
  (x) => x * normal(x),
  (x) => normal(x) + x * density(x),
);
const geluTanhArgument = (x: number): number => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
/** Hendrycks & Gimpel, 2016: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export const geluTanh = smooth(
  // (1 + tanh(u)) / 2 = sigmoid(2u), which does not cancel for negative u.
  (x) => x * sigmoid(2 * geluTanhArgument(x)),
  (x) => {
    const u = geluTanhArgument(x);
    return (
      sigmoid(2 * u) + x * 2 * sigmoid(2 * u) * sigmoid(-2 * u) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x)
    );
  },
);
export const silu = smooth(
  (x) => x * sigmoid(x),
  (x) => sigmoid(x) * (1 + x * sigmoid(-x)),
);
/** Misra 2019: x tanh(softplus(x)). */
export const mish = smooth(
  (x) => x * Math.tanh(softplus(x)),
  (x) => Math.tanh(softplus(x)) + (x * sigmoid(x)) / Math.cosh(softplus(x)) ** 2,
);
export const softplusActivation = smooth(softplus, sigmoid);
export const sigmoidActivation = smooth(sigmoid, (x) => sigmoid(x) * sigmoid(-x));
export const tanh = smooth(Math.tanh, (x) => 1 / Math.cosh(x) ** 2);
/** hardSigmoid(x) = relu6(x + 3) / 6; the derivative at -3 and 3 is 0. */
export const hardSigmoid = kinked(
  [-3, 3],
  (x) => Math.min(Math.max(x + 3, 0), 6) / 6,
  (x) => (x > -3 && x < 3 ? 1 / 6 : 0),
);
/** Howard et al., MobileNetV3, 2019: x relu6(x + 3) / 6. */
export const hardSwish = kinked(
  [-3, 3],
  (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  (x) => {
    if (x <= -3) return 0;
    return x < 3 ? x / 3 + 0.5 : 1;
  },
);

/** The activations without parameters beyond their defaults, by the name of the public function. */
export const activations: Readonly<Record<string, Activation>> = {
  relu,
  relu6,
  leakyRelu: leakyRelu(),
  elu: elu(),
  selu,
  gelu,
  silu,
  mish,
  softplus: softplusActivation,
  sigmoid: sigmoidActivation,
  tanh,
  hardSigmoid,
  hardSwish,
};

/** A 1-D slope of length C belongs to the channel axis 1; any other broadcasts by NumPy's rules. */
function slopeAt(x: NdArray, slope: NdArray, index: readonly number[]): number[] {
  if (slope.shape.length === 1 && x.shape.length >= 2 && slope.shape[0] === x.shape[1]) return [index[1]];
  const lead = x.shape.length - slope.shape.length;
  return slope.shape.map((extent, axis) => (extent === 1 ? 0 : index[axis + lead]));
}

/** He et al., Delving Deep into Rectifiers, 2015: x for x > 0, slope * x otherwise. */
export function prelu(x: NdArray, slope: NdArray): NdArray {
  return fill(x.shape, (index) => {
    const value = at(x, ...index);
    return value > 0 ? value : at(slope, ...slopeAt(x, slope, index)) * value;
  });
}

export function preluGradient(g: NdArray, x: NdArray, slope: NdArray): { input: NdArray; slope: NdArray } {
  const slopeGradient = map(slope, () => 0);
  const strides = slope.shape.map((_, axis) => slope.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const input = fill(x.shape, (index) => {
    const value = at(x, ...index);
    const where = slopeAt(x, slope, index);
    if (value > 0) return at(g, ...index);
    const position = where.reduce((sum, i, axis) => sum + i * strides[axis], 0);
    slopeGradient.data[position] += at(g, ...index) * value;
    return at(g, ...index) * at(slope, ...where);
  });
  return { input, slope: slopeGradient };
}

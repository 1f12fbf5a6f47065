import { expectOneOf, expectOptions } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { checkedSize, type Shape, shapeText } from '../shape';
import { record, recording, rule, wanted } from '../tape/node';
import type { Tensor } from '../tensor';
import {
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  relu,
  relu6,
  relu6Gradient,
  reluGradient,
  selu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from './activation';
import {
  type ConvGradientOptions,
  conv2dBiasGradient,
  conv2dInputGradient,
  conv2dWeightGradient,
} from './convGradients';
import { type Conv2dOptions, type ConvActivation, convOptions, planConvolution, runPlanned } from './convPlan';
import { expectFloatTensor, expectPartner } from './operands';

const forwardOp = opNumber('conv2d');

const activations: Readonly<Record<ConvActivation, <D extends DType>(input: Tensor<D>) => Tensor<D>>> = {
  relu,
  relu6,
  leakyRelu,
  elu,
  selu,
  gelu,
  silu,
  mish,
  softplus,
  sigmoid,
  hardSigmoid,
  hardSwish,
  tanh,
};
const activationNames = Object.keys(activations) as ConvActivation[];

/** Activations that the convolution applies before it writes its results, as the addon numbers them. */
const fusedActivations: Partial<Record<ConvActivation, number>> = { relu: 1, relu6: 2 };

interface Recorded {
  readonly inputShape: Shape;
  readonly weightShape: Shape;
  readonly options: ConvGradientOptions<DType>;
  /** One that is part of the forward op. */
  readonly activation: 'relu' | 'relu6' | undefined;
}

const conv2dRule = rule<Recorded>(
  'conv2d',
  { keeps: 'input for the weight, weight for the input, output for an activation', differentiable: true },
  ({ gradOutput, saved: [input, weight, output], state, needs }) => {
    const { inputShape, weightShape, options, activation } = state;
    const g = activation === undefined ? gradOutput : fusedGradients[activation](gradOutput, output);
    return [
      needs[0] ? conv2dInputGradient(inputShape, weight, g, options) : null,
      needs[1] ? conv2dWeightGradient(input, weightShape, g, options) : null,
      needs[2] ? conv2dBiasGradient(g, options) : null,
    ];
  },
);

const fusedGradients = { relu: reluGradient, relu6: relu6Gradient };

/**
 * What the gradients of a recorded convolution are computed with: an algorithm that was named is named for the forward
 * op only, since another may be needed for its gradients.
 */
function gradientOptions({ stride, padding, dilation, groups, layout, algorithm }: Conv2dOptions<DType>) {
  const chosen = algorithm === 'search' ? algorithm : 'auto';
  return { stride, padding, dilation, groups, layout, algorithm: chosen } as const;
}

const forwardOptions = [...convOptions, 'bias', 'activation'] as const;

/**
 * Two-dimensional convolution (cross-correlation, as in all deep-learning libraries): y[n, k, oy, ox] = bias[k] + sum
 * over c, r, s of x[n, c, oy * stride - top + r * dilation, ox * stride - left + s * dilation] * w[k, c, r, s], where
 * padding reads as 0 and c runs over the channels of the filter's group.
 *
 * @param input float32 or float64, [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`.
 * @param weight Same dtype and device, [K, C/groups, R, S] in both layouts.
 * @param options `bias` [K]; `stride` (1), `padding` (0), `dilation` (1), each for both axes or per axis; `groups` (1),
 *   `layout`, `algorithm` ('auto': the fastest for the problem, see `convAlgorithms`), `activation` applied to the result.
 * @returns [N, K, OH, OW] or [N, OH, OW, K], with the sizes of `convOutputSize`. N may be 0; a window that lies wholly
 *   in the padding gives the bias.
 * @throws ShapeError with the formula when an output size is not positive, and for shapes that do not fit each other;
 *   DTypeError, DeviceError, DisposedError, ArgumentError for a wrong option, UnsupportedError for an algorithm that
 *   cannot compute this convolution.
 */
export function conv2d<D extends DType>(
  input: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options?: Conv2dOptions<NoInfer<D>>,
): Tensor<D> {
  const op = 'conv2d';
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'weight', weight);
  expectPartner(op, 'input', input, 'weight', weight);
  const given = expectOptions(op, options, forwardOptions);
  const { bias, activation } = given;
  if (activation !== undefined) expectOneOf(op, 'activation', activation, activationNames);
  const plan = planConvolution(op, input.shape, weight.shape, given, {
    direction: 'forward',
    dtype: input.dtype,
    device: input._device,
  });
  const { filters, outputShape } = plan;
  checkedSize(op, outputShape, bytesPerElement(input.dtype));
  const operands = [input, weight];
  if (bias !== undefined && bias !== null) {
    expectFloatTensor(op, 'bias', bias);
    expectPartner(op, 'input', input, 'bias', bias);
    if (bias.shape.length !== 1 || bias.shape[0] !== filters) {
      throw new ShapeError(
        `${op}: bias must have shape [${filters}], one number per filter of weight ${shapeText(weight.shape)}, given ` +
          shapeText(bias.shape),
      );
    }
    operands.push(bias);
  }
  const fused = activation && fusedActivations[activation];
  const output = runPlanned(plan, (attributes) =>
    run1(
      forwardOp,
      operands,
      input.dtype,
      outputShape,
      fused === undefined ? attributes : { ...attributes, activation: fused },
    ),
  );
  if (recording(input, weight, bias)) {
    const saves = [wanted(weight) ? input : null, wanted(input) ? weight : null, fused === undefined ? null : output];
    record(conv2dRule, [input, weight, bias], output, saves, {
      inputShape: input.shape,
      weightShape: weight.shape,
      options: gradientOptions(given as Conv2dOptions<DType>),
      activation: fused === undefined ? undefined : (activation as 'relu' | 'relu6'),
    });
  }
  if (activation === undefined || fused !== undefined) return output;
  try {
    return activations[activation](output);
  } finally {
    output.dispose();
  }
}

import { expectBoolean, expectOptions } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { tidy } from '../scope';
import { checkedSize, extentsOf, type Shape, sameShape, shapeText, sizeOf } from '../shape';
import { crosswise, record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { matmul, maxExtent } from './matmul';
import { expectMatmulBackend, type MatmulBackend, type MatmulBackendOptions } from './matmulBackend';
import { expectFloatTensor, expectGradientShape, expectPartner } from './operands';
import { sum } from './reduce';

const linearOp = opNumber('linear');

/** Input [..., inputs] as rows, weight [outputs, inputs]. */
interface Sizes {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly outputShape: number[];
}

function plan(op: string, input: AnyTensor, weight: AnyTensor): Sizes {
  if (input.shape.length === 0) throw new ShapeError(`${op}: input must have rank 1 or more, given a scalar`);
  if (weight.shape.length !== 2) {
    throw new ShapeError(`${op}: weight must have rank 2 [outputs, inputs], given shape ${shapeText(weight.shape)}`);
  }
  const [outputs, inputs] = weight.shape;
  if (input.shape[input.shape.length - 1] !== inputs) {
    throw new ShapeError(
      `${op}: the last axis of input ${shapeText(input.shape)} must be ${inputs}, as in weight ` +
        `${shapeText(weight.shape)} [outputs, inputs]`,
    );
  }
  const lead = extentsOf(input.shape, 0, -1);
  const outputShape = [...lead, outputs];
  checkedSize(op, outputShape, bytesPerElement(input.dtype));
  const rows = sizeOf(lead);
  if (Math.max(rows, inputs, outputs) > maxExtent) {
    throw new ShapeError(
      `${op}: input ${shapeText(input.shape)} and weight ${shapeText(weight.shape)} make a product of ${rows} x ` +
        `${outputs} over ${inputs}, each of which is limited to 2^31 - 1 = ${maxExtent}`,
    );
  }
  return { rows, inputs, outputs, outputShape };
}

/**
 * A fully connected layer: y = x W^T + b.
 *
 * @param input float32 or float64, [..., inputs].
 * @param weight Same dtype and device, [outputs, inputs].
 * @param bias Same dtype and device, [outputs]; none if left out.
 * @returns A new tensor [..., outputs].
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError; UnsupportedError where `matmulBackend` asks for
 *   a library that cannot be used.
 */
export function linear<D extends DType>(
  input: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  bias?: Tensor<NoInfer<D>> | null,
  options?: MatmulBackendOptions,
): Tensor<D> {
  expectFloatTensor('linear', 'input', input);
  expectFloatTensor('linear', 'weight', weight);
  expectPartner('linear', 'input', input, 'weight', weight);
  const { matmulBackend } = expectOptions('linear', options, ['matmulBackend']);
  const library = expectMatmulBackend('linear', matmulBackend, input._device);
  const { rows, inputs, outputs, outputShape } = plan('linear', input, weight);
  const attrs = { rows, in: inputs, out: outputs, library };
  if (bias === undefined || bias === null) {
    return recorded(
      run1(linearOp, [input, weight], input.dtype, outputShape, attrs),
      input,
      weight,
      null,
      matmulBackend,
    );
  }
  expectFloatTensor('linear', 'bias', bias);
  expectPartner('linear', 'input', input, 'bias', bias);
  if (bias.shape.length !== 1 || bias.shape[0] !== outputs) {
    throw new ShapeError(
      `linear: bias must have shape [${outputs}], one number per output, given ${shapeText(bias.shape)}`,
    );
  }
  return recorded(
    run1(linearOp, [input, weight, bias], input.dtype, outputShape, attrs),
    input,
    weight,
    bias,
    matmulBackend,
  );
}

/** [..., n] as [rows, n]. */
function asRows<D extends DType>(tensor: Tensor<D>): Tensor<D> {
  const { shape } = tensor;
  return shape.length === 2 ? tensor : tensor.reshape([sizeOf(extentsOf(shape, 0, -1)), shape[shape.length - 1]]);
}

const withShape = <D extends DType>(tensor: Tensor<D>, shape: Shape): Tensor<D> =>
  sameShape(tensor.shape, shape) ? tensor : tensor.reshape(shape);

interface Recorded {
  readonly inputShape: Shape;
  readonly matmulBackend: MatmulBackend | undefined;
}

const linearRule = rule<Recorded>(
  'linear',
  { keeps: 'input for the weight, weight for the input', differentiable: true },
  ({ gradOutput, saved: [input, weight], state: { inputShape, matmulBackend }, needs }) => {
    const g = asRows(gradOutput);
    return [
      needs[0] ? withShape(matmul(g, weight, { matmulBackend }), inputShape) : null,
      needs[1] ? matmul(g, asRows(input), { transposeA: true, matmulBackend }) : null,
      needs[2] ? sum(g, { axis: 0 }) : null,
    ];
  },
);

function recorded<D extends DType>(
  output: Tensor<D>,
  input: Tensor<D>,
  weight: Tensor<D>,
  bias: Tensor<D> | null,
  matmulBackend: MatmulBackend | undefined,
): Tensor<D> {
  if (!recording(input, weight, bias)) return output;
  return record(linearRule, [input, weight, bias], output, crosswise(input, weight), {
    inputShape: input.shape,
    matmulBackend,
  });
}

/**
 * Gradients of `linear`: with rows x and g, dx = g W, dW = g^T x (summed over the rows), db = the sum of g over the
 * rows.
 *
 * @param gradOutput Gradient of the output, [..., outputs], float32 or float64.
 * @param input The forward op's input.
 * @param weight The forward op's weight.
 * @param options `bias: false` skips the bias gradient, which is null then; `matmulBackend` as in the forward op.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError, UnsupportedError.
 */
export function linearGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  weight: Tensor<NoInfer<D>>,
  options?: { readonly bias?: true } & MatmulBackendOptions,
): { input: Tensor<D>; weight: Tensor<D>; bias: Tensor<D> };
export function linearGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  weight: Tensor<NoInfer<D>>,
  options: ({ readonly bias?: boolean } & MatmulBackendOptions) | undefined,
): { input: Tensor<D>; weight: Tensor<D>; bias: Tensor<D> | null };
export function linearGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  weight: Tensor<NoInfer<D>>,
  options?: { readonly bias?: boolean } & MatmulBackendOptions,
): { input: Tensor<D>; weight: Tensor<D>; bias: Tensor<D> | null } {
  const op = 'grad.linear';
  const { bias = true, matmulBackend } = expectOptions(op, options, ['bias', 'matmulBackend']);
  expectBoolean(op, 'bias', bias);
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'input', input);
  expectPartner(op, 'gradOutput', gradOutput, 'weight', weight);
  expectMatmulBackend(op, matmulBackend, gradOutput._device);
  const { outputShape } = plan(op, input, weight);
  expectGradientShape(op, gradOutput, outputShape, 'as the output');
  return tidy(() => {
    const g = asRows(gradOutput);
    return {
      input: withShape(matmul(g, weight, { matmulBackend }), input.shape),
      weight: matmul(g, asRows(input), { transposeA: true, matmulBackend }),
      bias: bias ? (sum(g, { axis: 0 }) as Tensor<DType> as Tensor<D>) : null,
    };
  });
}

import { opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { ShapeError } from '../errors';
import { tidy } from '../scope';
import { type Shape, sameShape, shapeText } from '../shape';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { collapseBroadcast } from './broadcast';
import { expectFloatTensor, expectGradientOf, expectPartner } from './operands';
import { sumTo } from './reduce';

const forwardOp = opNumber('prelu');
const inputOp = opNumber('preluGradInput');
const slopeOp = opNumber('preluGradSlope');

const preluRule = rule('prelu', { keeps: 'operands' }, ({ gradOutput, saved: [input, slope] }) => {
  const gradients = preluGradient(gradOutput, input, slope);
  return [gradients.input, gradients.slope];
});

/** Shape with which the slope takes part: [C, 1, …] for one slope per channel of [N, C, …], its own elsewhere. */
function slopeShape(op: string, input: AnyTensor, slope: AnyTensor): Shape {
  const { shape } = input;
  const rank = shape.length;
  const perChannel = slope.shape.length === 1 && rank >= 2 && slope.shape[0] === shape[1];
  const seen = perChannel ? [slope.shape[0], ...new Array<number>(rank - 2).fill(1)] : slope.shape;
  const lead = rank - seen.length;
  const fits = lead >= 0 && seen.every((extent, axis) => extent === 1 || extent === shape[axis + lead]);
  if (!fits) {
    throw new ShapeError(
      `${op}: slope ${shapeText(slope.shape)} must broadcast to input ${shapeText(shape)}, or have one element per ` +
        'channel (axis 1)',
    );
  }
  return seen;
}

/**
 * Parametric rectified linear unit: x for x > 0, slope * x elsewhere, per element (He et al. 2015, Delving Deep into
 * Rectifiers).
 *
 * @param input float32 or float64, any shape.
 * @param slope Same dtype. With shape [C] beside an input [N, C, …] one slope per channel; otherwise it broadcasts to
 *   the input by NumPy's rules (so [C] serves an input [N, H, W, C] too, as long as C differs from H).
 * @returns A new tensor of the input's shape and dtype.
 * @throws ShapeError when the slope does not broadcast; DTypeError, DeviceError, DisposedError.
 */
export function prelu<D extends DType>(input: Tensor<D>, slope: Tensor<NoInfer<D>>): Tensor<D> {
  expectFloatTensor('prelu', 'input', input);
  expectPartner('prelu', 'input', input, 'slope', slope);
  const { dims, strides } = collapseBroadcast(input.shape, [input.shape, slopeShape('prelu', input, slope)]);
  const output = run1(forwardOp, [input, slope], input.dtype, input.shape, {
    rank: dims.length,
    dims,
    aStrides: strides[0],
    bStrides: strides[1],
    scalar: 0,
    scalarSide: 0,
  });
  return recording(input, slope) ? record(preluRule, [input, slope], output, [input, slope]) : output;
}

/**
 * Gradients of `prelu`: for the input g where x > 0, slope * g elsewhere; for the slope the sum of g * x over the
 * elements it served where x <= 0. Takes the forward op's input and slope.
 *
 * @throws ShapeError, DTypeError, DeviceError, DisposedError.
 */
export function preluGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  slope: Tensor<NoInfer<D>>,
): { input: Tensor<D>; slope: Tensor<D> } {
  expectGradientOf('grad.prelu', gradOutput, 'input', input);
  expectPartner('grad.prelu', 'gradOutput', gradOutput, 'slope', slope);
  const { shape, dtype } = gradOutput;
  const seen = slopeShape('grad.prelu', input, slope);
  const { dims, strides } = collapseBroadcast(shape, [shape, shape, seen]);
  const [aStrides, bStrides, cStrides] = strides;
  const attrs = { rank: dims.length, dims, aStrides, bStrides, cStrides };
  return tidy(() => {
    const terms = run1(slopeOp, [gradOutput, input, slope], dtype, shape, attrs);
    const summed = sumTo(terms, seen);
    return {
      input: run1(inputOp, [gradOutput, input, slope], dtype, shape, attrs),
      slope: sameShape(seen, slope.shape) ? summed : summed.reshape(slope.shape),
    };
  });
}

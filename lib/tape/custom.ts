import { expectTensor } from '../check';
import type { DType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { sameShape, shapeText } from '../shape';
import { type AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import { mode, withRecording } from './mode';
import { type Gradients, record, rule } from './node';

/** Keeps tensors for the backward pass; called within the forward function. */
export type SaveForBackward = (...tensors: AnyTensor[]) => void;

interface Custom {
  readonly operands: readonly AnyTensor[];
  readonly backward: (gradOutput: AnyTensor, saved: readonly AnyTensor[]) => unknown;
}

const op = 'customGradient';

const customRule = rule<Custom>(op, { keeps: 'what forward saves' }, ({ gradOutput, saved, state }) =>
  checked(state.backward(gradOutput, saved), state.operands),
);

/** Gradients that user code returned, one per operand. */
function checked(given: unknown, operands: readonly { dtype: DType; shape: readonly number[] }[]): Gradients {
  const list = given instanceof Tensor || given === null ? [given] : given;
  if (!Array.isArray(list) || list.length !== operands.length) {
    throw new ArgumentError(
      `${op}: backward must return one gradient or null per input, ${operands.length}, given ${describe(given)}`,
    );
  }
  for (const [i, gradient] of list.entries()) {
    if (gradient === null || gradient === undefined) continue;
    expectTensor(op, `the gradient of input ${i}`, gradient);
    const { dtype, shape } = operands[i];
    if (gradient.dtype !== dtype || !sameShape(gradient.shape, shape)) {
      throw new ShapeError(
        `${op}: the gradient of input ${i} must be ${dtype} ${shapeText(shape)} like the input, given ${gradient.dtype} ` +
          shapeText(gradient.shape),
      );
    }
  }
  return list.map((gradient) => gradient?.reshape(gradient.shape)); // the caller's handles stay the caller's
}

/**
 * A function with a gradient of its own: for an operation that the tape does not know, or whose gradient shall be another
 * than the chain rule's.
 *
 * @param forward Gets `save` and the inputs, and returns a new tensor. It is not recorded; what backward needs it gives to
 *   `save`.
 * @param backward Gets the gradient of the output and what was saved, and returns the gradients of the inputs: a tensor
 *   for one input, an array for several, null where there is none.
 * @returns A function of the inputs, recorded where one of them requires grad.
 * @throws ArgumentError unless both are functions. The returned function throws what forward throws, backward() what
 *   backward throws, ArgumentError or ShapeError when the gradients do not fit the inputs.
 * @example
 *   // Rounds forward, and lets gradients through as if it had not (a straight-through estimator).
 *   const roundThrough = customGradient((_save, x) => round(x), (gradOutput) => gradOutput);
 */
export function customGradient<I extends readonly AnyTensor[], O extends AnyTensor>(
  forward: (save: SaveForBackward, ...inputs: I) => O,
  backward: (gradOutput: O, saved: readonly Tensor[]) => AnyTensor | null | readonly (AnyTensor | null)[],
): (...inputs: I) => O {
  if (typeof forward !== 'function') throw new ArgumentError(`${op}: forward must be a function`);
  if (typeof backward !== 'function') throw new ArgumentError(`${op}: backward must be a function`);
  return (...inputs: I): O => {
    for (const [i, input] of inputs.entries()) expectTensor(op, `input ${i}`, input);
    const kept: AnyTensor[] = [];
    const save: SaveForBackward = (...tensors) => {
      for (const [i, tensor] of tensors.entries()) expectTensor(op, `saved tensor ${i}`, tensor);
      kept.push(...tensors);
    };
    const output = withRecording(false, () => forward(save, ...inputs));
    expectTensor(op, 'the result of forward', output);
    if (inputs.includes(output) || output._source !== null) {
      throw new ArgumentError(`${op}: forward must return a new tensor, clone() makes one`);
    }
    if (!mode.recording || !inputs.some((input) => input._requiresGrad)) return output;
    const operands = inputs.map(({ dtype, shape }) => ({ dtype, shape })) as unknown as readonly AnyTensor[];
    return record(customRule, inputs, output, kept, { operands, backward: backward as unknown as Custom['backward'] });
  };
}

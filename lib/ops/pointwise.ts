// What the unary and activation families share: a row per op, one way to run it, one way to run its gradient.
import { expectDtype, expectTensor } from '../check';
import { type Attributes, opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import type { Tensor } from '../tensor';
import { expectFloatTensor, expectGradientOf, floatTypes } from './operands';

/** One op: y = f(x) per element, in the type and shape of x. */
export interface Pointwise {
  /** Public name. */
  readonly name: string;
  readonly op: number;
  readonly dtypes: readonly DType[];
}

/** One gradient: gradInput = gradOutput * f'(x), from the saved input or output. */
export interface PointwiseGradient {
  readonly name: string;
  readonly op: number;
  readonly saved: 'input' | 'output';
}

/** `native` is the addon's name where one function has several ops. */
export function pointwise(name: string, dtypes: readonly DType[] = floatTypes, native = name): Pointwise {
  return { name, op: opNumber(native), dtypes };
}

export function pointwiseGradient(name: string, saved: 'input' | 'output', native = name): PointwiseGradient {
  return { name: `grad.${name}`, op: opNumber(`${native}Grad`), saved };
}

export function run<D extends DType>(row: Pointwise, input: Tensor<D>, attrs?: Attributes): Tensor<D> {
  if (row.dtypes === floatTypes) {
    expectFloatTensor(row.name, 'input', input);
  } else {
    expectTensor(row.name, 'input', input);
    expectDtype(row.name, 'input', input, row.dtypes);
  }
  return run1(row.op, [input], input.dtype, input.shape, attrs);
}

export function runGradient<D extends DType>(
  row: PointwiseGradient,
  gradOutput: Tensor<D>,
  saved: Tensor<D>,
  attrs?: Attributes,
): Tensor<D> {
  expectGradientOf(row.name, gradOutput, row.saved, saved);
  return run1(row.op, [gradOutput, saved], gradOutput.dtype, gradOutput.shape, attrs);
}

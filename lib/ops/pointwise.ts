// What the unary and activation families share: a row per op, one way to run it, one way to run its gradient.
import { expectDtype, expectTensor } from '../check';
import { type Attributes, opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { type Rule, record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { expectFloatTensor, expectGradientOf, floatTypes } from './operands';

/** One op: y = f(x) per element, in the type and shape of x. */
export interface Pointwise {
  /** Public name. */
  readonly name: string;
  readonly op: number;
  readonly dtypes: readonly DType[];
  /** None for an op without a gradient. */
  readonly gradient: PointwiseGradient | undefined;
  readonly rule: Rule<Attributes | undefined> | undefined;
}

/** One gradient: gradInput = gradOutput * f'(x), from the saved input or output. */
export interface PointwiseGradient {
  readonly name: string;
  readonly op: number;
  readonly saved: 'input' | 'output';
  readonly again: GradientAgain | undefined;
  /** Of the gradient itself, where it is piecewise linear: gradInput depends on gradOutput only, by a constant factor. */
  readonly rule: Rule<Attributes | undefined> | undefined;
}

/**
 * How a gradient is differentiated in turn: `'piecewise linear'` where the factor f' is constant but for kinks, else the
 * gradient in terms of ops that are recorded. Without either a gradient of the gradient is an error.
 */
export type GradientAgain =
  | 'piecewise linear'
  | ((gradOutput: AnyTensor, saved: AnyTensor, attrs: Attributes | undefined) => AnyTensor);

/** `native` is the addon's name where one function has several ops. */
export function pointwise(
  name: string,
  gradient?: PointwiseGradient,
  dtypes: readonly DType[] = floatTypes,
  native = name,
): Pointwise {
  const how =
    gradient &&
    rule<Attributes | undefined>(
      name,
      { keeps: gradient.saved, differentiable: gradient.again !== undefined },
      ({ gradOutput, saved: [saved], state }) => [runGradient(gradient, gradOutput, saved, state)],
    );
  return { name, op: opNumber(native), dtypes, gradient, rule: how };
}

export function pointwiseGradient(
  name: string,
  saved: 'input' | 'output',
  again?: GradientAgain,
  native = name,
): PointwiseGradient {
  const row: PointwiseGradient = {
    name: `grad.${name}`,
    op: opNumber(`${native}Grad`),
    saved,
    again,
    rule:
      again === 'piecewise linear'
        ? rule<Attributes | undefined>(
            `grad.${name}`,
            { keeps: saved, differentiable: true },
            ({ gradOutput, saved: [from], state }) => [runGradient(row, gradOutput, from, state)],
          )
        : undefined,
  };
  return row;
}

export function run<D extends DType>(row: Pointwise, input: Tensor<D>, attrs?: Attributes): Tensor<D> {
  if (row.dtypes === floatTypes) {
    expectFloatTensor(row.name, 'input', input);
  } else {
    expectTensor(row.name, 'input', input);
    expectDtype(row.name, 'input', input, row.dtypes);
  }
  const output = run1(row.op, [input], input.dtype, input.shape, attrs);
  if (row.rule === undefined || !recording(input)) return output;
  return record(row.rule, [input], output, [row.gradient?.saved === 'output' ? output : input], attrs);
}

export function runGradient<D extends DType>(
  row: PointwiseGradient,
  gradOutput: Tensor<D>,
  saved: Tensor<D>,
  attrs?: Attributes,
): Tensor<D> {
  expectGradientOf(row.name, gradOutput, row.saved, saved);
  const { again, rule: linear } = row;
  const recorded = recording(gradOutput, saved);
  if (recorded && typeof again === 'function') return again(gradOutput, saved, attrs) as AnyTensor as Tensor<D>;
  const result = run1(row.op, [gradOutput, saved], gradOutput.dtype, gradOutput.shape, attrs);
  return recorded && linear !== undefined && gradOutput._requiresGrad
    ? record(linear, [gradOutput], result, [saved], attrs)
    : result;
}

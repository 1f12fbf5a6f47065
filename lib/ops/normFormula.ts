// The gradients of batch and layer normalisation in terms of other operations: for gradients of gradients, and for
// gradients that arrive at the statistics. The kernels compute those of the output alone.
import type { Shape } from '../shape';
import type { Gradients } from '../tape/node';
import type { AnyTensor } from '../tensor';
import { add, mul, sub } from './binary';
import { expand } from './copy';
import { mean, sum } from './reduce';
import { rsqrt, square } from './unary';

/** How a tensor is normalised. @internal */
export interface Normalised {
  /** Axes that mean and variance are taken over. */
  readonly axes: readonly number[];
  /** Axes over which the gradients of weight and bias add up. */
  readonly summed: readonly number[];
  /** Shape of the statistics beside the input. */
  readonly statistics: Shape;
  /** Shape of weight and bias beside the input. */
  readonly parameters: Shape;
  /** Shape of the weight itself. */
  readonly own: Shape;
  readonly epsilon: number;
}

/** What arrived at the output and at the statistics. @internal */
export interface Arrived {
  readonly output: AnyTensor | null;
  readonly mean: AnyTensor | null;
  readonly inverseStd: AnyTensor | null;
}

/**
 * With d = x - mean, s = inverseStd and h = g * weight: as `grad.batchNorm` and `grad.layerNorm` have it, and for the
 * input in addition the mean's gradient / n - inverseStd's gradient * s^3 d / n.
 *
 * @param fixed Statistics that do not depend on the input.
 * @internal
 */
export function normGradients(
  { output: g, mean: byMean, inverseStd: byInverse }: Arrived,
  input: AnyTensor,
  weight: AnyTensor | undefined,
  how: Normalised,
  fixed: { readonly mean: AnyTensor; readonly inverseStd: AnyTensor } | undefined,
  needs: readonly boolean[],
): Gradients {
  const beside = (tensor: AnyTensor): AnyTensor => tensor.reshape(how.statistics);
  const average = (tensor: AnyTensor): AnyTensor => mean(tensor, { axis: how.axes, keepDims: true }) as AnyTensor;
  const total = (tensor: AnyTensor): AnyTensor => (sum(tensor, { axis: how.summed }) as AnyTensor).reshape(how.own);
  const d = sub(input, fixed === undefined ? average(input) : beside(fixed.mean));
  const s = fixed === undefined ? rsqrt(add(average(square(d)), how.epsilon)) : beside(fixed.inverseStd);
  const normal = mul(d, s);
  const terms: AnyTensor[] = [];
  if (g !== null && needs[0]) {
    const h = weight === undefined ? g : mul(g, weight.reshape(how.parameters));
    const spread = (): AnyTensor => sub(sub(h, average(h)), mul(normal, average(mul(h, normal))));
    terms.push(mul(fixed === undefined ? spread() : h, s));
  }
  const count = how.axes.reduce((product, axis) => product * input.shape[axis], 1);
  if (byMean !== null && needs[0]) terms.push(expand(mul(beside(byMean), 1 / count), input.shape));
  if (byInverse !== null && needs[0]) terms.push(mul(mul(mul(normal, square(s)), -1 / count), beside(byInverse)));
  return [
    terms.length === 0 ? null : terms.reduce((all, term) => add(all, term)),
    g !== null && needs[1] ? total(mul(g, normal)) : null,
    g !== null && needs[2] ? total(g) : null,
  ];
}

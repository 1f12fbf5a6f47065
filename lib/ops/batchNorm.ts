import { expectBoolean, expectFinite, expectOptions } from '../check';
import { opNumber, run1, run2, runInPlace } from '../dispatch';
import type { DType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { tidy } from '../scope';
import { type Shape, shapeText } from '../shape';
import { record, recordAll, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { batchNormGradient } from './batchNormGradient';
import { add } from './binary';
import { type ChannelView, channelAxis, expectChannels, optionalPerChannel } from './channels';
import { clone } from './copy';
import { type Normalised, normGradients } from './normFormula';
import { expectFloatTensor } from './operands';
import type { Layout } from './spatial';
import { rsqrt } from './unary';

const statisticsOp = opNumber('batchNormStatistics');
const updateOp = opNumber('batchNormUpdate');
const normaliseOp = opNumber('batchNorm');

/** Options of `batchNorm`; tensors have one number per channel, [C]. */
export interface BatchNormOptions<D extends DType = 'float32'> {
  /** Mean of each channel, used unless `training`, updated in place if `training`. Needs `runningVar` beside it. */
  readonly runningMean?: Tensor<D> | null;
  /** Variance of each channel, likewise. */
  readonly runningVar?: Tensor<D> | null;
  /** Factor of each channel; 1 if left out. */
  readonly weight?: Tensor<D> | null;
  /** Summand of each channel; 0 if left out. */
  readonly bias?: Tensor<D> | null;
  /** Normalise by the statistics of this batch; false if left out. */
  readonly training?: boolean;
  /** Share of this batch in the updated running statistics, from 0 to 1; 0.1 if left out. */
  readonly momentum?: number;
  /** Finite, >= 0, added to the variance; 1e-5 if left out. */
  readonly epsilon?: number;
  /** Axes of the input; `'NCHW'`, channels second, if left out; `'NHWC'`, channels last. */
  readonly layout?: Layout;
}

const known = [
  ...['runningMean', 'runningVar', 'weight', 'bias'],
  ...['training', 'momentum', 'epsilon', 'layout'],
] as readonly (keyof BatchNormOptions)[];

interface Recorded {
  readonly training: boolean;
  readonly epsilon: number;
  readonly layout: Layout | undefined;
}

const batchNormRule = rule<Recorded>(
  'batchNorm',
  { keeps: 'input, weight, statistics', differentiable: true },
  ({ gradOutputs, saved: [input, weight, mean, inverseStd], state, needs }) => {
    const [output, byMean, byInverse] = [gradOutputs[0], gradOutputs[1] ?? null, gradOutputs[2] ?? null];
    const { training, epsilon, layout } = state;
    if (output === null || byMean !== null || byInverse !== null || recording(output, input, weight)) {
      const how = { ...channelsOf(input.shape, layout), epsilon };
      const fixed = training ? undefined : { mean, inverseStd };
      return normGradients({ output, mean: byMean, inverseStd: byInverse }, input, weight, how, fixed, needs);
    }
    const chosen = { inputGrad: needs[0], weightGrad: needs[1], biasGrad: needs[2] };
    const found = batchNormGradient(output, input, mean, inverseStd, { weight, training, layout, ...chosen });
    return [found.input, found.weight, found.bias];
  },
);

function channelsOf(shape: Shape, layout: Layout | undefined): Omit<Normalised, 'epsilon'> {
  const channels = channelAxis(shape, layout);
  const axes = shape.map((_, axis) => axis).filter((axis) => axis !== channels);
  const parameters = shape.map((extent, axis) => (axis === channels ? extent : 1));
  return { axes, summed: axes, statistics: parameters, parameters, own: [shape[channels]] };
}

interface Plan<D extends DType> {
  readonly input: Tensor<D>;
  readonly view: ChannelView;
  readonly weight: Tensor<D> | undefined;
  readonly bias: Tensor<D> | undefined;
  readonly running: readonly [mean: Tensor<D>, variance: Tensor<D>] | undefined;
  readonly training: boolean;
  readonly momentum: number;
  readonly epsilon: number;
  readonly layout: Layout | undefined;
}

/** Whether two tensors have elements in common. */
function overlap(a: AnyTensor, b: AnyTensor): boolean {
  return a._storage === b._storage && a._offset < b._offset + b.size && b._offset < a._offset + a.size;
}

function expectApart(op: string, operands: Readonly<Record<string, AnyTensor | undefined>>): void {
  const given = Object.entries(operands);
  for (const name of ['runningMean', 'runningVar']) {
    for (const [otherName, other] of given) {
      const tensor = operands[name];
      if (otherName === name || tensor === undefined || other === undefined || !overlap(tensor, other)) continue;
      throw new ArgumentError(`${op}: ${name} and ${otherName} share memory; clone() gives one of them its own`);
    }
  }
}

function plan<D extends DType>(op: string, input: Tensor<D>, options: BatchNormOptions<D> | undefined): Plan<D> {
  expectFloatTensor(op, 'input', input);
  const given = expectOptions(op, options as BatchNormOptions<DType> | undefined, known) as BatchNormOptions<D>;
  const { training = false, momentum = 0.1, epsilon = 1e-5 } = given;
  expectBoolean(op, 'training', training);
  expectFinite(op, 'momentum', momentum, 0, 1);
  expectFinite(op, 'epsilon', epsilon, 0);
  const view = expectChannels(op, 'input', input.shape, given.layout);
  const optional = (name: 'runningMean' | 'runningVar' | 'weight' | 'bias'): Tensor<D> | undefined =>
    optionalPerChannel(op, input, name, given[name], view.channels);
  const [runningMean, runningVar] = [optional('runningMean'), optional('runningVar')];
  const [weight, bias] = [optional('weight'), optional('bias')];
  if ((runningMean === undefined) !== (runningVar === undefined)) {
    const [one, other] = runningMean === undefined ? ['runningVar', 'runningMean'] : ['runningMean', 'runningVar'];
    throw new ArgumentError(`${op}: ${one} needs ${other} beside it`);
  }
  if (!training && runningMean === undefined) {
    throw new ArgumentError(`${op}: needs runningMean and runningVar unless training is true`);
  }
  if (training && view.outer * view.inner === 1) {
    throw new ShapeError(
      `${op}: input ${shapeText(input.shape)} has one value per channel, whose variance is always 0; ` +
        'training needs more than one',
    );
  }
  if (training) expectApart(op, { input, runningMean, runningVar, weight, bias });
  const running =
    runningMean === undefined || runningVar === undefined ? undefined : ([runningMean, runningVar] as const);
  return { input, view, weight, bias, running, training, momentum, epsilon, layout: given.layout };
}

/** Mean and variance to normalise by; the batch's own are new tensors and enter the running ones. */
function statistics<D extends DType>(p: Plan<D>): readonly [mean: Tensor<D>, variance: Tensor<D>] {
  const { input, view, running } = p;
  if (!p.training) return running as readonly [Tensor<D>, Tensor<D>];
  const spec = () => ({ dtype: input.dtype, shape: [view.channels] });
  const batch = run2(statisticsOp, [input], spec(), spec(), view);
  const count = view.outer * view.inner;
  if (running !== undefined && count > 0) {
    runInPlace(updateOp, batch, running, { momentum: p.momentum, correction: count / (count - 1) });
  }
  return batch;
}

function normalise<D extends DType>(p: Plan<D>, mean: Tensor<D>, variance: Tensor<D>): Tensor<D> {
  const { input, weight, bias, view, epsilon } = p;
  const operands = [input, mean, variance];
  if (weight !== undefined) operands.push(weight);
  if (bias !== undefined) operands.push(bias);
  const { outer, channels, inner } = view;
  const attributes = { outer, channels, inner, epsilon, weight: weight !== undefined, bias: bias !== undefined };
  return run1(normaliseOp, operands, input.dtype, input.shape, attributes);
}

interface WithStatistics<D extends DType> {
  readonly output: Tensor<D>;
  readonly mean: Tensor<D>;
  readonly inverseStd: Tensor<D>;
}

function withStatistics<D extends DType>(p: Plan<D>): WithStatistics<D> {
  return tidy(() => {
    const [mean, variance] = statistics(p);
    return {
      output: normalise(p, mean, variance),
      mean: p.training ? mean : clone(mean),
      inverseStd: rsqrt(add(variance as AnyTensor, p.epsilon) as Tensor<D>),
    };
  });
}

/** What backward needs of a call, in the rule's order. */
function kept<D extends DType>(p: Plan<D>, { mean, inverseStd }: WithStatistics<D>) {
  const { input, weight, bias, training, epsilon, layout } = p;
  return {
    operands: [input, weight, bias],
    saves: [input, weight, mean, inverseStd],
    state: { training, epsilon, layout },
  };
}

/**
 * Batch normalisation (Ioffe & Szegedy 2015): y = (x - mean) / sqrt(variance + epsilon) * weight + bias per channel.
 * With `training` mean and variance are those of this batch over all axes but the channels', the variance divided by
 * the number of values n; running statistics, where given, become (1 - momentum) * running + momentum * batch, the
 * batch's variance taken as divided by n - 1. An empty batch leaves them as they are. Otherwise the running statistics
 * are used.
 *
 * @param input float32 or float64, [N, C], [N, C, L], [N, C, H, W] or [N, C, D, H, W]; channels last with `layout:
 *   'NHWC'`.
 * @param options `runningMean`, `runningVar` (needed unless `training`), `weight`, `bias`, all [C], of the input's dtype
 *   and device; `training` (false), `momentum` (0.1), `epsilon` (1e-5), `layout`.
 * @returns A new tensor of the input's shape.
 * @throws ShapeError for a shape that does not fit, or a batch with one value per channel in training; ArgumentError for
 *   a wrong option, missing running statistics, or ones that share memory with another operand; DTypeError, DeviceError,
 *   DisposedError.
 */
export function batchNorm<D extends DType>(input: Tensor<D>, options?: BatchNormOptions<NoInfer<D>>): Tensor<D> {
  const p = plan('batchNorm', input, options);
  if (recording(input, p.weight, p.bias)) {
    const found = withStatistics(p);
    const { operands, saves, state } = kept(p, found);
    record(batchNormRule, operands, found.output, saves, state);
    found.mean.dispose(); // the tape has them
    found.inverseStd.dispose();
    return found.output;
  }
  const [mean, variance] = statistics(p);
  const output = normalise(p, mean, variance);
  if (p.training) {
    mean.dispose();
    variance.dispose();
  }
  return output;
}

/**
 * As `batchNorm`, with the statistics that it used, which the gradient needs.
 *
 * @returns `output`, and [C] each: `mean`, `inverseStd` = 1 / sqrt(variance + epsilon), copies in inference.
 * @throws As `batchNorm`.
 */
export function batchNormWithStatistics<D extends DType>(
  input: Tensor<D>,
  options?: BatchNormOptions<NoInfer<D>>,
): { output: Tensor<D>; mean: Tensor<D>; inverseStd: Tensor<D> } {
  const p = plan('batchNormWithStatistics', input, options);
  const found = withStatistics(p);
  if (recording(input, p.weight, p.bias)) {
    const { operands, saves, state } = kept(p, found);
    // In inference the statistics depend on nothing that has a gradient.
    const outputs = p.training ? [found.output, found.mean, found.inverseStd] : [found.output];
    recordAll(batchNormRule, operands, outputs, saves, state);
  }
  return found;
}

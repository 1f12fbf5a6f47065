// What conv2d, its gradients and the functions that only calculate share: options, shapes, native attributes.
import { expectInteger, expectOneOf } from '../check';
import { type Attributes, needsOf, opNumber } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ArgumentError, ShapeError, UnsupportedError } from '../errors';
import { checkedSize, type Shape, shapeText } from '../shape';
import type { AnyTensor, Tensor } from '../tensor';
import { alternatives, describe } from '../text';
import {
  byEstimate,
  type ConvAlgorithmName,
  type ConvProblem,
  type Direction,
  declines,
  type Kernel,
  kernelNumber,
  plannedAlgorithms,
  type WinogradVariant,
  winogradVariant,
} from './convAlgorithm';
import { searchedKernel } from './convSearch';
import { expectFloatTensor, expectPartner } from './operands';
import {
  expectLayout,
  type Layout,
  maxWindowNumber,
  planWindow,
  type Window,
  type WindowOptions,
  windowAttributes,
} from './window';

/** Options that the convolution and its gradients share. */
export interface ConvOptions extends WindowOptions {
  /** Channels and filters are split into this many groups that do not see each other; 1 if left out. */
  readonly groups?: number;
  /** Axes of input, output and their gradients; `'NCHW'` if left out. Weights are [K, C/groups, R, S] in both. */
  readonly layout?: Layout;
  /**
   * `'auto'` if left out: the fastest by an estimate. `'search'`: the fastest by the clock; the first call of a problem times
   * the algorithms, for some milliseconds each, while the calling thread waits (see `convSearchResults`).
   */
  readonly algorithm?: ConvAlgorithmName | WinogradVariant | 'auto' | 'search';
  /** Most bytes of workspace that a call may take, see `convAlgorithms`; no limit but memory's if left out. */
  readonly workspaceLimit?: number;
}

/** Activations that conv2d can apply to its output: those without an argument, in their default form. */
export type ConvActivation =
  | 'relu'
  | 'relu6'
  | 'leakyRelu'
  | 'elu'
  | 'selu'
  | 'gelu'
  | 'silu'
  | 'mish'
  | 'softplus'
  | 'sigmoid'
  | 'hardSigmoid'
  | 'hardSwish'
  | 'tanh';

/** Options of `conv2d`. */
export interface Conv2dOptions<D extends DType = 'float32'> extends ConvOptions {
  /** [K], added to each filter's outputs. */
  readonly bias?: Tensor<D> | null;
  /** Applied to the output, after the bias. */
  readonly activation?: ConvActivation;
}

/** @internal */
export const convOptions = [
  'stride',
  'padding',
  'dilation',
  'groups',
  'layout',
  'algorithm',
  'workspaceLimit',
] as const;

/** @internal */
export interface ConvPlan {
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly nhwc: boolean;
  readonly window: Window;
  /** The algorithm; null: a search finds it among the candidates. */
  readonly kernel: Kernel | null;
  readonly candidates: readonly Kernel[];
  readonly problem: ConvProblem;
  readonly outputShape: readonly number[];
  /** For the kernel; where that is null, for the first candidate. */
  readonly attributes: Attributes;
}

const directionOps: Readonly<Record<Direction, number>> = {
  forward: opNumber('conv2d'),
  input: opNumber('conv2dInput'),
  weight: opNumber('conv2dWeight'),
};

const algorithmOptions = [
  'auto',
  'search',
  'implicit',
  'im2col',
  'direct',
  'winograd',
  'winogradF2',
  'winogradF4',
] as const;

type AlgorithmOption = (typeof algorithmOptions)[number];

function expectAlgorithm(op: string, value: unknown): AlgorithmOption {
  if (value === undefined) return 'auto';
  if ((plannedAlgorithms as readonly unknown[]).includes(value)) {
    throw new UnsupportedError(
      `${op}: algorithm '${value}' is not part of this version, use ${alternatives(algorithmOptions)}`,
    );
  }
  return expectOneOf(op, 'algorithm', value, algorithmOptions) as AlgorithmOption;
}

/** What a kernel would take beside its operands; `attributes` name it. @internal */
export function kernelNeeds(
  { direction, device, dtype }: ConvProblem,
  attributes: Attributes,
): { workspaceBytes: number; packedBytes: number } {
  return needsOf(directionOps[direction], device, dtype, attributes);
}

/** Most bytes of workspace, if the option is there. @internal */
export function expectWorkspaceLimit(op: string, limit: unknown): number | undefined {
  return limit === undefined ? undefined : expectInteger(op, 'workspaceLimit', limit, 0);
}

/** Why a call may not take so much workspace; null if it may. @internal */
export function declineWorkspace(bytes: number, limit: number | undefined): string | null {
  return limit !== undefined && bytes > limit
    ? `it needs ${bytes} bytes of workspace, more than workspaceLimit ${limit}`
    : null;
}

/**
 * The algorithms among which a call chooses, the one to take first. `asked` by name is the only one.
 *
 * @throws UnsupportedError when the algorithm asked for by name cannot compute the problem.
 */
function chooseKernels(op: string, asked: AlgorithmOption, problem: ConvProblem): readonly Kernel[] {
  if (asked === 'auto' || asked === 'search') return byEstimate(problem);
  const named = asked === 'winograd' ? winogradVariant(problem) : asked;
  const reason = declines(named, problem);
  if (reason === null) return [named];
  throw new UnsupportedError(`${op}: algorithm '${asked}' cannot compute this convolution: ${reason}`);
}

/** @throws UnsupportedError when none of the kernels keeps to the limit. */
function withinLimit(
  op: string,
  asked: AlgorithmOption,
  kernels: readonly Kernel[],
  limit: number,
  bytesOf: (kernel: Kernel) => number,
): readonly Kernel[] {
  const reasons: string[] = [];
  const fitting = kernels.filter((kernel) => {
    const reason = declineWorkspace(bytesOf(kernel), limit);
    if (reason !== null) reasons.push(`${kernel}: ${reason}`);
    return reason === null;
  });
  if (fitting.length > 0) return fitting;
  const what =
    asked === 'auto' || asked === 'search' ? 'no algorithm can compute' : `algorithm '${asked}' may not compute`;
  throw new UnsupportedError(`${op}: ${what} this convolution (${reasons.join('; ')})`);
}

/**
 * A shape of extents that kernels can count, as many as `form` names, all but axis `mayBeEmpty` positive.
 *
 * @param form For example `[N, C, H, W]`.
 * @internal
 */
export function expectExtents(op: string, name: string, shape: Shape, form: string, mayBeEmpty: number): void {
  const rank = form.split(',').length;
  if (shape.length !== rank) {
    throw new ShapeError(`${op}: ${name} must have rank ${rank} ${form}, given shape ${shapeText(shape)}`);
  }
  for (const [axis, extent] of shape.entries()) {
    if (extent === 0 && axis !== mayBeEmpty) {
      throw new ShapeError(`${op}: ${name} ${shapeText(shape)} must have positive extents ${form}, axis ${axis} is 0`);
    }
    if (extent > maxWindowNumber) {
      throw new ShapeError(
        `${op}: ${name} ${shapeText(shape)} has extent ${extent} on axis ${axis}, at most 2^31 - 1 = ` +
          `${maxWindowNumber} is supported`,
      );
    }
  }
}

/**
 * Checks that a shape is one of activations, [N, C, H, W] or [N, H, W, C], with positive extents but for N.
 *
 * @internal
 */
export function expectActivations(op: string, name: string, shape: Shape, nhwc: boolean): void {
  expectExtents(op, name, shape, nhwc ? '[N, H, W, C]' : '[N, C, H, W]', 0);
}

/**
 * Checks that channels and filters are those of so many groups.
 *
 * @param weightShape [K, C/groups, …].
 * @internal
 */
export function checkGroups(op: string, groups: number, channels: number, inputShape: Shape, weightShape: Shape): void {
  const [filters, channelsPerGroup] = weightShape;
  if (channels % groups !== 0 || filters % groups !== 0) {
    const [what, count] = channels % groups !== 0 ? ['channels of input', channels] : ['filters of weight', filters];
    throw new ShapeError(
      `${op}: groups ${groups} must divide the ${count} ${what} (input ${shapeText(inputShape)}, weight ` +
        `${shapeText(weightShape)})`,
    );
  }
  if (channels !== channelsPerGroup * groups) {
    throw new ShapeError(
      `${op}: input ${shapeText(inputShape)} has ${channels} channels, weight ${shapeText(weightShape)} needs ` +
        `C/groups * groups = ${channelsPerGroup} * ${groups} = ${channelsPerGroup * groups}`,
    );
  }
}

/**
 * Checks that a bias belongs to the filters of a convolution.
 *
 * @param weightShape [K, …].
 * @internal
 */
export function expectBias(op: string, input: AnyTensor, bias: unknown, weightShape: Shape): asserts bias is AnyTensor {
  expectFloatTensor(op, 'bias', bias);
  expectPartner(op, 'input', input, 'bias', bias);
  const [filters] = weightShape;
  if (bias.shape.length !== 1 || bias.shape[0] !== filters) {
    throw new ShapeError(
      `${op}: bias must have shape [${filters}], one number per filter of weight ${shapeText(weightShape)}, given ` +
        shapeText(bias.shape),
    );
  }
}

/** @throws ArgumentError where the option `activation` is given to a gradient. @internal */
export function refuseActivation(op: string, activation: unknown): void {
  if (activation === undefined) return;
  throw new ArgumentError(
    `${op}: takes the gradient of the convolution before its activation ${describe(activation)}: apply that ` +
      "activation's gradient to gradOutput first and leave out the option",
  );
}

/** What a plan depends on beside shapes and options. @internal */
export interface ConvTask {
  readonly direction: Direction;
  readonly dtype: DType;
  readonly device: number;
}

/**
 * Checks shapes and options against each other, and chooses the algorithm.
 *
 * @param options The caller's, with known names only.
 * @internal
 */
export function planConvolution(
  op: string,
  inputShape: Shape,
  weightShape: Shape,
  options: ConvOptions,
  task: ConvTask,
): ConvPlan {
  const nhwc = expectLayout(op, options.layout);
  const asked = expectAlgorithm(op, options.algorithm);
  const limit = expectWorkspaceLimit(op, options.workspaceLimit);
  const groups = options.groups === undefined ? 1 : expectInteger(op, 'groups', options.groups, 1, maxWindowNumber);
  expectActivations(op, 'input', inputShape, nhwc);
  expectExtents(op, 'weight', weightShape, '[K, C/groups, R, S]', -1);
  const [batch] = inputShape;
  const [channels, height, width] = nhwc
    ? [inputShape[3], inputShape[1], inputShape[2]]
    : [inputShape[1], inputShape[2], inputShape[3]];
  const [filters, , kernelH, kernelW] = weightShape;
  checkGroups(op, groups, channels, inputShape, weightShape);
  const window = planWindow(
    op,
    { h: height, w: width },
    { h: kernelH, w: kernelW },
    options,
    { h: 1, w: 1 },
    () => `input ${shapeText(inputShape)}, weight ${shapeText(weightShape)}`,
  );
  const { h, w } = window;
  const problem = { ...task, channels, filters, groups, nhwc, window };
  const attributesOf = (kernel: Kernel): Attributes => ({
    batch,
    channels,
    ...windowAttributes(window),
    filters,
    groups,
    nhwc,
    algorithm: kernelNumber(kernel),
    activation: 0,
  });
  const outputShape = nhwc ? [batch, h.output, w.output, filters] : [batch, filters, h.output, w.output];
  let candidates = chooseKernels(op, asked, problem);
  if (limit !== undefined) {
    // What an algorithm needs can be asked for sizes that can be counted only.
    for (const shape of [inputShape, weightShape, outputShape]) checkedSize(op, shape, bytesPerElement(task.dtype));
    const bytesOf = (kernel: Kernel): number => kernelNeeds(problem, attributesOf(kernel)).workspaceBytes;
    candidates = withinLimit(op, asked, candidates, limit, bytesOf);
  }
  return {
    batch,
    channels,
    filters,
    groups,
    nhwc,
    window,
    kernel: asked === 'search' && batch > 0 ? null : candidates[0],
    candidates,
    problem,
    outputShape,
    attributes: attributesOf(candidates[0]),
  };
}

/**
 * Makes a planned result, after a search where one is asked for.
 *
 * @param run Makes it with the attributes of an algorithm.
 * @internal
 */
export function runPlanned<D extends DType>(plan: ConvPlan, run: (attributes: Attributes) => Tensor<D>): Tensor<D> {
  if (plan.kernel !== null) return run(plan.attributes);
  const { problem, batch, attributes, candidates } = plan;
  const kernel = searchedKernel(problem, batch, attributes, candidates, run as (of: Attributes) => Tensor<DType>);
  return run({ ...attributes, algorithm: kernelNumber(kernel) });
}

// What conv2d, its gradients and the functions that only calculate share: options, shapes, native attributes.
import { expectInteger, expectOneOf } from '../check';
import { type Attributes, needsOf, opNumber } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError, UnsupportedError } from '../errors';
import { checkedSize, type Shape, shapeText } from '../shape';
import type { Tensor } from '../tensor';
import { alternatives } from '../text';
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
import {
  activationShape,
  activationsOf,
  expectActivations,
  expectExtents,
  expectLayout,
  type Form,
  type Layout,
  type Layout1d,
  maxWindowNumber,
  twoAxes,
} from './spatial';
import {
  planWindow,
  type Window,
  type WindowArguments,
  type WindowOptions,
  type WindowOptions1d,
  windowAttributes,
} from './window';

/** Options of convolutions over any number of axes. */
export interface ConvCommonOptions {
  /** Channels and filters are split into this many groups that do not see each other; 1 if left out. */
  readonly groups?: number;
  /**
   * `'auto'` if left out: the fastest by an estimate. `'search'`: the fastest by the clock; the first call of a problem times
   * the algorithms, for some milliseconds each, while the calling thread waits (see `convSearchResults`).
   */
  readonly algorithm?: ConvAlgorithmName | WinogradVariant | 'auto' | 'search';
  /** Most bytes of workspace that a call may take, see `convAlgorithms`; no limit but memory's if left out. */
  readonly workspaceLimit?: number;
}

/** Options that the convolution and its gradients share. */
export interface ConvOptions extends ConvCommonOptions, WindowOptions {
  /** Axes of input, output and their gradients; `'NCHW'` if left out. Weights are [K, C/groups, R, S] in both. */
  readonly layout?: Layout;
}

/** The same for one axis. */
export interface Conv1dSharedOptions extends ConvCommonOptions, WindowOptions1d {
  /** Axes of input, output and their gradients; `'NCW'` if left out. Weights are [K, C/groups, R] in both. */
  readonly layout?: Layout1d;
}

/** The options of either, before they are checked. @internal */
export type ConvArguments = WindowArguments &
  Readonly<Partial<Record<'groups' | 'layout' | 'algorithm' | 'workspaceLimit', unknown>>>;

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

/** What a convolution applies to its output. */
export interface ConvOutputOptions<D extends DType = 'float32'> {
  /** [K], added to each filter's outputs. */
  readonly bias?: Tensor<D> | null;
  /** Applied to the output, after the bias. */
  readonly activation?: ConvActivation;
}

/** Options of `conv2d`. */
export interface Conv2dOptions<D extends DType = 'float32'> extends ConvOptions, ConvOutputOptions<D> {}

/** Options of `conv1d`. */
export interface Conv1dOptions<D extends DType = 'float32'> extends Conv1dSharedOptions, ConvOutputOptions<D> {}

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

/** The sizes of a convolution, checked against each other. @internal */
export interface ConvSizes {
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly nhwc: boolean;
  readonly window: Window;
  readonly inputShape: Shape;
  readonly weightShape: Shape;
  readonly outputShape: Shape;
}

/** @internal */
export interface ConvPlan extends ConvSizes {
  /** The algorithm; null: a search finds it among the candidates. */
  readonly kernel: Kernel | null;
  readonly candidates: readonly Kernel[];
  readonly problem: ConvProblem;
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

/** What a plan depends on beside shapes and options. @internal */
export interface ConvTask {
  readonly direction: Direction;
  readonly dtype: DType;
  readonly device: number;
}

/** @internal */
export function expectGroups(op: string, value: unknown): number {
  return value === undefined ? 1 : expectInteger(op, 'groups', value, 1, maxWindowNumber);
}

/**
 * Checks that the channels and filters are those of so many groups.
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

/** Checks shapes and window options against each other. @internal */
export function convolutionSizes(
  op: string,
  inputShape: Shape,
  weightShape: Shape,
  options: ConvArguments,
  form: Form,
): ConvSizes {
  const nhwc = expectLayout(op, options.layout, form);
  const groups = expectGroups(op, options.groups);
  expectActivations(op, 'input', inputShape, nhwc, form);
  expectExtents(op, 'weight', weightShape, form.axes + 2, `[K, C/groups, ${form.kernel}]`, -1);
  const input = activationsOf(inputShape, nhwc);
  const { batch, channels } = input;
  // A kernel has its extents where activations with channels first have them.
  const { batch: filters, height: kernelH, width: kernelW } = activationsOf(weightShape, false);
  checkGroups(op, groups, channels, inputShape, weightShape);
  const window = planWindow(
    op,
    { h: input.height, w: input.width },
    { h: kernelH, w: kernelW },
    options,
    { h: 1, w: 1 },
    () => `input ${shapeText(inputShape)}, weight ${shapeText(weightShape)}`,
    form,
  );
  const { h, w } = window;
  const output = { nhwc, batch, channels: filters, height: h.output, width: w.output };
  const outputShape = activationShape(output, form);
  return { batch, channels, filters, groups, nhwc, window, inputShape, weightShape, outputShape };
}

// Every call comes here, and a literal that names its fields is made an order of magnitude faster than one that spreads others.
function attributesOf(sizes: ConvSizes, algorithm: Kernel, activation: number): Attributes {
  const { batch, channels, filters, groups, nhwc } = sizes;
  const { height, width, kernel, output, stride, padding, dilation } = windowAttributes(sizes.window);
  return {
    batch,
    channels,
    height,
    width,
    filters,
    kernel,
    output,
    stride,
    padding,
    dilation,
    groups,
    nhwc,
    algorithm: kernelNumber(algorithm),
    activation,
  };
}

/**
 * Chooses the algorithm for a convolution whose sizes fit each other.
 *
 * @param options The caller's.
 * @param activation Number of the activation that is part of the op.
 * @internal
 */
export function planAlgorithm(
  op: string,
  sizes: ConvSizes,
  options: ConvArguments,
  task: ConvTask,
  activation = 0,
): ConvPlan {
  const { batch, channels, filters, groups, nhwc, window, inputShape, weightShape, outputShape } = sizes;
  const { direction, dtype, device } = task;
  const asked = expectAlgorithm(op, options.algorithm);
  const limit = expectWorkspaceLimit(op, options.workspaceLimit);
  const problem = { direction, dtype, device, channels, filters, groups, nhwc, window };
  let candidates = chooseKernels(op, asked, problem);
  if (limit !== undefined) {
    // What an algorithm needs can be asked for sizes that can be counted only.
    for (const shape of [inputShape, weightShape, outputShape]) checkedSize(op, shape, bytesPerElement(dtype));
    const bytesOf = (one: Kernel): number => kernelNeeds(problem, attributesOf(sizes, one, 0)).workspaceBytes;
    candidates = withinLimit(op, asked, candidates, limit, bytesOf);
  }
  const kernel = asked === 'search' && batch > 0 ? null : candidates[0];
  const attributes = attributesOf(sizes, candidates[0], activation);
  return {
    batch,
    channels,
    filters,
    groups,
    nhwc,
    window,
    inputShape,
    weightShape,
    outputShape,
    kernel,
    candidates,
    problem,
    attributes,
  };
}

/**
 * Checks the shapes and options of a `conv2d` against each other, and chooses the algorithm.
 *
 * @param options The caller's, with known names only.
 * @internal
 */
export function planConvolution(
  op: string,
  inputShape: Shape,
  weightShape: Shape,
  options: ConvArguments,
  task: ConvTask,
): ConvPlan {
  return planAlgorithm(op, convolutionSizes(op, inputShape, weightShape, options, twoAxes), options, task);
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

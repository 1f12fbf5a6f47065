// What conv2d, its gradients and the functions that only calculate share: options, shapes, native attributes.
import { expectInteger, expectOneOf } from '../check';
import type { Attributes } from '../dispatch';
import type { DType } from '../dtype';
import { ShapeError, UnsupportedError } from '../errors';
import { type Shape, shapeText } from '../shape';
import type { Tensor } from '../tensor';
import { alternatives } from '../text';
import {
  automatic,
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
  /** `'auto'` if left out. */
  readonly algorithm?: ConvAlgorithmName | WinogradVariant | 'auto';
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
export const convOptions = ['stride', 'padding', 'dilation', 'groups', 'layout', 'algorithm'] as const;

/** @internal */
export interface ConvPlan {
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly nhwc: boolean;
  readonly window: Window;
  readonly kernel: Kernel;
  readonly problem: ConvProblem;
  readonly outputShape: readonly number[];
  readonly attributes: Attributes;
}

const algorithmOptions = ['auto', 'implicit', 'im2col', 'direct', 'winograd', 'winogradF2', 'winogradF4'] as const;

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

/** @throws UnsupportedError when the algorithm asked for by name cannot compute the problem. */
function chooseKernel(op: string, asked: AlgorithmOption, problem: ConvProblem): Kernel {
  if (asked === 'auto') return automatic(problem);
  const kernel = asked === 'winograd' ? winogradVariant(problem) : asked;
  const reason = declines(kernel, problem);
  if (reason === null) return kernel;
  throw new UnsupportedError(`${op}: algorithm '${asked}' cannot compute this convolution: ${reason}`);
}

/** A shape of four extents that kernels can count, all but axis `mayBeEmpty` positive. */
function expectExtents(op: string, name: string, shape: Shape, form: string, mayBeEmpty: number): void {
  if (shape.length !== 4) {
    throw new ShapeError(`${op}: ${name} must have rank 4 ${form}, given shape ${shapeText(shape)}`);
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
  const groups = options.groups === undefined ? 1 : expectInteger(op, 'groups', options.groups, 1, maxWindowNumber);
  expectActivations(op, 'input', inputShape, nhwc);
  expectExtents(op, 'weight', weightShape, '[K, C/groups, R, S]', -1);
  const [batch] = inputShape;
  const [channels, height, width] = nhwc
    ? [inputShape[3], inputShape[1], inputShape[2]]
    : [inputShape[1], inputShape[2], inputShape[3]];
  const [filters, channelsPerGroup, kernelH, kernelW] = weightShape;
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
  const kernel = chooseKernel(op, asked, problem);
  return {
    batch,
    channels,
    filters,
    groups,
    nhwc,
    window,
    kernel,
    problem,
    outputShape: nhwc ? [batch, h.output, w.output, filters] : [batch, filters, h.output, w.output],
    attributes: {
      batch,
      channels,
      ...windowAttributes(window),
      filters,
      groups,
      nhwc,
      algorithm: kernelNumber(kernel),
      activation: 0,
    },
  };
}

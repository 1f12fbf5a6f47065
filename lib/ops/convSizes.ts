// What can be said about a convolution without running it.
import { expectDtypeName, expectOneOf, expectOptions } from '../check';
import { deviceOption } from '../deviceTable';
import { bytesPerElement, type FloatDType } from '../dtype';
import { checkedSize, expectShape } from '../shape';
import { algorithmNames } from '../trace';
import {
  type ConvAlgorithmName,
  declines,
  directions,
  type Kernel,
  kernelNumber,
  type PlannedAlgorithmName,
  plannedAlgorithms,
  type WinogradVariant,
} from './convAlgorithm';
import {
  type ConvOptions,
  convOptions,
  declineWorkspace,
  expectWorkspaceLimit,
  kernelNeeds,
  planConvolution,
} from './convPlan';

/**
 * The shape of `conv2d`'s output, per axis floor((in + before + after - dilation * (kernel - 1) - 1) / stride) + 1.
 *
 * @param inputShape [N, C, H, W], or [N, H, W, C] with layout NHWC.
 * @param weightShape [K, C/groups, R, S].
 * @returns [N, K, OH, OW], or [N, OH, OW, K].
 * @throws What `conv2d` throws for these shapes and options.
 */
export function convOutputSize(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options?: ConvOptions,
): number[] {
  const op = 'convOutputSize';
  const given = expectOptions(op, options, convOptions);
  const input = expectShape(op, 'inputShape', inputShape);
  const weight = expectShape(op, 'weightShape', weightShape);
  const task = { direction: 'forward', dtype: 'float32', device: 0 } as const;
  return [...planConvolution(op, input, weight, { ...given, workspaceLimit: undefined }, task).outputShape];
}

/** An algorithm that can compute the convolution, with what it needs. */
export interface ConvCandidate {
  readonly name: ConvAlgorithmName;
  readonly declined: null;
  /** Which form of the algorithm, where it has several: `winogradF2` or `winogradF4`; a value of the option `algorithm`. */
  readonly variant: WinogradVariant | null;
  /**
   * Bytes that a call takes for its duration beside its operands, with the present number of threads: the column matrix
   * of im2col, tiles and products of winograd, panels.
   */
  readonly workspaceBytes: number;
  /**
   * Bytes of the weights in the form that the kernel reads. They are kept with the weights' memory from call to call, as
   * part of `allocatedBytes`, until the weights change or the room is needed; 0 where nothing is kept.
   */
  readonly packedBytes: number;
  /** Floating-point operations: 2 N K OH OW (C/groups) R S, a multiplication and an addition counting as two. */
  readonly flops: number;
}

/** An algorithm that cannot compute the convolution, with the reason. */
export interface DeclinedConvAlgorithm {
  readonly name: ConvAlgorithmName | PlannedAlgorithmName;
  readonly variant: WinogradVariant | null;
  readonly declined: string;
  readonly workspaceBytes: null;
  readonly packedBytes: null;
  readonly flops: null;
}

/** One entry of `convAlgorithms`; `declined === null` tells candidates from the others. */
export type ConvAlgorithm = ConvCandidate | DeclinedConvAlgorithm;

/** Options of `convAlgorithms`: the convolution's, whose `algorithm` makes no difference, and what is asked. */
export interface ConvAlgorithmsOptions extends ConvOptions {
  /** float32 if left out. */
  readonly dtype?: FloatDType;
  /** What is computed: `'forward'` if left out, or the gradient by `'input'` or by `'weight'`. */
  readonly direction?: 'forward' | 'input' | 'weight';
}

/**
 * The algorithms for a convolution: first the one that `algorithm: 'auto'` means, then the other candidates, then those
 * that cannot compute it and why. Pure arithmetic; runs nothing.
 *
 * @param inputShape [N, C, H, W], or [N, H, W, C] with layout NHWC.
 * @param weightShape [K, C/groups, R, S].
 * @throws What `conv2d` throws for these shapes and options.
 */
export function convAlgorithms(
  inputShape: readonly number[],
  weightShape: readonly number[],
  options?: ConvAlgorithmsOptions,
): ConvAlgorithm[] {
  const op = 'convAlgorithms';
  const {
    dtype = 'float32',
    direction = 'forward',
    ...given
  } = expectOptions(op, options, ['dtype', 'direction', ...convOptions]);
  expectOneOf(op, 'direction', direction, directions);
  const limit = expectWorkspaceLimit(op, given.workspaceLimit);
  const bytes = bytesPerElement(expectDtypeName(op, 'dtype', dtype, ['float32', 'float64']));
  const input = expectShape(op, 'inputShape', inputShape);
  const weight = expectShape(op, 'weightShape', weightShape);
  const plan = planConvolution(
    op,
    input,
    weight,
    { ...given, algorithm: 'auto', workspaceLimit: undefined },
    { direction, dtype, device: deviceOption(op, undefined) },
  );
  const { batch, filters, window, outputShape, problem, attributes } = plan;
  for (const shape of [input, weight, outputShape]) checkedSize(op, shape, bytes);
  const flops = 2 * batch * filters * window.h.output * window.w.output * weight[1] * weight[2] * weight[3];
  const candidates: ConvCandidate[] = [];
  const others: DeclinedConvAlgorithm[] = [];
  const order = plan.candidates;
  const rank = (kernel: Kernel): number => order.concat(kernel).indexOf(kernel);
  for (const { kernel, name, variant } of algorithmNames.toSorted((a, b) => rank(a.kernel) - rank(b.kernel))) {
    const unable = declines(kernel, problem);
    const needs = unable === null ? kernelNeeds(problem, { ...attributes, algorithm: kernelNumber(kernel) }) : null;
    const declined = needs === null ? unable : declineWorkspace(needs.workspaceBytes, limit);
    if (needs !== null && declined === null) {
      candidates.push({ name, variant, declined, ...needs, flops });
    } else {
      others.push({
        name,
        variant,
        declined: declined as string,
        workspaceBytes: null,
        packedBytes: null,
        flops: null,
      });
    }
  }
  for (const name of plannedAlgorithms) {
    const declined = 'not part of this version of receptive';
    others.push({ name, variant: null, declined, workspaceBytes: null, packedBytes: null, flops: null });
  }
  return [...candidates, ...others];
}

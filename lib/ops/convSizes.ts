// What can be said about a convolution without running it.
import { expectDtypeName, expectOptions } from '../check';
import { deviceOption } from '../deviceTable';
import { needsOf, opNumber } from '../dispatch';
import { bytesPerElement, type FloatDType } from '../dtype';
import { checkedSize, expectShape } from '../shape';
import { algorithmNames } from '../trace';
import {
  automatic,
  type ConvAlgorithmName,
  declines,
  kernelNumber,
  type PlannedAlgorithmName,
  plannedAlgorithms,
  type WinogradVariant,
  winogradVariant,
} from './convAlgorithm';
import { type ConvOptions, convOptions, planConvolution } from './convPlan';

const forwardOp = opNumber('conv2d');

const forward = (dtype: FloatDType, device: number) => ({ direction: 'forward', dtype, device }) as const;

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
  return [...planConvolution(op, input, weight, given, forward('float32', 0)).outputShape];
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

/** Options of `convAlgorithms`: the convolution's, whose `algorithm` makes no difference, and its element type. */
export interface ConvAlgorithmsOptions extends ConvOptions {
  /** float32 if left out. */
  readonly dtype?: FloatDType;
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
  const { dtype = 'float32', ...given } = expectOptions(op, options, ['dtype', ...convOptions]);
  const bytes = bytesPerElement(expectDtypeName(op, 'dtype', dtype, ['float32', 'float64']));
  const input = expectShape(op, 'inputShape', inputShape);
  const weight = expectShape(op, 'weightShape', weightShape);
  const plan = planConvolution(
    op,
    input,
    weight,
    { ...given, algorithm: 'auto' },
    forward(dtype, deviceOption(op, undefined)),
  );
  const { batch, filters, window, outputShape, problem, attributes } = plan;
  for (const shape of [input, weight, outputShape]) checkedSize(op, shape, bytes);
  const flops = 2 * batch * filters * window.h.output * window.w.output * weight[1] * weight[2] * weight[3];
  const candidates: ConvCandidate[] = [];
  const others: DeclinedConvAlgorithm[] = [];
  const order = [automatic(problem), winogradVariant(problem)];
  const rank = (kernel: (typeof order)[number]): number => order.concat(kernel).indexOf(kernel);
  for (const { kernel, name, variant } of algorithmNames.toSorted((a, b) => rank(a.kernel) - rank(b.kernel))) {
    const declined = declines(kernel, problem);
    if (declined === null) {
      const needs = needsOf(forwardOp, problem.device, dtype, { ...attributes, algorithm: kernelNumber(kernel) });
      candidates.push({ name, variant, declined, ...needs, flops });
    } else {
      others.push({ name, variant, declined, workspaceBytes: null, packedBytes: null, flops: null });
    }
  }
  for (const name of plannedAlgorithms) {
    const declined = 'not part of this version of receptive';
    others.push({ name, variant: null, declined, workspaceBytes: null, packedBytes: null, flops: null });
  }
  return [...candidates, ...others];
}

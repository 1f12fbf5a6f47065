// What can be said about a convolution without running it.
import { expectDtypeName, expectOptions } from '../check';
import { bytesPerElement, type FloatDType } from '../dtype';
import { checkedSize, expectShape } from '../shape';
import { algorithms } from '../trace';
import {
  automatic,
  type ConvAlgorithmName,
  type ConvOptions,
  convOptions,
  type PlannedAlgorithmName,
  planConvolution,
  plannedAlgorithms,
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
  return [...planConvolution(op, input, weight, given).outputShape];
}

/** An algorithm that can compute the convolution, with what it needs. */
export interface ConvCandidate {
  readonly name: ConvAlgorithmName;
  readonly declined: null;
  /**
   * Bytes of intermediate data that follow from the image's size: the column matrix of one image and group, or nothing.
   */
  readonly workspaceBytes: number;
  /**
   * Bytes of the weights in the packed form that the matrix product reads. At most 16 MiB of it exist at a time, and
   * beside it each thread has a panel of some hundred KiB.
   */
  readonly packedBytes: number;
  /** Floating-point operations: 2 N K OH OW (C/groups) R S, a multiplication and an addition counting as two. */
  readonly flops: number;
}

/** An algorithm that cannot compute the convolution, with the reason. */
export interface DeclinedConvAlgorithm {
  readonly name: PlannedAlgorithmName;
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

/** Buffers begin at multiples of this. */
const alignment = 64;

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
  const { batch, filters, window, outputShape } = planConvolution(op, input, weight, given);
  for (const shape of [input, weight, outputShape]) checkedSize(op, shape, bytes);
  const products = weight[1] * weight[2] * weight[3];
  const pixels = window.h.output * window.w.output;
  const workspaces: Record<ConvAlgorithmName, number> = {
    implicit: 0,
    im2col: Math.ceil((products * pixels * bytes) / alignment) * alignment,
  };
  const candidates = [automatic, ...algorithms.filter((name) => name !== automatic)].map(
    (name): ConvCandidate => ({
      name,
      declined: null,
      workspaceBytes: workspaces[name],
      packedBytes: filters * products * bytes,
      flops: 2 * batch * filters * pixels * products,
    }),
  );
  const others = plannedAlgorithms.map(
    (name): DeclinedConvAlgorithm => ({
      name,
      declined: 'not part of this version of receptive',
      workspaceBytes: null,
      packedBytes: null,
      flops: null,
    }),
  );
  return [...candidates, ...others];
}

// What conv3d and its gradients share: options, shapes, native attributes.
import type { Attributes } from '../dispatch';
import type { DType } from '../dtype';
import { type Shape, shapeText } from '../shape';
import type { Tensor } from '../tensor';
import { type ConvActivation, checkGroups, expectGroups } from './convPlan';
import { expectExtents } from './spatial';
import { planVolumeWindow, type VolumeWindowOptions } from './volumeWindow';

/** Options of `conv3d`. */
export interface Conv3dOptions<D extends DType = 'float32'> extends VolumeWindowOptions {
  /** Channels and filters are split into this many groups that do not see each other; 1 if left out. */
  readonly groups?: number;
  /** [K], added to each filter's outputs. */
  readonly bias?: Tensor<D> | null;
  /** Applied to the output, after the bias. */
  readonly activation?: ConvActivation;
}

/** @internal */
export const conv3dOptions = ['stride', 'padding', 'dilation', 'groups', 'bias', 'activation'] as const;

/** @internal */
export interface Conv3dPlan {
  readonly outputShape: readonly number[];
  readonly attributes: Attributes;
}

/** Checks that a shape is one of activations over volumes, with positive extents but for N. @internal */
export function expectVolumes(op: string, name: string, shape: Shape): void {
  expectExtents(op, name, shape, 5, '[N, C, D, H, W]', 0);
}

/**
 * Checks shapes and options against each other.
 *
 * @param options The caller's, with known names only.
 * @param activation Number of the activation that is part of the op.
 * @internal
 */
export function planConv3d(
  op: string,
  inputShape: Shape,
  weightShape: Shape,
  options: Pick<Conv3dOptions<DType>, 'groups'> & VolumeWindowOptions,
  activation = 0,
): Conv3dPlan {
  const groups = expectGroups(op, options.groups);
  expectVolumes(op, 'input', inputShape);
  expectExtents(op, 'weight', weightShape, 5, '[K, C/groups, T, R, S]', -1);
  const [batch, channels, ...input] = inputShape;
  const [filters, , ...kernel] = weightShape;
  checkGroups(op, groups, channels, inputShape, weightShape);
  const axes = planVolumeWindow(
    op,
    input,
    kernel,
    options,
    () => `input ${shapeText(inputShape)}, weight ${shapeText(weightShape)}`,
  );
  const output = axes.map((axis) => axis.output);
  return {
    outputShape: [batch, filters, ...output],
    attributes: {
      batch,
      channels,
      input,
      filters,
      kernel,
      output,
      stride: axes.map((axis) => axis.stride),
      padding: axes.flatMap((axis) => [axis.before, axis.after]),
      dilation: axes.map((axis) => axis.dilation),
      groups,
      activation,
    },
  };
}

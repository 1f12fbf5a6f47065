import { expectOptions } from '../check';
import type { DType, FloatDType } from '../dtype';
import type { ConvOptions } from '../ops/convPlan';
import { convTranspose2d } from '../ops/convTranspose2d';
import { expectLayout, twoAxes } from '../ops/spatial';
import type { PairOption } from '../ops/window';
import { type Shape, sizeOf } from '../shape';
import type { Tensor } from '../tensor';
import { extendByTransposed, type Field, type Taps } from './field';
import { Module } from './module';
import { expectCount, expectGroupsOf, makeWeights, type WeightOptions } from './weights';
import { planTaps } from './windows';

/** Options of `ConvTranspose2d`. */
export interface ConvTranspose2dLayerOptions<D extends FloatDType = 'float32'> extends ConvOptions, WeightOptions<D> {
  /** Rows and columns more at the bottom and right, smaller than the stride or the dilation; 0 if left out. */
  readonly outputPadding?: PairOption;
}

const known = [
  ...(['stride', 'padding', 'dilation', 'groups', 'layout', 'algorithm', 'workspaceLimit'] as const),
  ...(['outputPadding', 'bias', 'dtype', 'device'] as const),
];

/** `convTranspose2d` with weight and bias of its own: [N, C, H, W] to [N, K, OH, OW]. */
export class ConvTranspose2d<D extends FloatDType = 'float32'> extends Module<D> {
  /** [inChannels, outChannels/groups, …kernelSize]. */
  readonly weight: Tensor<D>;
  /** [outChannels]. */
  readonly bias: Tensor<D> | null;
  readonly #taps: readonly Taps[];
  /** Of the operation, as they were given. */
  readonly options: Readonly<ConvOptions & { readonly outputPadding?: PairOption }>;

  /**
   * @param inChannels Channels C of the input.
   * @param outChannels Channels K of the output.
   * @param kernelSize A number or [R, S].
   * @param options As of `Conv2d`, and `outputPadding` (0). Weight and bias begin uniform on [-b, b), b = 1 / sqrt(K/groups * R *
   *   S), as PyTorch's.
   * @throws ArgumentError for a number or option that is wrong, DTypeError, DeviceError, OutOfMemoryError.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PairOption,
    options?: ConvTranspose2dLayerOptions<D>,
  ) {
    super();
    const op = 'ConvTranspose2d';
    const given = expectOptions(op, options, known);
    expectLayout(op, given.layout);
    expectCount(op, 'inChannels', inChannels);
    expectCount(op, 'outChannels', outChannels);
    this.#taps = planTaps(op, kernelSize, given, twoAxes, false);
    const groups = expectGroupsOf(op, given.groups, { inChannels, outChannels });
    const shape = [inChannels, outChannels / groups, ...this.#taps.map(({ kernel }) => kernel)];
    const { weight, bias } = makeWeights(op, shape, outChannels, given);
    this.weight = weight;
    this.bias = bias;
    const { bias: _bias, dtype, device, ...rest } = given;
    this.options = Object.freeze(rest);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return convTranspose2d<DType>(input, this.weight, { ...this.options, bias: this.bias }) as Tensor<D>;
  }

  override extendField(field: Field): Field {
    return extendByTransposed('ConvTranspose2d', field, this.#taps);
  }

  /** Each input meets all weights of its channel, also where the result falls on what padding cuts off. */
  override multiplyAdds(input: Shape): number {
    return sizeOf(input) * sizeOf(this.weight.shape.slice(1));
  }
}

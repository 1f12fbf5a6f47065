import { expectOptions } from '../check';
import type { DType, FloatDType } from '../dtype';
import { conv1d } from '../ops/conv1d';
import { conv2d } from '../ops/conv2d';
import { conv3d } from '../ops/conv3d';
import type { Conv1dSharedOptions, ConvOptions } from '../ops/convPlan';
import { expectLayout, oneAxis, twoAxes } from '../ops/spatial';
import type { TripleOption, VolumeWindowOptions } from '../ops/volumeWindow';
import type { PairOption } from '../ops/window';
import { type Shape, sizeOf } from '../shape';
import type { Tensor } from '../tensor';
import { extendByWindow, type Field, type Taps } from './field';
import { FoldedNorm, type FoldSources } from './foldedNorm';
import { Module } from './module';
import { expectCount, expectGroupsOf, makeWeights, type WeightOptions } from './weights';
import { planTaps, planVolumeTaps } from './windows';

/** Options of `Conv1d`. */
export interface Conv1dLayerOptions<D extends FloatDType = 'float32'> extends Conv1dSharedOptions, WeightOptions<D> {}

/** Options of `Conv2d`. */
export interface Conv2dLayerOptions<D extends FloatDType = 'float32'> extends ConvOptions, WeightOptions<D> {}

/** Options of `Conv3d`. */
export interface Conv3dLayerOptions<D extends FloatDType = 'float32'> extends VolumeWindowOptions, WeightOptions<D> {
  /** Channels and filters are split into this many groups that do not see each other; 1 if left out. */
  readonly groups?: number;
}

const weightOptions = ['bias', 'dtype', 'device'] as const;
const windowOptions = ['stride', 'padding', 'dilation', 'groups'] as const;
const layerOptions = [...windowOptions, 'layout', 'algorithm', 'workspaceLimit', ...weightOptions] as const;

/** The op's options among the layer's. */
function opOptions<O extends WeightOptions<FloatDType>>({ bias, dtype, device, ...rest }: O) {
  return Object.freeze(rest);
}

/** A layer of filters that slide over its input. */
abstract class ConvLayer<D extends FloatDType> extends Module<D> {
  /** [outChannels, inChannels/groups, …kernelSize]. */
  readonly weight: Tensor<D>;
  /** [outChannels]. */
  readonly bias: Tensor<D> | null;
  readonly #taps: readonly Taps[];

  protected constructor(
    op: string,
    inChannels: number,
    outChannels: number,
    taps: readonly Taps[],
    options: WeightOptions<D> & { readonly groups?: number },
  ) {
    super();
    expectCount(op, 'inChannels', inChannels);
    expectCount(op, 'outChannels', outChannels);
    const groups = expectGroupsOf(op, options.groups, { inChannels, outChannels });
    const shape = [outChannels, inChannels / groups, ...taps.map(({ kernel }) => kernel)];
    const { weight, bias } = makeWeights(op, shape, outChannels, options);
    this.weight = weight;
    this.bias = bias;
    this.#taps = taps;
  }

  override extendField(field: Field): Field {
    return extendByWindow(this.constructor.name, field, this.#taps);
  }

  override multiplyAdds(_input: Shape, output: Shape): number {
    return sizeOf(output) * sizeOf(this.weight.shape.slice(1));
  }
}

/** `conv1d` with weight and bias of its own: [N, C, W] to [N, K, OW]. */
export class Conv1d<D extends FloatDType = 'float32'> extends ConvLayer<D> {
  /** Of the operation, as they were given. */
  readonly options: Readonly<Conv1dSharedOptions>;

  /**
   * @param inChannels Channels C of the input.
   * @param outChannels Number of filters K.
   * @param kernelSize Extent of a filter.
   * @param options `stride` (1), `padding` (0), `dilation` (1), `groups` (1), `layout`, `algorithm`, `workspaceLimit` as of
   *   `conv1d`; `bias` (true), `dtype`, `device`. Weight and bias begin uniform on [-b, b), b = 1 / sqrt(C/groups * R).
   * @throws ArgumentError for a number or option that `conv1d` would refuse, DTypeError, DeviceError, OutOfMemoryError.
   */
  constructor(inChannels: number, outChannels: number, kernelSize: number, options?: Conv1dLayerOptions<D>) {
    const given = expectOptions('Conv1d', options, layerOptions);
    expectLayout('Conv1d', given.layout, oneAxis);
    super('Conv1d', inChannels, outChannels, planTaps('Conv1d', kernelSize, given, oneAxis, false), given);
    this.options = opOptions(given);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return conv1d<DType>(input, this.weight, { ...this.options, bias: this.bias }) as Tensor<D>;
  }
}

/** `conv2d` with weight and bias of its own: [N, C, H, W] to [N, K, OH, OW]. */
export class Conv2d<D extends FloatDType = 'float32'> extends ConvLayer<D> {
  /** Of the operation, as they were given. */
  readonly options: Readonly<ConvOptions>;
  /** The weights for inference with a normalisation behind them. */
  #folded: FoldedNorm | null = null;

  /**
   * @param inChannels Channels C of the input.
   * @param outChannels Number of filters K.
   * @param kernelSize Extent of a filter, a number or [R, S].
   * @param options `stride` (1), `padding` (0), `dilation` (1), `groups` (1), `layout`, `algorithm`, `workspaceLimit` as of
   *   `conv2d`; `bias` (true), `dtype`, `device`. Weight and bias begin uniform on [-b, b), b = 1 / sqrt(C/groups * R * S).
   * @throws ArgumentError for a number or option that `conv2d` would refuse, DTypeError, DeviceError, OutOfMemoryError.
   * @example new Conv2d(3, 10, 5, { padding: 2 }); // 760 parameters
   */
  constructor(inChannels: number, outChannels: number, kernelSize: PairOption, options?: Conv2dLayerOptions<D>) {
    const given = expectOptions('Conv2d', options, layerOptions);
    expectLayout('Conv2d', given.layout);
    super('Conv2d', inChannels, outChannels, planTaps('Conv2d', kernelSize, given, twoAxes, false), given);
    this.options = opOptions(given);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return this._callWith(input, null, undefined);
  }

  /**
   * The convolution with what follows it, in one pass over memory.
   *
   * @param fold A normalisation, as `foldSources()` describes it.
   * @internal
   */
  _callWith(input: Tensor<D>, fold: FoldSources | null, activation: 'relu' | 'relu6' | undefined): Tensor<D> {
    const { weight, bias } = fold === null ? this : this.#foldedBy(fold);
    return conv2d<DType>(input, weight, { ...this.options, bias, activation }) as Tensor<D>;
  }

  #foldedBy(fold: FoldSources): FoldedNorm {
    if (this.#folded === null || !this.#folded.isOf(fold)) {
      this._releaseDerived();
      this.#folded = new FoldedNorm(fold);
    }
    return this.#folded;
  }

  override _releaseDerived(): void {
    this.#folded?.dispose();
    this.#folded = null;
  }
}

/** `conv3d` with weight and bias of its own: [N, C, D, H, W] to [N, K, OD, OH, OW]. */
export class Conv3d<D extends FloatDType = 'float32'> extends ConvLayer<D> {
  /** Of the operation, as they were given. */
  readonly options: Readonly<VolumeWindowOptions & { readonly groups?: number }>;

  /**
   * @param inChannels Channels C of the input.
   * @param outChannels Number of filters K.
   * @param kernelSize Extent of a filter, a number or [T, R, S].
   * @param options `stride` (1), `padding` (0), `dilation` (1), `groups` (1) as of `conv3d`; `bias` (true), `dtype`, `device`.
   *   Weight and bias begin uniform on [-b, b), b = 1 / sqrt(C/groups * T * R * S).
   * @throws ArgumentError for a number or option that `conv3d` would refuse, DTypeError, DeviceError, OutOfMemoryError.
   */
  constructor(inChannels: number, outChannels: number, kernelSize: TripleOption, options?: Conv3dLayerOptions<D>) {
    const given = expectOptions('Conv3d', options, [...windowOptions, ...weightOptions]);
    super('Conv3d', inChannels, outChannels, planVolumeTaps('Conv3d', kernelSize, given), given);
    this.options = opOptions(given);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return conv3d<DType>(input, this.weight, { ...this.options, bias: this.bias }) as Tensor<D>;
  }
}

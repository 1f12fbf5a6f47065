import { expectBoolean, expectOptions, expectPair } from '../check';
import type { DType } from '../dtype';
import {
  type AvgPoolOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  avgPoolOptions,
  globalAvgPool2d,
  type LayoutOptions,
  maxPool2d,
  type PoolOptions,
  poolOptions,
} from '../ops/pool';
import { expectLayout, maxWindowNumber, twoAxes } from '../ops/spatial';
import type { PairOption } from '../ops/window';
import type { Tensor } from '../tensor';
import { extendByWindow, extendToAll, type Field, type Taps } from './field';
import { Module } from './module';
import { planTaps } from './windows';

/** A pooling layer with windows of one size. */
abstract class Pool<D extends DType, O extends AvgPoolOptions> extends Module<D> {
  /** Of the operation, as they were given. */
  readonly options: Readonly<O>;
  readonly #taps: readonly Taps[];

  protected constructor(op: string, known: readonly (keyof O & string)[], options: O) {
    super();
    const given = expectOptions<O>(op, options, known) as O;
    expectLayout(op, given.layout);
    if (given.ceilMode !== undefined) expectBoolean(op, 'ceilMode', given.ceilMode);
    if (given.countIncludePad !== undefined) expectBoolean(op, 'countIncludePad', given.countIncludePad);
    this.options = Object.freeze(given);
    this.#taps = planTaps(op, given.kernelSize, given, twoAxes, true);
  }

  override extendField(field: Field): Field {
    return extendByWindow(this.constructor.name, field, this.#taps);
  }
}

/** `maxPool2d`: [N, C, H, W] to [N, C, OH, OW]. */
export class MaxPool2d<D extends DType = 'float32'> extends Pool<D, PoolOptions> {
  /**
   * @param kernelSize Extent of the window, a number or [R, S].
   * @param options `stride` (kernelSize), `padding` (0), `dilation` (1), `ceilMode`, `layout` as of `maxPool2d`.
   * @throws ArgumentError.
   */
  constructor(kernelSize: PairOption, options?: Omit<PoolOptions, 'kernelSize'>) {
    super('MaxPool2d', poolOptions, { ...expectOptions('MaxPool2d', options, windowed), kernelSize });
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return maxPool2d(input, this.options);
  }
}

const windowed = ['stride', 'padding', 'dilation', 'ceilMode', 'layout'] as const;

/** `avgPool2d`: [N, C, H, W] to [N, C, OH, OW]. */
export class AvgPool2d<D extends DType = 'float32'> extends Pool<D, AvgPoolOptions> {
  /**
   * @param kernelSize Extent of the window, a number or [R, S].
   * @param options As of `MaxPool2d`, and `countIncludePad` (true).
   * @throws ArgumentError.
   */
  constructor(kernelSize: PairOption, options?: Omit<AvgPoolOptions, 'kernelSize'>) {
    const given = expectOptions('AvgPool2d', options, [...windowed, 'countIncludePad']);
    super('AvgPool2d', avgPoolOptions, { ...given, kernelSize });
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return avgPool2d(input, this.options);
  }
}

/** `adaptiveAvgPool2d`: [N, C, H, W] to [N, C, OH, OW] of a fixed size, whatever the input's. */
export class AdaptiveAvgPool2d<D extends DType = 'float32'> extends Module<D> {
  readonly outputSize: PairOption;
  /** Of the operation, as they were given. */
  readonly options: Readonly<LayoutOptions>;

  /** @param outputSize A number or [OH, OW]. @throws ArgumentError. */
  constructor(outputSize: PairOption, options?: LayoutOptions) {
    super();
    expectPair('AdaptiveAvgPool2d', 'outputSize', outputSize, 1, maxWindowNumber);
    this.options = Object.freeze(expectOptions('AdaptiveAvgPool2d', options, ['layout']));
    expectLayout('AdaptiveAvgPool2d', this.options.layout);
    this.outputSize = outputSize;
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return adaptiveAvgPool2d(input, this.outputSize, this.options);
  }

  /** The windows grow with the input: all that can be said of any input is that they may see everything. */
  override extendField(field: Field): Field {
    return extendToAll(field);
  }
}

/** `globalAvgPool2d`: [N, C, H, W] to [N, C, 1, 1]. */
export class GlobalAvgPool2d<D extends DType = 'float32'> extends Module<D> {
  /** Of the operation, as they were given. */
  readonly options: Readonly<LayoutOptions>;

  /** @throws ArgumentError. */
  constructor(options?: LayoutOptions) {
    super();
    this.options = Object.freeze(expectOptions('GlobalAvgPool2d', options, ['layout']));
    expectLayout('GlobalAvgPool2d', this.options.layout);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return globalAvgPool2d(input, this.options);
  }

  override extendField(field: Field): Field {
    return extendToAll(field);
  }
}

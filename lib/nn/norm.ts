import { expectBoolean, expectFinite, expectInteger, expectOptions, expectTensor } from '../check';
import { ones, zeros } from '../creation';
import type { DType, FloatDType } from '../dtype';
import { ShapeError } from '../errors';
import { batchNorm } from '../ops/batchNorm';
import { layerNorm } from '../ops/layerNorm';
import { type LocalResponseNormOptions, localResponseNorm } from '../ops/localResponseNorm';
import { expectLayout, type Layout, maxWindowNumber } from '../ops/spatial';
import { shapeText } from '../shape';
import type { Tensor } from '../tensor';
import { parameter } from './parameter';
import { Pointwise } from './pointwise';
import { expectCount, type ParameterOptions, parameterOptions } from './weights';

/** Options of batch normalisation layers. */
export interface BatchNormLayerOptions<D extends FloatDType = 'float32'> extends ParameterOptions<D> {
  /** Finite, >= 0, added to the variance; 1e-5 if left out. */
  readonly epsilon?: number;
  /** Share of a batch in the updated running statistics, from 0 to 1; 0.1 if left out. */
  readonly momentum?: number;
  /** Whether there are weight (1 at first) and bias (0); true if left out. */
  readonly affine?: boolean;
  /** Whether running statistics are kept, and used in inference; true if left out. Else those of the batch always are. */
  readonly trackRunningStats?: boolean;
  /** `'NCHW'`, channels second, if left out; `'NHWC'`, channels last. */
  readonly layout?: Layout;
}

const batchNormOptions = [
  ...(['epsilon', 'momentum', 'affine', 'trackRunningStats'] as const),
  ...(['layout', 'dtype', 'device'] as const),
];

/**
 * `batchNorm` with parameters and running statistics of its own: by the batch's statistics in training, by the running ones in
 * inference. In a state they are `weight`, `bias`, `running_mean` and `running_var`; PyTorch's `num_batches_tracked` is let pass.
 */
abstract class BatchNorm<D extends FloatDType> extends Pointwise<D> {
  /** [channels]. */
  readonly weight: Tensor<D> | null;
  /** [channels]. */
  readonly bias: Tensor<D> | null;
  /** [channels], 0 at first. */
  readonly runningMean: Tensor<D> | null;
  /** [channels], 1 at first. */
  readonly runningVar: Tensor<D> | null;
  /** Of the operation; what was left out is filled in. */
  readonly options: Readonly<{ epsilon: number; momentum: number; layout: Layout | undefined }>;

  protected constructor(op: string, channels: number, options: BatchNormLayerOptions<D> | undefined) {
    super();
    const given = expectOptions(op, options, batchNormOptions);
    const { epsilon = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, layout } = given;
    const shape = [expectCount(op, 'channels', channels)];
    expectFinite(op, 'epsilon', epsilon, 0);
    expectFinite(op, 'momentum', momentum, 0, 1);
    expectBoolean(op, 'affine', affine);
    expectBoolean(op, 'trackRunningStats', trackRunningStats);
    expectLayout(op, layout);
    const where = parameterOptions(op, given);
    this.weight = affine ? parameter(ones<D>(shape, where) as Tensor<D>) : null;
    this.bias = affine ? parameter(zeros<D>(shape, where) as Tensor<D>) : null;
    const buffer = (property: string, tensor: Tensor<D>, name: string): Tensor<D> =>
      this.registerBuffer(property, tensor, name);
    this.runningMean = trackRunningStats ? buffer('runningMean', zeros<D>(shape, where), 'running_mean') : null;
    this.runningVar = trackRunningStats ? buffer('runningVar', ones<D>(shape, where), 'running_var') : null;
    this.options = Object.freeze({ epsilon, momentum, layout });
  }

  /** What the input must look like, as the message says it, for each rank that it may have. */
  protected abstract readonly forms: Readonly<Record<number, string>>;

  override forward(input: Tensor<D>): Tensor<D> {
    const forms = this.forms;
    expectTensor(this.constructor.name, 'input', input);
    if (!Object.hasOwn(forms, input.shape.length)) {
      throw new ShapeError(
        `${this.constructor.name}: input must be ${Object.values(forms).join(' or ')}, given ${shapeText(input.shape)}`,
      );
    }
    const { weight, bias, runningMean, runningVar } = this;
    const training = this.training || runningMean === null;
    return batchNorm<DType>(input, {
      ...this.options,
      ...{ weight, bias, runningMean, runningVar, training },
    }) as Tensor<D>;
  }

  protected override ignoredNames(): readonly string[] {
    return ['num_batches_tracked'];
  }
}

/** Batch normalisation of [N, C] or [N, C, L]. */
export class BatchNorm1d<D extends FloatDType = 'float32'> extends BatchNorm<D> {
  protected override get forms() {
    return { 2: '[N, C]', 3: '[N, C, L]' };
  }

  /**
   * @param channels C.
   * @param options `epsilon` (1e-5), `momentum` (0.1), `affine` (true), `trackRunningStats` (true), `layout`, `dtype`, `device`.
   * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
   */
  constructor(channels: number, options?: BatchNormLayerOptions<D>) {
    super('BatchNorm1d', channels, options);
  }
}

/** Batch normalisation of [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`. */
export class BatchNorm2d<D extends FloatDType = 'float32'> extends BatchNorm<D> {
  protected override get forms() {
    return { 4: '[N, C, H, W], channels last with layout NHWC' };
  }

  /** As `BatchNorm1d`. */
  constructor(channels: number, options?: BatchNormLayerOptions<D>) {
    super('BatchNorm2d', channels, options);
  }
}

/** Batch normalisation of [N, C, D, H, W]. */
export class BatchNorm3d<D extends FloatDType = 'float32'> extends BatchNorm<D> {
  protected override get forms() {
    return { 5: '[N, C, D, H, W]' };
  }

  /** As `BatchNorm1d`. */
  constructor(channels: number, options?: BatchNormLayerOptions<D>) {
    super('BatchNorm3d', channels, options);
  }
}

/** Options of `LayerNorm`. */
export interface LayerNormLayerOptions<D extends FloatDType = 'float32'> extends ParameterOptions<D> {
  /** Finite, >= 0, added to the variance; 1e-5 if left out. */
  readonly epsilon?: number;
  /** Whether there are weight (1 at first) and bias (0); true if left out. */
  readonly affine?: boolean;
}

/** `layerNorm` over the last axes, with parameters of their shape. */
export class LayerNorm<D extends FloatDType = 'float32'> extends Pointwise<D> {
  /** Of the normalised axes' shape. */
  readonly weight: Tensor<D> | null;
  /** Of the normalised axes' shape. */
  readonly bias: Tensor<D> | null;
  readonly normalizedShape: readonly number[];
  readonly epsilon: number;

  /**
   * @param normalizedShape Extents of the input's last axes, or of the last one alone.
   * @param options `epsilon` (1e-5), `affine` (true), `dtype`, `device`.
   * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
   */
  constructor(normalizedShape: number | readonly number[], options?: LayerNormLayerOptions<D>) {
    super();
    const op = 'LayerNorm';
    const given = expectOptions(op, options, ['epsilon', 'affine', 'dtype', 'device']);
    const { epsilon = 1e-5, affine = true } = given;
    this.epsilon = expectFinite(op, 'epsilon', epsilon, 0);
    expectBoolean(op, 'affine', affine);
    this.normalizedShape = Array.isArray(normalizedShape)
      ? normalizedShape.map((extent, i) => expectCount(op, `normalizedShape[${i}]`, extent))
      : [expectCount(op, 'normalizedShape', normalizedShape)];
    if (this.normalizedShape.length === 0)
      throw new ShapeError(`${op}: normalizedShape must have one axis or more, given []`);
    const where = parameterOptions(op, given);
    this.weight = affine ? parameter(ones<D>(this.normalizedShape, where) as Tensor<D>) : null;
    this.bias = affine ? parameter(zeros<D>(this.normalizedShape, where) as Tensor<D>) : null;
  }

  override forward(input: Tensor<D>): Tensor<D> {
    const { weight, bias } = this;
    const options = { normalizedShape: this.normalizedShape, weight, bias, epsilon: this.epsilon };
    return layerNorm<DType>(input, options) as Tensor<D>;
  }
}

/** `localResponseNorm`, across neighbouring channels. */
export class LocalResponseNorm<D extends DType = 'float32'> extends Pointwise<D> {
  /** Of the operation, as they were given. */
  readonly options: Readonly<LocalResponseNormOptions>;

  /**
   * @param size Number of neighbouring channels, >= 1.
   * @param options `alpha` (1e-4), `beta` (0.75), `k` (1), `layout`.
   * @throws ArgumentError.
   */
  constructor(size: number, options?: Omit<LocalResponseNormOptions, 'size'>) {
    super();
    const op = 'LocalResponseNorm';
    const given = expectOptions(op, options, ['alpha', 'beta', 'k', 'layout']);
    expectInteger(op, 'size', size, 1, maxWindowNumber);
    for (const name of ['alpha', 'beta', 'k'] as const) {
      if (given[name] !== undefined) expectFinite(op, name, given[name]);
    }
    expectLayout(op, given.layout);
    this.options = Object.freeze({ ...given, size });
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return localResponseNorm(input, this.options);
  }
}

import { expectFinite, expectOptions } from '../check';
import { full } from '../creation';
import type { DType, FloatDType } from '../dtype';
import { prelu } from '../ops/prelu';
import type { Tensor } from '../tensor';
import { parameter } from './parameter';
import { Pointwise } from './pointwise';
import { expectCount, type ParameterOptions, parameterOptions } from './weights';

/** Options of `PReLU`. */
export interface PReLUOptions<D extends FloatDType = 'float32'> extends ParameterOptions<D> {
  /** Slope at first, finite; 0.25 if left out. */
  readonly init?: number;
}

/** `prelu` with slopes of its own, one for all channels or one for each. */
export class PReLU<D extends FloatDType = 'float32'> extends Pointwise<D> {
  /** The slopes, [count]. */
  readonly weight: Tensor<D>;

  /**
   * @param count 1 if left out, or the number of channels of an input [N, C, …].
   * @param options `init` (0.25), `dtype`, `device`.
   * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
   */
  constructor(count = 1, options?: PReLUOptions<D>) {
    super();
    const given = expectOptions('PReLU', options, ['init', 'dtype', 'device']);
    expectCount('PReLU', 'count', count);
    const init = expectFinite('PReLU', 'init', given.init ?? 0.25);
    const slopes = full([count], init, parameterOptions<FloatDType>('PReLU', given));
    this.weight = parameter(slopes as Tensor<DType> as Tensor<D>);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return prelu<DType>(input, this.weight) as Tensor<D>;
  }
}

import { expectOptions } from '../check';
import type { DType, FloatDType } from '../dtype';
import { linear } from '../ops/linear';
import { type Shape, sizeOf } from '../shape';
import type { Tensor } from '../tensor';
import { extendToAll, type Field } from './field';
import { Module } from './module';
import { expectCount, makeWeights, type WeightOptions } from './weights';

/** A fully connected layer: y = x W^T + b, [..., inFeatures] to [..., outFeatures]. */
export class Linear<D extends FloatDType = 'float32'> extends Module<D> {
  /** [outFeatures, inFeatures]. */
  readonly weight: Tensor<D>;
  /** [outFeatures]. */
  readonly bias: Tensor<D> | null;

  /**
   * @param inFeatures Extent of the input's last axis.
   * @param outFeatures Extent of the output's.
   * @param options `bias` (true), `dtype`, `device`. Weight and bias begin uniform on [-b, b), b = 1 / sqrt(inFeatures).
   * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
   */
  constructor(inFeatures: number, outFeatures: number, options?: WeightOptions<D>) {
    super();
    const op = 'Linear';
    const given = expectOptions(op, options, ['bias', 'dtype', 'device']);
    expectCount(op, 'inFeatures', inFeatures);
    expectCount(op, 'outFeatures', outFeatures);
    const { weight, bias } = makeWeights(op, [outFeatures, inFeatures], outFeatures, given);
    this.weight = weight;
    this.bias = bias;
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return linear<DType>(input, this.weight, this.bias) as Tensor<D>;
  }

  override extendField(field: Field): Field {
    return extendToAll(field);
  }

  override multiplyAdds(_input: Shape, output: Shape): number {
    return sizeOf(output) * this.weight.shape[1];
  }
}

// What layers with weights share: options, and the values that weights begin with.
import { expectBoolean, expectDtypeName, expectInteger } from '../check';
import { zeros } from '../creation';
import { deviceId, deviceOption } from '../deviceTable';
import type { FloatDType } from '../dtype';
import { ArgumentError } from '../errors';
import { maxWindowNumber } from '../ops/spatial';
import { rand } from '../randomTensors';
import { sizeOf } from '../shape';
import type { Tensor } from '../tensor';
import { parameter } from './parameter';
import { initSkipped } from './skipInit';

/** Where and in which type the parameters of a layer are. */
export interface ParameterOptions<D extends FloatDType = 'float32'> {
  /** `'float32'` if left out, or `'float64'`. */
  readonly dtype?: D;
  /** The default device if left out. */
  readonly device?: string;
}

/** Options of layers that add a bias. */
export interface WeightOptions<D extends FloatDType = 'float32'> extends ParameterOptions<D> {
  /** Whether there is a bias; true if left out. */
  readonly bias?: boolean;
}

/** A number of channels or features. @internal */
export function expectCount(op: string, name: string, value: unknown): number {
  return expectInteger(op, name, value, 1, maxWindowNumber);
}

/** @internal */
export function parameterOptions<D extends FloatDType>(
  op: string,
  { dtype, device }: ParameterOptions<D>,
): { dtype: D; device: string } {
  const floats: readonly FloatDType[] = ['float32', 'float64'];
  return {
    dtype: expectDtypeName<D>(op, 'dtype', dtype ?? 'float32', floats as readonly D[]),
    device: deviceId(deviceOption(op, device)),
  };
}

/** `groups`, which must divide both numbers of channels. @internal */
export function expectGroupsOf(op: string, groups: unknown, channels: Readonly<Record<string, number>>): number {
  const count = groups === undefined ? 1 : expectCount(op, 'groups', groups);
  for (const [name, value] of Object.entries(channels)) {
    if (value % count !== 0) {
      throw new ArgumentError(`${op}: groups must divide ${name} ${value}, given ${count}`);
    }
  }
  return count;
}

/**
 * Weight and bias as PyTorch's layers begin: uniform on [-b, b), b = 1 / sqrt(fan-in), which is He's uniform initialisation with
 * a slope of sqrt(5).
 *
 * @param shape [outputs, inputs per output, …kernel].
 * @internal
 */
export function makeWeights<D extends FloatDType>(
  op: string,
  shape: readonly number[],
  outputs: number,
  options: WeightOptions<D>,
): { weight: Tensor<D>; bias: Tensor<D> | null } {
  const { bias = true } = options;
  expectBoolean(op, 'bias', bias);
  const where = parameterOptions(op, options);
  const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)));
  const uniform = (extents: readonly number[]): Tensor<D> =>
    parameter(
      initSkipped()
        ? zeros<D>(extents, where)
        : (rand<D>(extents, { low: -bound, high: bound, ...where }) as Tensor<D>),
    );
  return { weight: uniform(shape), bias: bias ? uniform([outputs]) : null };
}

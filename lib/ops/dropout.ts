import { expectBoolean, expectFinite, expectOptions } from '../check';
import { zeros } from '../creation';
import { opNumber, run1 } from '../dispatch';
import type { DType, FloatDType } from '../dtype';
import { reshape } from '../move';
import { drawForSamples, expectRngState, type RngState, stateForSamples } from '../random';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { expectFloatTensor } from './operands';

const op = opNumber('dropout');

/** Options of `dropout`. */
export interface DropoutOptions {
  /** Probability of an element to be dropped, from 0 to 1; 0.5 if left out. */
  readonly p?: number;
  /** Whether anything is dropped; true if left out. */
  readonly training?: boolean;
  /** A state that `getRngState()` returned: the mask is the one drawn from it, and nothing is drawn. */
  readonly rngState?: RngState;
}

/** Where the mask is in the stream, and the op's other attributes. */
type Mask = {
  readonly seed: readonly [number, number];
  readonly offset: number;
  readonly threshold: number;
  readonly scale: number;
};

// The gradient is the op itself: nothing is kept but the place of the mask.
const dropoutRule = rule<Mask>('dropout', { keeps: 'nothing', differentiable: true }, ({ gradOutput, state }) => [
  run(gradOutput, state),
]);
const zeroRule = rule('dropout', { keeps: 'nothing', differentiable: true }, ({ gradOutput }) => [nothing(gradOutput)]);

function run<D extends DType>(tensor: Tensor<D>, mask: Mask): Tensor<D> {
  const output = run1(op, [tensor], tensor.dtype, tensor.shape, mask);
  return recording(tensor) ? record(dropoutRule, [tensor], output, [], mask) : output;
}

/** Everything is dropped. */
function nothing<D extends DType>(tensor: Tensor<D>): Tensor<D> {
  const { dtype, shape, device } = tensor;
  const output = zeros(shape, { dtype: dtype as FloatDType, device }) as AnyTensor as Tensor<D>;
  return recording(tensor) ? record(zeroRule, [tensor], output) : output;
}

/** `tensor` under the mask of `state`; null draws one. */
function masked<D extends DType>(name: string, tensor: Tensor<D>, p: number, state: RngState | null): Tensor<D> {
  const { shape, size } = tensor;
  if (p === 0) return reshape(tensor, shape);
  if (p === 1) return nothing(tensor);
  const at = state === null ? drawForSamples(name, shape, size) : stateForSamples(name, state, shape, size);
  // An element is kept where 32 random bits are not below the threshold.
  const threshold = Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1);
  return run(tensor, { seed: at.seed, offset: at.offset, threshold, scale: 1 / (1 - p) });
}

/**
 * Dropout (Srivastava et al. 2014): each element is kept with probability 1 - p, and then multiplied by 1 / (1 - p), so
 * that its expectation is the input; the others are 0, whatever the input is there. The mask takes one element of the
 * random stream (see `manualSeed()`) for each of the input's, so the same seed gives the same mask on every device, for
 * both dtypes and with any number of threads. Unless `training`, or with p = 0, a new handle on the input's memory; with
 * p = 1 zeros. Neither draws from the stream.
 *
 * @param input float32 or float64, any shape.
 * @param options `p` (0.5), `training` (true), `rngState`.
 * @returns A new tensor of the input's shape.
 * @throws ArgumentError for p outside of [0, 1], or a state that is none; within `withSampleRange()` ShapeError when the
 *   samples do not fit the range; DTypeError, DisposedError.
 */
export function dropout<D extends DType>(input: Tensor<D>, options?: DropoutOptions): Tensor<D> {
  expectFloatTensor('dropout', 'input', input);
  const { p = 0.5, training = true, rngState } = expectOptions('dropout', options, ['p', 'training', 'rngState']);
  expectFinite('dropout', 'p', p, 0, 1);
  expectBoolean('dropout', 'training', training);
  const state = rngState === undefined ? null : expectRngState('dropout', 'rngState', rngState);
  return masked('dropout', input, training ? p : 0, state);
}

/**
 * Gradient of `dropout`: g / (1 - p) where the forward op kept the element, else 0. The mask is made anew.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param rngState What `getRngState()` gave before the forward op. Where that ran in a `withSampleRange()`, this must too.
 * @param options The forward op's `p` (0.5).
 * @throws As `dropout`.
 */
export function dropoutGradient<D extends DType>(
  gradOutput: Tensor<D>,
  rngState: RngState,
  options?: { readonly p?: number },
): Tensor<D> {
  const name = 'grad.dropout';
  expectFloatTensor(name, 'gradOutput', gradOutput);
  const state = expectRngState(name, 'rngState', rngState);
  const { p = 0.5 } = expectOptions(name, options, ['p']);
  expectFinite(name, 'p', p, 0, 1);
  return masked(name, gradOutput, p, state);
}

// Clipping of gradients, in place. Norm and factor stay on the device, so that nothing waits for them.
import { expectFinite, expectNumber, expectTensor, sameDevice, sameDtype } from '../check';
import { zeros } from '../creation';
import type { DType, FloatDType } from '../dtype';
import { ArgumentError } from '../errors';
import { add, div, minimum } from '../ops/binary';
import { accumulate_, clampInPlace, scale_ } from '../ops/optim';
import { sumSquares } from '../ops/reduce';
import { sqrt } from '../ops/unary';
import { tidy } from '../scope';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import { elementsOf, expectParameters } from './groups';

interface Gradient {
  readonly name: string;
  readonly tensor: AnyTensor;
}

/** Without tape, and with nothing left but the result. */
const within = <T>(fn: () => T): T => noGrad(() => tidy(fn));

/** The parameters, checked, and their distinct gradients. */
function read(op: string, given: Iterable<AnyTensor>): { parameters: AnyTensor[]; gradients: Gradient[] } {
  const parameters = elementsOf<unknown>(op, 'parameters', given, 'tensors');
  expectParameters(op, 'parameters', parameters);
  const seen = new Set<AnyTensor>();
  const gradients: Gradient[] = [];
  for (const [i, { grad: tensor }] of parameters.entries()) {
    if (tensor === null || seen.has(tensor)) continue;
    const name = `the gradient of parameters[${i}]`;
    expectTensor(op, name, tensor);
    seen.add(tensor);
    gradients.push({ name, tensor });
  }
  return { parameters, gradients };
}

/**
 * Scales all gradients together so that their norm is at most `maxNorm` (Pascanu et al. 2013, as PyTorch's
 * clip_grad_norm_): norm = sqrt(sum of the squares of all elements), and each gradient is multiplied in place by
 * min(1, maxNorm / (norm + 1e-6)). A norm that is NaN or infinite makes the gradients NaN or 0; `await norm.data()` tells.
 *
 * @param parameters Float tensors; those whose `grad` is null are left out. The gradients have one dtype and device.
 * @param maxNorm >= 0; with Infinity the norm is computed and nothing is scaled.
 * @returns The norm before scaling, a scalar.
 * @throws ArgumentError for a wrong maxNorm or no parameters; DTypeError, DeviceError, DisposedError.
 */
export function clipGradNorm<D extends DType>(parameters: Iterable<Tensor<D>>, maxNorm: number): Tensor<D> {
  const op = 'clipGradNorm';
  const { parameters: all, gradients } = read(op, parameters);
  if (!(expectNumber(op, 'maxNorm', maxNorm) >= 0)) {
    throw new ArgumentError(`${op}: maxNorm must be a number >= 0, given ${describe(maxNorm)}`);
  }
  if (all.length === 0) throw new ArgumentError(`${op}: parameters has no elements, so there is no norm`);
  const [first, ...others] = gradients;
  for (const other of others) {
    sameDtype(op, first.name, first.tensor, other.name, other.tensor);
    sameDevice(op, first.name, first.tensor, other.name, other.tensor);
  }
  if (first === undefined) {
    const { dtype, device } = all[0];
    return zeros([], { dtype: dtype as FloatDType, device }) as AnyTensor as Tensor<D>;
  }
  return within(() => {
    const squares = sumSquares(first.tensor);
    for (const { tensor } of others) accumulate_(squares, sumSquares(tensor));
    const norm = sqrt(squares);
    if (maxNorm !== Number.POSITIVE_INFINITY) {
      const factor = minimum(div(maxNorm, add(norm, 1e-6)) as AnyTensor, 1);
      for (const { tensor } of gradients) scale_(tensor, factor);
    }
    return norm as Tensor<D>;
  });
}

/**
 * Limits every element of every gradient to [-limit, limit], in place; NaN stays.
 *
 * @param parameters Float tensors; those whose `grad` is null are left out.
 * @param limit Finite, >= 0.
 * @throws ArgumentError, DTypeError, DisposedError.
 */
export function clipGradValue(parameters: Iterable<AnyTensor>, limit: number): void {
  const { gradients } = read('clipGradValue', parameters);
  expectFinite('clipGradValue', 'limit', limit, 0);
  noGrad(() => {
    for (const { tensor } of gradients) clampInPlace(tensor, -limit, limit);
  });
}

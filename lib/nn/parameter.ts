import { expectTensor } from '../check';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { keep } from '../scope';
import type { AnyTensor, Tensor } from '../tensor';

const parameters = new WeakSet<AnyTensor>();

/**
 * Makes a tensor a parameter, which a module finds among its own properties: it requires grad from here on and survives every
 * `tidy()`.
 *
 * @param tensor float32 or float64, not the result of a recorded operation.
 * @returns The same tensor.
 * @throws DTypeError for another type; ArgumentError for a recorded result (`detach()` gives one without); DisposedError.
 * @example class Scale extends Module { weight = parameter(ones([1])); … }
 */
export function parameter<D extends DType>(tensor: Tensor<D>): Tensor<D> {
  expectTensor('parameter', 'tensor', tensor);
  if (tensor._source !== null) {
    throw new ArgumentError('parameter: tensor is the result of a recorded operation; detach() gives one that is not');
  }
  tensor.requiresGrad = true;
  parameters.add(tensor as AnyTensor);
  return keep(tensor as AnyTensor) as Tensor<D>;
}

/** Whether `parameter()` was given the tensor; also where it was frozen since, by `requiresGrad = false`. @internal */
export function isParameter(tensor: AnyTensor): boolean {
  return parameters.has(tensor);
}

/** Marks the tensor that takes a parameter's place, with its `requiresGrad`. @internal */
export function replaceParameter(by: AnyTensor, requiresGrad: boolean): void {
  parameter(by).requiresGrad = requiresGrad;
}

/** Frees the gradient of a parameter. @internal */
export function dropGradient(tensor: AnyTensor): void {
  tensor.grad?.dispose();
  if (!tensor.disposed) tensor.grad = null;
}

import { ArgumentError } from '../errors';
import { refusePromise } from '../scope';
import { withRecording } from './mode';

/**
 * Calls `fn` without recording: what it computes does not require gradients, and tensors that do may be written in
 * place. For inference, and for updates of parameters.
 *
 * @param fn A synchronous function.
 * @returns What `fn` returned.
 * @throws ArgumentError when `fn` is no function or returns a promise.
 * @example noGrad(() => sgdStep_(weight, weight.grad, { learningRate: 0.1 }));
 */
export function noGrad<T>(fn: () => T): T {
  if (typeof fn !== 'function') throw new ArgumentError('noGrad: fn must be a function');
  return withRecording(false, () => {
    const result = fn();
    refusePromise('noGrad', result);
    return result;
  });
}

import { ArgumentError } from '../errors';
import { refusePromise } from '../scope';
import { describe } from '../text';

let skipping = false;

/** Whether the numbers that weights begin with are not wanted. @internal */
export function initSkipped(): boolean {
  return skipping;
}

/**
 * Calls `fn`, in which layers are made with weights of 0 in place of random numbers, and the functions of `init` check their
 * arguments and change nothing: for models whose state is loaded next, or which are only counted. Draws nothing from the random
 * stream. Layers that begin with fixed numbers (normalisations, PReLU) still do.
 *
 * @param fn A synchronous function.
 * @returns What `fn` returned.
 * @throws ArgumentError when `fn` is no function or returns a promise.
 * @example const model = skipInit(() => vgg16()); model.loadStateDict(state);
 */
export function skipInit<T>(fn: () => T): T {
  if (typeof fn !== 'function') throw new ArgumentError(`skipInit: fn must be a function, given ${describe(fn)}`);
  const outer = skipping;
  skipping = true;
  try {
    const result = fn();
    refusePromise('skipInit', result);
    return result;
  } finally {
    skipping = outer;
  }
}

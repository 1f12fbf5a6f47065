// Modules one behind the other. A Conv2d takes with it what follows and costs a pass over memory of its own: a ReLU or ReLU6, and,
// off the tape, a BatchNorm2d that normalises by running statistics. A module with a forward hook, or of a class that
// overrides forward(), always runs by itself.
import type { DType, FloatDType } from '../dtype';
import { mode } from '../tape/mode';
import type { AnyTensor, Tensor } from '../tensor';
import { ReLU, ReLU6 } from './activations';
import { Conv2d } from './conv';
import { foldSources } from './foldedNorm';
import type { Module } from './module';
import { BatchNorm2d } from './norm';

/** Whether `module` runs as its class says, unseen by hooks. */
function isPlain<D extends DType, M extends Module<D>>(
  module: Module<D> | undefined,
  type: { readonly prototype: M },
): module is M {
  return module !== undefined && module.forward === type.prototype.forward && !module._hooked;
}

/** Runs the module at `at`, with those behind it that it takes along; returns also the place of the next. */
function runAt<D extends DType>(
  layers: readonly Module<D>[],
  at: number,
  input: Tensor<D>,
): readonly [output: Tensor<D>, next: number] {
  const first = layers[at];
  if (!isPlain(first, Conv2d)) return [first.call(input), at + 1];
  const conv = first as unknown as Conv2d<FloatDType>;
  let next = at + 1;
  const follower = layers[next] as unknown as Module<DType>;
  const fold = !mode.recording && isPlain(follower, BatchNorm2d) ? foldSources(conv, follower) : null;
  if (fold !== null) next++;
  const activation = isPlain(layers[next], ReLU) ? 'relu' : isPlain(layers[next], ReLU6) ? 'relu6' : undefined;
  if (activation !== undefined) next++;
  if (next === at + 1) return [first.call(input), next];
  return [conv._callWith(input as never, fold, activation) as Tensor<DType> as Tensor<D>, next];
}

/** Disposes what a module gave and nobody holds: neither `keep()` nor whoever made it. @internal */
export function release(tensor: AnyTensor): void {
  if (!tensor._watched) tensor.dispose();
}

/**
 * The output of the last module, each run on the output of the one before; another handle on the input where that is what comes
 * out. What is in between is disposed as soon as the next module has it, unless the tape or `keep()` holds it.
 *
 * @internal
 */
export function runChain<D extends DType>(layers: readonly Module<D>[], input: Tensor<D>): Tensor<D> {
  let current = input;
  for (let at = 0; at < layers.length; ) {
    const [output, next] = runAt(layers, at, current);
    if (current !== output && current !== input) release(current as AnyTensor);
    current = output;
    at = next;
  }
  return current === input ? input.reshape(input.shape) : current;
}

// What users call: the checks in front of the engine.
import { expectBoolean, expectOptions, expectSameShape, expectTensor, sameDevice, sameDtype } from '../check';
import { create1, opNumber } from '../dispatch';
import { ArgumentError, ShapeError } from '../errors';
import { detach } from '../move';
import { shapeText } from '../shape';
import type { AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import { walkToLeaves, walkToTargets } from './engine';

const fillOp = opNumber('fill');

/** The gradient to start with, a handle of the tape's own. */
function startOf(op: string, tensor: AnyTensor, gradient: AnyTensor | undefined): AnyTensor {
  const { shape, dtype, _device } = tensor;
  if (gradient === undefined) {
    if (tensor.size !== 1) {
      throw new ShapeError(
        `${op}: a tensor of shape ${shapeText(shape)} needs a gradient to start with; only one of a single element ` +
          'starts with 1',
      );
    }
    return create1(fillOp, _device, dtype, shape, { value: 1 });
  }
  expectTensor(op, 'gradient', gradient);
  sameDtype(op, 'the tensor', tensor, 'gradient', gradient);
  sameDevice(op, 'the tensor', tensor, 'gradient', gradient);
  expectSameShape(op, 'gradient', gradient, shape, 'as the tensor');
  return detach(gradient);
}

/** Options of `Tensor.backward`. */
export interface BackwardOptions {
  /** Keep the graph, so that backward may be called again; false if left out. */
  readonly retainGraph?: boolean;
  /**
   * Called during the walk for each leaf, as soon as its `grad` has all that this call adds to it: last layers first. So work
   * on a gradient can be started while the others are computed. If backward() fails later on, it does so with these
   * gradients changed already.
   */
  readonly onGradient?: (leaf: AnyTensor) => void;
}

/** `Tensor.backward`. @internal */
export function backward(
  tensor: AnyTensor,
  gradient: AnyTensor | undefined,
  options: BackwardOptions | undefined,
): void {
  tensor._expectAlive('backward');
  const { retainGraph = false, onGradient = null } = expectOptions('backward', options, ['retainGraph', 'onGradient']);
  expectBoolean('backward', 'retainGraph', retainGraph);
  if (onGradient !== null && typeof onGradient !== 'function') {
    throw new ArgumentError(`backward: onGradient must be a function, given ${describe(onGradient)}`);
  }
  walkToLeaves(tensor, startOf('backward', tensor, gradient), { retainGraph, createGraph: false }, onGradient);
}

/** Options of `gradients`. */
export interface GradientsOptions {
  /** Keep the graph, so that gradients can be taken again; as `createGraph` if left out. */
  readonly retainGraph?: boolean;
  /** Record the computation of the gradients, so that these can be differentiated in turn; false if left out. */
  readonly createGraph?: boolean;
}

/** Tensors of the types of `T`, as a tuple where `T` is one. */
type LikeAll<T extends readonly AnyTensor[]> = { [K in keyof T]: T[K] };

/**
 * Gradients of a loss by some tensors, leaves or results of recorded operations; no `grad` is touched.
 *
 * @param loss A tensor of one element; it and what it was computed from must have been recorded.
 * @param tensors Tensors that require grad.
 * @param options `retainGraph`, `createGraph`: see `GradientsOptions`. Gradients of gradients exist where an operation's
 *   gradient consists of operations that have gradients themselves; elsewhere taking them is an UnsupportedError.
 * @returns One gradient per tensor, of its shape and dtype.
 * @throws GraphError when a tensor has no influence on the loss, when the graph was used up, or when a saved tensor was
 *   written in place since; ArgumentError, ShapeError, DisposedError.
 * @example const [slope] = gradients(sum(square(x)), [x]); // 2 x
 */
export function gradients<const T extends readonly AnyTensor[]>(
  loss: Tensor<'float32'> | Tensor<'float64'>,
  tensors: T,
  options?: GradientsOptions,
): LikeAll<T> {
  const op = 'gradients';
  expectTensor(op, 'loss', loss);
  if (!Array.isArray(tensors)) {
    throw new ArgumentError(`${op}: tensors must be an array of tensors, given ${describe(tensors)}`);
  }
  for (const [i, tensor] of tensors.entries()) expectTensor(op, `tensors[${i}]`, tensor);
  const { createGraph = false, retainGraph = createGraph } = expectOptions(op, options, ['retainGraph', 'createGraph']);
  expectBoolean(op, 'createGraph', createGraph);
  expectBoolean(op, 'retainGraph', retainGraph);
  for (const [i, tensor] of tensors.entries()) {
    const { dtype, shape } = tensor as AnyTensor;
    if (!tensor._requiresGrad) {
      throw new ArgumentError(`${op}: tensors[${i}] (${dtype} ${shapeText(shape)}) does not require grad`);
    }
    if (tensors.indexOf(tensor) !== i) {
      throw new ArgumentError(`${op}: tensors[${i}] is tensors[${tensors.indexOf(tensor)}] again`);
    }
  }
  const root = loss as AnyTensor;
  const start = startOf(op, root, undefined);
  return walkToTargets(root, start, tensors, { retainGraph, createGraph }) as unknown as LikeAll<T>;
}

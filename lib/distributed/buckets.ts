// Gradients are reduced several at a time: each reduction costs a round through all ranks, whatever its size.

import { zeros } from '../creation';
import type { FloatDType } from '../dtype';
import { bytesPerElement } from '../dtype';
import { keep } from '../scope';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor } from '../tensor';
import type { Communicator } from './communicator';

/** Parameters whose gradients are reduced together; of one dtype and device. @internal */
export type Bucket = readonly AnyTensor[];

/**
 * Parameters in buckets of at most `bytes`, or of a single larger one; the last parameter first, since backward() comes to it
 * first. Every rank has the same buckets.
 *
 * @internal
 */
export function bucketsOf(parameters: readonly AnyTensor[], bytes: number): Bucket[] {
  const buckets: AnyTensor[][] = [];
  let room = 0;
  for (const parameter of [...parameters].reverse()) {
    const { dtype, _device, size } = parameter;
    const taken = size * bytesPerElement(dtype);
    const last = buckets.at(-1)?.[0];
    if (last === undefined || taken > room || dtype !== last.dtype || _device !== last._device) {
      buckets.push([]);
      room = bytes;
    }
    buckets.at(-1)?.push(parameter);
    room -= taken;
  }
  return buckets;
}

/** The gradients of one backward(): each bucket's reduction starts when the last of its gradients is there. @internal */
export class Reduction {
  /** Number of the bucket, by parameter; of those without a gradient yet. */
  readonly #awaited = new Map<AnyTensor, number>();
  /** Gradients that each bucket waits for. */
  readonly #missing: number[];
  /** The first bucket that has not started. */
  #next = 0;
  readonly #running: Promise<void>[] = [];

  constructor(
    private readonly communicator: Communicator,
    private readonly buckets: readonly Bucket[],
    private readonly started: (gradient: AnyTensor) => void,
  ) {
    for (const [i, bucket] of buckets.entries()) for (const parameter of bucket) this.#awaited.set(parameter, i);
    this.#missing = buckets.map(({ length }) => length);
  }

  /** The gradient of `leaf` is complete. */
  ready(leaf: AnyTensor): void {
    const bucket = this.#awaited.get(leaf);
    if (bucket === undefined) return;
    this.#awaited.delete(leaf);
    this.#missing[bucket]--;
    // In the order of the buckets: gradients may come in another order on another rank.
    while (this.#missing[this.#next] === 0) this.#start();
  }

  /** No gradient will come any more: what is missing is zero. Settles when all reductions are done. */
  async finish(): Promise<void> {
    while (this.#next < this.buckets.length) this.#start();
    for (const outcome of await Promise.allSettled(this.#running)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  #start(): void {
    const gradients = this.buckets[this.#next++].map(gradientOf);
    const done = noGrad(() => ({ promise: this.communicator.allReduceSum_(gradients) })).promise;
    done.catch(() => {}); // finish() reports it, unless backward() fails before
    this.#running.push(done);
    gradients.forEach(this.started);
  }
}

/** A parameter's gradient; zeros where it has none. */
function gradientOf(parameter: AnyTensor): AnyTensor {
  const { grad } = parameter;
  if (grad !== null && !grad.disposed) return grad;
  const { dtype, shape, device } = parameter;
  const none = keep(zeros(shape, { dtype: dtype as FloatDType, device }) as AnyTensor);
  parameter.grad = none;
  return none;
}

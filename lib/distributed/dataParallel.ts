import { expectFinite, expectInteger, expectOneOf, expectOptions, expectTensor } from '../check';
import { full, tensor } from '../creation';
import type { DType, FloatDType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { expectModule, type Module } from '../nn/module';
import { mul } from '../ops/binary';
import { keep } from '../scope';
import { shapeText } from '../shape';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor, Tensor } from '../tensor';
import { type Bucket, bucketsOf, Reduction } from './buckets';
import { type Communicator, expectCommunicator } from './communicator';

/** Options of `distribute`. */
export interface DistributeOptions {
  readonly communicator: Communicator;
  /**
   * Gradients are reduced in groups of at most so many bytes (a larger gradient is a group of its own); an integer >= 1, 2 MiB
   * if left out. Smaller groups start earlier, larger ones take fewer rounds.
   */
  readonly bucketBytes?: number;
  /**
   * `mean` (if left out): the gradients of the mean of all ranks' losses, weighted by their shares of the samples; `sum`: of
   * the sum of the losses.
   */
  readonly reduction?: 'mean' | 'sum';
}

/** Options of `DataParallel.backward` and `meanOf`. */
export interface ShareOptions {
  /**
   * This rank's share of the batch's samples, its number divided by that of all ranks together, from 0 to 1. All ranks' shares
   * add up to 1; equal ones if left out.
   */
  readonly share?: number;
}

/** The share of each rank, by the options. */
function shareOption(op: string, options: ShareOptions | undefined, size: number): number {
  const { share = 1 / size } = expectOptions(op, options, ['share']);
  return expectFinite(op, 'share', share, 0, 1);
}

function expectScalar(op: string, name: string, value: unknown): asserts value is AnyTensor {
  expectTensor(op, name, value);
  if (value.size !== 1) {
    throw new ShapeError(`${op}: ${name} must have a single element, given shape ${shapeText(value.shape)}`);
  }
}

/**
 * A model that several ranks train together, each on its part of every batch; `distribute()` makes it. The ranks' models
 * stay equal because they start equal and all make the same steps:
 *
 * ```ts
 * const communicator = await mpiCommunicator();
 * const parallel = await distribute(model, { communicator });
 * const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
 * const shard = { index: communicator.rank, count: communicator.size };
 * const loader = new DataLoader(dataset, { batchSize: 32, shard, dropLast: true });
 * for await (const batch of loader) {
 *   const loss = withSampleRange(batch.samples, () => crossEntropy(model.call(batch.images), batch.labels));
 *   await parallel.backward(loss, { share: batch.share });
 *   optimizer.step();
 *   optimizer.zeroGrad();
 *   loss.dispose();
 *   batch.dispose();
 * }
 * await communicator.dispose();
 * ```
 *
 * The gradients are those of the whole batch on one process, but for rounding, where samples do not influence each other (batch
 * normalisation makes them do so). Buffers (running statistics) are each rank's own after the start.
 */
export class DataParallel<D extends DType = 'float32'> {
  readonly model: Module<D>;
  readonly communicator: Communicator;
  readonly #buckets: readonly Bucket[];
  readonly #reduction: 'mean' | 'sum';
  /** Gradients that have been reduced, and so must not be again. */
  readonly #reduced = new WeakSet<AnyTensor>();

  /** @internal */
  constructor(model: Module<D>, communicator: Communicator, buckets: readonly Bucket[], reduction: 'mean' | 'sum') {
    this.model = model;
    this.communicator = communicator;
    this.#buckets = buckets;
    this.#reduction = reduction;
  }

  /**
   * `loss.backward()` on all ranks together: the parameters' gradients become those of all ranks' losses. Reductions start
   * while backward is still computing. A parameter that the loss does not depend on gets a gradient of zeros, since on
   * another rank it may have one; those with `requiresGrad` false at the call of `distribute()` take no part.
   *
   * Gradients that the parameters have already, from `loss.backward()` of parts of this rank's samples, are added, and
   * reduced with it.
   *
   * @param loss One element: the mean over this rank's samples, or the sum with `reduction: 'sum'`.
   * @param options `share`, for the mean only; needed where the ranks have different numbers of samples.
   * @returns Settles when the gradients are there; until then they must not be used. It rejects with CommunicationError, or with
   *   the failure of an operation that a gradient depends on.
   * @throws What `loss.backward()` throws; ArgumentError when a gradient has been reduced before (`zeroGrad()` comes first).
   *   The other ranks wait for this one, so a program should end on an error.
   */
  backward(loss: Tensor<D>, options?: ShareOptions): Promise<void> {
    const op = 'DataParallel.backward';
    expectScalar(op, 'loss', loss);
    const weight = this.#weight(op, options);
    const reduction = this.#start(op);
    const { shape, dtype, device } = loss as AnyTensor;
    const start = full(shape, weight, { dtype: dtype as FloatDType, device });
    try {
      (loss as AnyTensor).backward(start as AnyTensor, { onGradient: (leaf) => reduction.ready(leaf) });
    } finally {
      start.dispose();
    }
    return reduction.finish();
  }

  /** In place of `backward()` on a rank that has no samples of a batch. @returns As `backward`. @throws ArgumentError. */
  skip(): Promise<void> {
    return this.#start('DataParallel.skip').finish();
  }

  /**
   * The mean over all ranks of a number that each has, weighted by the shares: of the losses, for example.
   *
   * @param value Float, one element.
   * @param options `share`: this rank's share of the samples; equal ones if left out.
   * @returns A new tensor without gradient; it rejects as `backward`.
   * @throws ArgumentError, ShapeError, DTypeError, DisposedError.
   */
  async meanOf<E extends FloatDType>(value: Tensor<E>, options?: ShareOptions): Promise<Tensor<E>> {
    const op = 'DataParallel.meanOf';
    expectScalar(op, 'value', value);
    const share = shareOption(op, options, this.communicator.size);
    const weighted = keep(noGrad(() => mul(value as AnyTensor, share)) as AnyTensor); // until the promise settles
    try {
      await this.communicator.allReduceSum_([weighted]);
    } catch (error) {
      weighted.dispose();
      throw error;
    }
    return weighted as AnyTensor as Tensor<E>;
  }

  #weight(op: string, options: ShareOptions | undefined): number {
    const share = shareOption(op, options, this.communicator.size);
    if (this.#reduction === 'mean') return share;
    if (options?.share !== undefined) {
      throw new ArgumentError(`${op}: share is for reduction 'mean'; the sum of the losses has no weights`);
    }
    return 1;
  }

  #start(op: string): Reduction {
    for (const { grad } of this.#buckets.flat()) {
      if (grad !== null && !grad.disposed && this.#reduced.has(grad)) {
        throw new ArgumentError(
          `${op}: the parameters still have the gradients of an earlier call; zeroGrad() drops them`,
        );
      }
    }
    return new Reduction(this.communicator, this.#buckets, (gradient) => this.#reduced.add(gradient));
  }
}

/** A number that equal texts have in common, from 0 to 65535. */
function signature(text: string): number {
  // FNV-1a, folded to 16 bits.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) & 0xffff;
}

/**
 * Whether all ranks give the same text; all of them get the same answer. Different texts are taken for equal ones once in 65536.
 *
 * @param device Of a tensor that the communicator takes.
 * @internal
 */
export async function sameEverywhere(communicator: Communicator, text: string, device = 'cpu'): Promise<boolean> {
  const own = signature(text);
  // sum(x)^2 = n sum(x^2) just where all x are equal; exact in float64 up to a thousand ranks.
  const sums = keep(tensor(new Float64Array([own, own * own]), { device }) as AnyTensor);
  try {
    await communicator.allReduceSum_([sums]);
    const [sum, squares] = await sums.data();
    return sum * sum === communicator.size * squares;
  } finally {
    sums.dispose();
  }
}

/** Every rank finds out when the models differ, before anybody waits for a tensor that will not come. */
async function expectSameModels(op: string, communicator: Communicator, tensors: readonly AnyTensor[]): Promise<void> {
  const text = tensors.map(({ dtype, shape }) => `${dtype} ${shapeText(shape)}`).join();
  if (await sameEverywhere(communicator, text, tensors[0]?.device)) return;
  throw new ArgumentError(
    `${op}: the ranks' models differ; this one (rank ${communicator.rank}) has ${tensors.length} parameters and buffers ` +
      `with ${tensors.reduce((total, { size }) => total + size, 0)} elements`,
  );
}

/**
 * Prepares a model for training on several ranks, which all call this: parameters and buffers become those of rank 0.
 *
 * @param model Of the same classes and sizes on every rank, moved to where it is trained; parameters with `requiresGrad`
 *   false take no part in reductions.
 * @param options `communicator`, `bucketBytes`, `reduction`: see `DistributeOptions`.
 * @returns What makes the training steps. It rejects with ArgumentError when the ranks' models differ, and with
 *   CommunicationError.
 * @throws ArgumentError for wrong options (the promise rejects).
 */
export async function distribute<D extends DType>(
  model: Module<D>,
  options: DistributeOptions,
): Promise<DataParallel<D>> {
  const op = 'distribute';
  expectModule<D>(op, 'model', model);
  const given = expectOptions(op, options, ['communicator', 'bucketBytes', 'reduction']);
  const { communicator, bucketBytes = 2 ** 21, reduction = 'mean' } = given;
  expectCommunicator(op, communicator);
  expectInteger(op, 'bucketBytes', bucketBytes, 1);
  expectOneOf(op, 'reduction', reduction, ['mean', 'sum']);
  const all = tensorsOf(model);
  await expectSameModels(op, communicator, all);
  await takeOver(communicator, all);
  const trained = model.parameters().filter(({ requiresGrad }) => requiresGrad) as AnyTensor[];
  return new DataParallel(model, communicator, bucketsOf(trained, bucketBytes), reduction);
}

/** Parameters and buffers. @internal */
export function tensorsOf<D extends DType>(model: Module<D>): AnyTensor[] {
  return [...(model.parameters() as AnyTensor[]), ...model.buffers()];
}

/** The tensors become those of rank 0. @internal */
export function takeOver(communicator: Communicator, tensors: readonly AnyTensor[]): Promise<void> {
  return noGrad(() => ({ done: communicator.broadcast_(tensors) })).done;
}

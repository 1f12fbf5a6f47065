import { expectOptions, expectTensor } from '../check';
import type { DType } from '../dtype';
import { ArgumentError, ShapeError } from '../errors';
import { expectModule, type Module } from '../nn/module';
import { add, mul } from '../ops/binary';
import { getRngState, setRngState, withSampleRange } from '../random';
import { tidy } from '../scope';
import { shapeText } from '../shape';
import { type Share, shareOf } from '../shares';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import { type DataParallel, type DistributeOptions, distribute, takeOver, tensorsOf } from './dataParallel';
import { expectDevices, LocalGroup } from './local';

/** Options of `replicate`. */
export interface ReplicaOptions extends Pick<DistributeOptions, 'bucketBytes'> {
  /** One replica for each; a device may appear several times. */
  readonly devices: readonly string[];
}

/** Number of samples of the inputs. */
function samplesOf(op: string, inputs: readonly AnyTensor[]): number {
  if (!Array.isArray(inputs) || inputs.length === 0) {
    throw new ArgumentError(`${op}: inputs must be a non-empty array of tensors, given ${describe(inputs)}`);
  }
  for (const [i, input] of inputs.entries()) {
    expectTensor(op, `inputs[${i}]`, input);
    const { shape } = input as AnyTensor;
    if (shape.length === 0 || shape[0] !== inputs[0].shape[0]) {
      throw new ShapeError(
        `${op}: all inputs must have the same number of samples, their first axis; given shapes ` +
          inputs.map((one) => shapeText(one.shape)).join(', '),
      );
    }
  }
  const [samples] = inputs[0].shape;
  if (samples === 0) throw new ShapeError(`${op}: inputs have no samples`);
  return samples;
}

/**
 * A model with replicas on several devices of this process, each of which computes a part of every batch; `replicate()` makes
 * it. One of them, `model`, is trained, saved and looked at; the others take over its parameters and buffers at each step.
 *
 * ```ts
 * const replicas = await replicate(() => new Net(), { devices: ['cuda:0', 'cuda:1'] });
 * const optimizer = new SGD(replicas.model.parameters(), { learningRate: 0.1 });
 * for await (const batch of loader) {
 *   const loss = await replicas.backward([batch.images, batch.labels], (net, x, t) => crossEntropy(net.call(x), t));
 *   optimizer.step();
 *   optimizer.zeroGrad();
 *   …
 * }
 * ```
 */
export class Replicas<M extends Module<D>, D extends DType = 'float32'> {
  /** The one on the first device, whose parameters an optimiser updates. */
  readonly model: M;
  readonly #parts: readonly DataParallel<D>[];
  readonly #group: LocalGroup;
  readonly #devices: readonly string[];

  /** @internal */
  constructor(models: readonly M[], parts: readonly DataParallel<D>[], group: LocalGroup, devices: readonly string[]) {
    this.model = models[0];
    this.#parts = parts;
    this.#group = group;
    this.#devices = devices;
  }

  /**
   * Forward and backward of a batch, whose samples are divided evenly, in their order: part k of n has those from
   * floor(k N / n) to floor((k + 1) N / n) - 1. The gradients of `model` become those of the mean over all samples, summed in
   * the order of the devices, and dropout's masks are those of the whole batch on one device.
   *
   * @param inputs Tensors with samples along their first axis: images and labels, for example.
   * @param lossOf Gets a replica and its part of each input, on its device, and returns the mean loss of these samples. It is
   *   synchronous, and called once per device.
   * @returns The mean loss of the batch, on the first device, without gradient; settles when the gradients of `model` are there.
   * @throws ArgumentError, ShapeError, DisposedError, and what `lossOf` and backward() throw (the promise rejects).
   */
  async backward<I extends readonly AnyTensor[]>(
    inputs: readonly [...I],
    lossOf: (model: M, ...parts: I) => Tensor<D>,
  ): Promise<Tensor<D>> {
    const op = 'Replicas.backward';
    const total = samplesOf(op, inputs);
    if (typeof lossOf !== 'function') {
      throw new ArgumentError(`${op}: lossOf must be a function, given ${describe(lossOf)}`);
    }
    await this.#takeOver();
    const shares = this.#parts.map((_, rank) => shareOf(total, rank, this.#parts.length));
    const losses = this.#losses(op, inputs, shares, lossOf);
    try {
      await this.#gradients(losses, shares, total);
      return noGrad(() => tidy(() => meanOf(losses, shares, total)));
    } finally {
      for (const loss of losses) loss?.dispose();
      for (const { model } of this.#parts.slice(1)) model.zeroGrad();
    }
  }

  /** Disposes all replicas, `model` too. */
  dispose(): void {
    for (const { model } of this.#parts) model.dispose();
  }

  /** The replicas become like the first one. */
  async #takeOver(): Promise<void> {
    const flags = this.model.modules().map(({ training }) => training);
    for (const { model } of this.#parts) {
      for (const [i, module] of model.modules().entries()) module.training = flags[i];
    }
    await Promise.all(this.#parts.map(({ communicator, model }) => takeOver(communicator, tensorsOf(model))));
  }

  /** The loss of each replica; null where it has no samples. */
  #losses<I extends readonly AnyTensor[]>(
    op: string,
    inputs: readonly [...I],
    shares: readonly Share[],
    lossOf: (model: M, ...parts: I) => Tensor<D>,
  ): (Tensor<D> | null)[] {
    const losses: (Tensor<D> | null)[] = [];
    const random = getRngState();
    const total = inputs[0].shape[0];
    try {
      for (const [rank, { model }] of this.#parts.entries()) {
        const { begin, end } = shares[rank];
        // All draw from the same place of the stream, each its own samples' numbers.
        if (end > begin) setRngState(random);
        losses.push(
          end === begin
            ? null
            : tidy(() => {
                const parts = inputs.map((input) =>
                  input.slice(begin, end).to(this.#devices[rank]),
                ) as readonly AnyTensor[];
                const loss = withSampleRange({ first: begin, total }, () => lossOf(model as M, ...(parts as I)));
                expectTensor(op, 'what lossOf returned', loss);
                return loss;
              }),
        );
      }
      return losses;
    } catch (error) {
      for (const loss of losses) loss?.dispose();
      throw error;
    }
  }

  async #gradients(losses: readonly (Tensor<D> | null)[], shares: readonly Share[], total: number): Promise<void> {
    const reductions: Promise<void>[] = [];
    try {
      for (const [rank, part] of this.#parts.entries()) {
        const { begin, end } = shares[rank];
        const loss = losses[rank];
        const reduction = loss === null ? part.skip() : part.backward(loss, { share: (end - begin) / total });
        reduction.catch(() => {}); // reported below, if nothing fails before
        reductions.push(reduction);
      }
    } catch (error) {
      this.#group.abandon(error);
      throw error;
    }
    await Promise.all(reductions);
  }
}

function meanOf<D extends DType>(
  losses: readonly (Tensor<D> | null)[],
  shares: readonly Share[],
  total: number,
): Tensor<D> {
  let mean: AnyTensor | undefined;
  for (const [rank, loss] of losses.entries()) {
    if (loss === null) continue;
    const { begin, end } = shares[rank];
    const part = mul(loss as AnyTensor, (end - begin) / total) as AnyTensor;
    mean = mean === undefined ? part : (add(mean, part.to(mean.device)) as AnyTensor);
  }
  return mean as AnyTensor as Tensor<D>;
}

/**
 * Replicas of a model on several devices of this process.
 *
 * @param make Makes one replica: a new model of the same structure at each call. Parameters and buffers become the first one's.
 * @param options `devices`, `bucketBytes`.
 * @returns It rejects with ArgumentError when `make` returns something else, the same model twice or different ones;
 *   DeviceError.
 */
export async function replicate<M extends Module<D>, D extends DType = 'float32'>(
  make: () => M,
  options: ReplicaOptions,
): Promise<Replicas<M, D>> {
  const op = 'replicate';
  if (typeof make !== 'function') throw new ArgumentError(`${op}: make must be a function, given ${describe(make)}`);
  const { devices, bucketBytes } = expectOptions(op, options, ['devices', 'bucketBytes']);
  expectDevices(op, devices);
  const models: M[] = [];
  try {
    for (const device of devices) {
      const model = make();
      expectModule<D>(op, 'what make returned', model);
      if (models.includes(model)) throw new ArgumentError(`${op}: make must return a new model at each call`);
      models.push(model);
      model.to(device);
    }
    const group = new LocalGroup(devices);
    const parts = await Promise.all(
      models.map((model, rank) => distribute<D>(model, { communicator: group.communicators[rank], bucketBytes })),
    );
    return new Replicas<M, D>(models, parts, group, devices);
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
}

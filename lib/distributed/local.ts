// Ranks within one process. A call waits until every rank has made its own; then all is done at once, in the order of the
// ranks, so that a sum does not depend on who came last.
import { resolveDevice } from '../deviceTable';
import { ArgumentError, CommunicationError, DisposedError } from '../errors';
import { detach } from '../move';
import { accumulate_ } from '../ops/optim';
import { keep, tidy } from '../scope';
import { sameShape } from '../shape';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import { type Communicator, expectBroadcast, expectSummable } from './communicator';

type Kind = 'allReduceSum_' | 'broadcast_' | 'barrier' | 'dispose';

/** What one rank has asked for. */
interface Call {
  readonly kind: Kind;
  readonly root: number;
  /** Handles of the call's own. */
  readonly tensors: readonly AnyTensor[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Whether the calls, one per rank, are the same. */
function expectSameCalls(calls: readonly Call[]): void {
  const [first] = calls;
  for (const [rank, { kind, root, tensors }] of calls.entries()) {
    const same =
      kind === first.kind &&
      root === first.root &&
      tensors.length === first.tensors.length &&
      tensors.every(({ dtype, shape }, i) => {
        const other = first.tensors[i];
        return dtype === other.dtype && sameShape(shape, other.shape);
      });
    if (!same) {
      throw new ArgumentError(
        `${kind}: rank ${rank} calls ${kind} on ${tensors.length} tensors, rank 0 ${first.kind} on ${first.tensors.length}; ` +
          'all ranks must make the same calls, with tensors of the same shapes and dtypes',
      );
    }
  }
}

/** Copies the tensors of one rank to all others. */
function spread(calls: readonly Call[], root: number): void {
  for (const { tensors } of calls.filter((_, rank) => rank !== root)) {
    for (const [i, tensor] of tensors.entries()) tensor.copy_(calls[root].tensors[i].to(tensor.device));
  }
}

function sum(calls: readonly Call[]): void {
  const [first, ...others] = calls;
  for (const { tensors } of others) {
    for (const [i, total] of first.tensors.entries()) accumulate_(total, tensors[i].to(total.device));
  }
  spread(calls, 0);
}

/** @internal */
export class LocalGroup {
  readonly communicators: readonly Communicator[];
  readonly #waiting: Call[][];

  constructor(devices: readonly string[]) {
    this.#waiting = devices.map(() => []);
    this.communicators = devices.map((_, rank) => new LocalCommunicator(this, rank, devices.length));
  }

  call(rank: number, kind: Kind, tensors: readonly AnyTensor[], root: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting[rank].push({ kind, root, tensors: noGrad(() => tensors.map(own)), resolve, reject });
      if (this.#waiting.every((calls) => calls.length > 0)) {
        this.#run(this.#waiting.map((calls) => calls.shift() as Call));
      }
    });
  }

  /** Calls that wait for other ranks reject: those will not come. */
  abandon(error: unknown): void {
    for (const call of this.#waiting.flatMap((calls) => calls.splice(0))) {
      release(call);
      call.reject(error);
    }
  }

  #run(calls: readonly Call[]): void {
    try {
      expectSameCalls(calls);
      const [{ kind, root }] = calls;
      noGrad(() =>
        tidy(() => {
          if (kind === 'allReduceSum_') sum(calls);
          else if (kind === 'broadcast_') spread(calls, root);
        }),
      );
      for (const { resolve } of calls) resolve();
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      calls.forEach(release);
    }
  }
}

/** A handle that survives the caller's tidy(): the call may be done later. */
function own(tensor: AnyTensor): AnyTensor {
  return keep(detach(tensor));
}

function release({ tensors }: Call): void {
  for (const tensor of tensors) tensor.dispose();
}

class LocalCommunicator implements Communicator {
  readonly #group: LocalGroup;
  #disposal: Promise<void> | undefined;

  constructor(
    group: LocalGroup,
    readonly rank: number,
    readonly size: number,
  ) {
    this.#group = group;
  }

  allReduceSum_(tensors: readonly AnyTensor[]): Promise<void> {
    const op = 'allReduceSum_';
    this.#expectAlive(op);
    expectSummable(op, tensors);
    return this.#group.call(this.rank, op, tensors, 0);
  }

  broadcast_(tensors: readonly AnyTensor[], root = 0): Promise<void> {
    const op = 'broadcast_';
    this.#expectAlive(op);
    expectBroadcast(op, tensors, root, this.size);
    return this.#group.call(this.rank, op, tensors, root);
  }

  barrier(): Promise<void> {
    this.#expectAlive('barrier');
    return this.#group.call(this.rank, 'barrier', [], 0);
  }

  dispose(): Promise<void> {
    if (this.#disposal === undefined) {
      this.#group.abandon(new CommunicationError(`rank ${this.rank} was disposed while others waited for it`));
      this.#disposal = Promise.resolve();
    }
    return this.#disposal;
  }

  #expectAlive(op: string): void {
    if (this.#disposal !== undefined) throw new DisposedError(`${op}: the communicator has been disposed`);
  }
}

/** @internal */
export function expectDevices(op: string, devices: unknown): asserts devices is readonly string[] {
  if (!Array.isArray(devices) || devices.length === 0) {
    throw new ArgumentError(`${op}: devices must be a non-empty array of devices, given ${describe(devices)}`);
  }
  for (const device of devices) resolveDevice(op, device);
}

/**
 * Communicators for replicas of a model within this process: one for each device, in this order. Sums are taken in the order
 * of the ranks, on the first one's device. Nothing is done before every rank has made its call, so await the promises
 * together. `replicate()` has a training step made of them.
 *
 * @param devices Where each rank's tensors are; a device may appear several times.
 * @throws ArgumentError, DeviceError.
 * @example const [a, b] = localCommunicators(['cuda:0', 'cuda:1']);
 * await Promise.all([a.allReduceSum_([x]), b.allReduceSum_([y])]); // both are x + y
 */
export function localCommunicators(devices: readonly string[]): readonly Communicator[] {
  expectDevices('localCommunicators', devices);
  return new LocalGroup(devices).communicators;
}

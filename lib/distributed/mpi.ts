import { expectFinite, expectOptions } from '../check';
import { DeviceError, DisposedError } from '../errors';
import { environment, native } from '../native';
import type { AnyTensor } from '../tensor';
import { type Communicator, expectBroadcast, expectSummable } from './communicator';

/** Options of `mpiCommunicator`. */
export interface MpiOptions {
  /**
   * A call that is not done after so many seconds fails, because a process has ended or does something else; > 0, at most
   * 10^9, 1800 if left out. It must be longer than the longest time that one process works while others wait.
   */
  readonly timeoutSeconds?: number;
}

/** Of these, every process that a launcher has started (mpirun, or another one by PMIx or PMI) has one. */
const launcherVariables = ['OMPI_COMM_WORLD_SIZE', 'PMIX_RANK', 'PMI_RANK', 'PMI_FD'];

/**
 * All processes that `mpirun` has started, on one machine or several, by Open MPI, versions 2 to 5. Its library is looked for
 * at this call; RECEPTIVE_MPI_LIBRARY names the file where it is in no usual place. A process that no launcher has started
 * is a world of its own: rank 0 of size 1, and MPI is not started.
 *
 * Operations run on a thread of their own, so that they overlap with computing and the event loop goes on. Tensors must be
 * on the CPU. There is at most one communicator in a process at a time, and MPI cannot be started again after `dispose()`.
 *
 * **When a process ends** without `dispose()`, by an exception, a signal or `process.exit()`, mpirun ends all others.
 * Where there is nobody to do that, or a process left in order, the others' calls fail after `timeoutSeconds`.
 *
 * mpirun binds each of two processes to one core unless told otherwise; `--bind-to none` gives all of them the whole machine,
 * RECEPTIVE_NUM_THREADS each its share of it.
 *
 * @throws UnsupportedError (the promise rejects) when Open MPI is not found, with what to install; or when MPI was started in
 *   this process before. ArgumentError.
 * @example // mpirun -n 4 --bind-to none node train.mjs
 * const communicator = await mpiCommunicator();
 * console.log(`process ${communicator.rank} of ${communicator.size}`);
 * await communicator.dispose();
 */
export async function mpiCommunicator(options?: MpiOptions): Promise<Communicator> {
  const op = 'mpiCommunicator';
  const { timeoutSeconds = 1800 } = expectOptions(op, options, ['timeoutSeconds']);
  const patience = Math.ceil(1000 * expectFinite(op, 'timeoutSeconds', timeoutSeconds, Number.MIN_VALUE, 1e9));
  const launched = launcherVariables.some((name) => process.env[name] !== undefined);
  const opening = native.openCommunicator(environment.mpiLibrary ?? '', launched, patience);
  try {
    await opening;
  } catch (error) {
    await native.closeCommunicator().catch(() => {}); // it reports the same failure
    throw error;
  }
  return new MpiCommunicator();
}

class MpiCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  #disposal: Promise<void> | undefined;

  constructor() {
    const { rank, size } = native.communicatorPlace();
    this.rank = rank;
    this.size = size;
  }

  allReduceSum_(tensors: readonly AnyTensor[]): Promise<void> {
    const op = 'allReduceSum_';
    this.#expectAlive(op);
    expectSummable(op, tensors);
    return native.allReduceSum(handlesOf(op, tensors));
  }

  broadcast_(tensors: readonly AnyTensor[], root = 0): Promise<void> {
    const op = 'broadcast_';
    this.#expectAlive(op);
    expectBroadcast(op, tensors, root, this.size);
    return native.broadcast(handlesOf(op, tensors), root);
  }

  barrier(): Promise<void> {
    this.#expectAlive('barrier');
    return native.barrier();
  }

  dispose(): Promise<void> {
    this.#disposal ??= native.closeCommunicator();
    return this.#disposal;
  }

  #expectAlive(op: string): void {
    if (this.#disposal !== undefined) throw new DisposedError(`${op}: the communicator has been disposed`);
  }
}

function handlesOf(op: string, tensors: readonly AnyTensor[]): Uint32Array {
  const handles = new Uint32Array(2 * tensors.length);
  for (const [i, { _slot, _generation, device }] of tensors.entries()) {
    if (device !== 'cpu') throw new DeviceError(`${op}: tensors[${i}] is on ${device}; MPI takes tensors on the CPU`);
    handles[2 * i] = _slot;
    handles[2 * i + 1] = _generation;
  }
  return handles;
}

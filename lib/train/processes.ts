// Several processes as a team, by a communicator.
import { tensor, zeros } from '../creation';
import type { Batch } from '../data/dataLoader';
import type { Communicator } from '../distributed/communicator';
import { type DataParallel, distribute, sameEverywhere, takeOver, tensorsOf } from '../distributed/dataParallel';
import { mpiCommunicator } from '../distributed/mpi';
import { ArgumentError } from '../errors';
import type { Module } from '../nn/module';
import { mul } from '../ops/binary';
import { sum } from '../ops/reduce';
import type { Optimizer } from '../optim/optimizer';
import { getRngState, setRngState, withSampleRange } from '../random';
import { keep, tidy } from '../scope';
import { noGrad } from '../tape/noGrad';
import type { Tensor } from '../tensor';
import { hitsByPlace } from './accuracy';
import { lossOf } from './step';
import type { Team, TeamStep, Wishes } from './team';

type Numbers = Tensor<'float64'>;

/** All processes that mpirun has started; one by itself without mpirun. @throws As `mpiCommunicator()`. */
export async function mpiTeam(): Promise<Team> {
  return new Processes(await mpiCommunicator());
}

/**
 * A step is that of the whole batch on one process, but for rounding: each process computes the gradients of its part, their
 * mean is what each updates its model by, and dropout's masks are those of the whole batch. What a step gives travels between forward
 * and backward, together with everybody's wishes, so that it is there when the gradients are.
 */
class Processes implements Team {
  readonly index: number;
  readonly count: number;
  readonly leads: boolean;
  readonly #communicator: Communicator;
  #parallel: DataParallel | undefined;

  constructor(communicator: Communicator) {
    this.#communicator = communicator;
    this.index = communicator.rank;
    this.count = communicator.size;
    this.leads = communicator.rank === 0;
  }

  async join(model: Module, run: string): Promise<void> {
    if (!(await sameEverywhere(this.#communicator, run))) {
      throw new ArgumentError(
        `train: the ${this.count} processes are about to train different runs: all need the same command line, data and checkpoint`,
      );
    }
    this.#parallel = await distribute(model, { communicator: this.#communicator });
  }

  async step(model: Module, optimizer: Optimizer, batch: Batch | null, wishes: () => Wishes): Promise<TeamStep> {
    const { stop, save } = wishes();
    const votes = [Number(stop), Number(save && this.leads)];
    const { totals, gradients } = batch === null ? this.#skip(votes) : this.#backward(model, batch, votes);
    const [[lossSum, correct, correct5, count, stops, saves]] = await Promise.all([totals, gradients]);
    optimizer.step();
    optimizer.zeroGrad();
    // Those whose part is another size than the others' may have drawn other numbers than they.
    if (count % this.count !== 0) await this.#levelRandom();
    const result = { loss: lossSum / count, correct, correct5, count };
    return { result: Promise.resolve(result), agreed: () => ({ stop: stops > 0, save: saves > 0 }) };
  }

  sum(values: readonly number[]): Promise<number[]> {
    return this.#total([numbers(values)]);
  }

  level(model: Module): Promise<void> {
    return takeOver(this.#communicator, tensorsOf(model));
  }

  leave(): Promise<void> {
    return this.#communicator.dispose();
  }

  get #joined(): DataParallel {
    if (this.#parallel === undefined) throw new ArgumentError('train: a team takes its first step after join()');
    return this.#parallel;
  }

  #backward(model: Module, batch: Batch, votes: readonly number[]) {
    const { images, labels, samples, share } = batch;
    const parallel = this.#joined;
    return tidy(() => {
      const { loss, logits } = withSampleRange(samples, () => lossOf(model, images, labels));
      const count = labels.shape[0];
      const results = noGrad(() => {
        const hits = hitsByPlace(logits, labels).cast('float64');
        return [mul(loss.detach().cast('float64'), count), sum(hits.slice(0, 1)), sum(hits)] as Numbers[];
      });
      return {
        totals: this.#total([...results, numbers([count, ...votes])]),
        gradients: parallel.backward(loss, { share }),
      };
    });
  }

  #skip(votes: readonly number[]) {
    const parallel = this.#joined;
    const none = () => zeros([], { dtype: 'float64', device: 'cpu' }) as Numbers;
    return { totals: this.#total([none(), none(), none(), numbers([0, ...votes])]), gradients: parallel.skip() };
  }

  /** The sum over all processes of each number in the tensors, which are its own from now on. */
  #total(tensors: readonly Numbers[]): Promise<number[]> {
    for (const one of tensors) keep(one);
    const total = this.#sumUp(tensors);
    total.catch(() => {}); // whoever asked for it is told, unless something else fails before
    return total;
  }

  async #sumUp(tensors: readonly Numbers[]): Promise<number[]> {
    try {
      await this.#communicator.allReduceSum_(tensors);
      return (await Promise.all(tensors.map((one) => one.data()))).flatMap((values) => [...values]);
    } finally {
      for (const one of tensors) one.dispose();
    }
  }

  /** Everybody's random numbers go on where those of the last process are, which has samples of every batch. */
  async #levelRandom(): Promise<void> {
    const { seed, offset } = getRngState();
    const state = keep(numbers([...seed, offset]));
    try {
      await this.#communicator.broadcast_([state], this.count - 1);
      const [low, high, drawn] = await state.data();
      setRngState({ seed: [low, high], offset: drawn });
    } finally {
      state.dispose();
    }
  }
}

/** In the memory of the CPU, which MPI needs. */
function numbers(values: readonly number[]): Numbers {
  return tensor(Float64Array.from(values), { device: 'cpu' }) as Numbers;
}

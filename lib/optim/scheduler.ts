import { expectFinite, expectInteger } from '../check';
import { ArgumentError } from '../errors';
import { describe } from '../text';
import { Optimizer } from './optimizer';
import { expectSchedule, type Schedule } from './schedules';

/** What `stateDict()` of an `LrScheduler` has as `values`: plain numbers that survive JSON. */
export interface LrSchedulerValues {
  /** Calls of `step()`. */
  readonly steps: number;
  /** Learning rate of each group where the schedule's factor is 1. */
  readonly baseLearningRates: readonly number[];
}

/** The state of a scheduler: plain values that survive JSON, and no tensors. */
export interface SchedulerState<V> {
  readonly tensors: Readonly<Record<string, never>>;
  readonly values: V;
}

/** The values of a scheduler's state, of which nothing else is known yet. @internal */
export function valuesOf<V extends object>(op: string, state: SchedulerState<V>): Partial<V> {
  const values: unknown = (state as Partial<SchedulerState<V>> | null | undefined)?.values;
  if (typeof values !== 'object' || values === null) {
    throw new ArgumentError(`${op}: state must be an object with values, given ${describe(state)}`);
  }
  return values as Partial<V>;
}

/** @internal */
export function expectOptimizer(op: string, value: unknown): asserts value is Optimizer {
  if (!(value instanceof Optimizer)) {
    throw new ArgumentError(`${op}: optimizer must be an Optimizer, given ${describe(value)}`);
  }
}

/**
 * Sets the learning rates of an optimiser's groups by a schedule: baseLearningRate * schedule(steps), the base being what
 * the group has when the scheduler is made. Call `step()` after each step of the optimiser, or after each epoch, in
 * whichever unit the schedule counts.
 *
 * @example
 * const scheduler = new LrScheduler(optimizer, warmup(cosineLr(9_000), 1_000));
 * // in the loop
 * optimizer.step();
 * scheduler.step();
 */
export class LrScheduler {
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  #steps = 0;
  #bases: readonly number[];

  /** @throws ArgumentError when the optimiser is none, or the schedule is no function to finite numbers >= 0. */
  constructor(optimizer: Optimizer, schedule: Schedule) {
    expectOptimizer('LrScheduler', optimizer);
    expectSchedule('LrScheduler', schedule);
    this.optimizer = optimizer;
    this.schedule = schedule;
    this.#bases = optimizer.groups.map(({ learningRate }) => learningRate);
    this.#apply('LrScheduler', 0, this.#bases);
  }

  /** Calls of `step()` so far. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Goes one step on in the schedule.
   *
   * @throws ArgumentError when the schedule gives no finite number >= 0; the learning rates stay then.
   */
  step(): void {
    this.#apply('LrScheduler.step', this.#steps + 1, this.#bases);
  }

  /** What a scheduler of the same schedule needs to continue. */
  stateDict(): SchedulerState<LrSchedulerValues> {
    return { tensors: {}, values: { steps: this.#steps, baseLearningRates: [...this.#bases] } };
  }

  /**
   * Continues where the saved scheduler was, learning rates included.
   *
   * @throws ArgumentError when the state is not of an optimiser with as many groups.
   */
  loadStateDict(state: SchedulerState<LrSchedulerValues>): void {
    const op = 'LrScheduler.loadStateDict';
    const { steps, baseLearningRates: bases } = valuesOf(op, state);
    const groups = this.#bases.length;
    if (!Array.isArray(bases) || bases.length !== groups) {
      throw new ArgumentError(
        `${op}: baseLearningRates must be ${groups} numbers, one a group, given ${describe(bases)}`,
      );
    }
    const checked = bases.map((base, i) => expectFinite(op, `baseLearningRates[${i}]`, base, 0));
    this.#apply(op, expectInteger(op, 'steps', steps, 0), checked);
  }

  #apply(op: string, steps: number, bases: readonly number[]): void {
    const factor = expectFinite(op, `schedule(${steps})`, this.schedule(steps), 0);
    this.#steps = steps;
    this.#bases = bases;
    for (const [i, group] of this.optimizer.groups.entries()) group.learningRate = bases[i] * factor;
  }
}

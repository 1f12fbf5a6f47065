import { expectFinite, expectInteger, expectNumber, expectOneOf, expectOptions } from '../check';
import { expectShare } from '../ops/inPlace';
import type { Optimizer } from './optimizer';
import { expectOptimizer, type SchedulerState, valuesOf } from './scheduler';

/** Options of `ReduceOnPlateau`. */
export interface PlateauOptions {
  /** Whether the metric should fall (a loss) or rise (an accuracy); `'min'` if left out. */
  readonly mode?: 'min' | 'max';
  /** Factor on the learning rates, from 0 to below 1; 0.1 if left out. */
  readonly factor?: number;
  /** Steps without improvement that are let pass: the next one reduces. An integer >= 0; 10 if left out. */
  readonly patience?: number;
  /** How much better a metric must be to count; finite, >= 0; 1e-4 if left out. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best metric or a distance from it; `'rel'` if left out. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Steps after a reduction in which none is counted. An integer >= 0; 0 if left out. */
  readonly cooldown?: number;
  /** No learning rate is reduced below it; finite, >= 0; 0 if left out. */
  readonly minLearningRate?: number;
  /** A smaller reduction is left undone; finite, >= 0; 1e-8 if left out. */
  readonly epsilon?: number;
}

/** What `stateDict()` of a `ReduceOnPlateau` has as `values`: plain values that survive JSON. */
export interface PlateauValues {
  /** Best metric so far; infinities are text, since JSON has none. */
  readonly best: number | 'Infinity' | '-Infinity';
  /** Steps without improvement since the best one or the last reduction. */
  readonly badSteps: number;
  /** Steps left of the cooldown. */
  readonly cooldown: number;
}

const names = [
  ...(['mode', 'factor', 'patience', 'threshold'] as const),
  ...(['thresholdMode', 'cooldown', 'minLearningRate', 'epsilon'] as const),
];

function readOptions(given: PlateauOptions | undefined): Required<PlateauOptions> {
  const op = 'ReduceOnPlateau';
  const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, ...rest } = expectOptions(op, given, names);
  const { thresholdMode = 'rel', cooldown = 0, minLearningRate = 0, epsilon = 1e-8 } = rest;
  return {
    mode: expectOneOf(op, 'mode', mode, ['min', 'max']),
    factor: expectShare(op, 'factor', factor),
    patience: expectInteger(op, 'patience', patience, 0),
    threshold: expectFinite(op, 'threshold', threshold, 0),
    thresholdMode: expectOneOf(op, 'thresholdMode', thresholdMode, ['rel', 'abs']),
    cooldown: expectInteger(op, 'cooldown', cooldown, 0),
    minLearningRate: expectFinite(op, 'minLearningRate', minLearningRate, 0),
    epsilon: expectFinite(op, 'epsilon', epsilon, 0),
  };
}

/**
 * Multiplies the learning rates of an optimiser by `factor` when a metric has stopped improving, as PyTorch's
 * ReduceLROnPlateau: a metric m improves on the best one b (at first the infinity that every number improves on) where
 *
 *     min, rel: m < b (1 - threshold)     min, abs: m < b - threshold
 *     max, rel: m > b (1 + threshold)     max, abs: m > b + threshold
 *
 * A NaN never improves. After more than `patience` steps without improvement each learning rate becomes max(factor *
 * learningRate, minLearningRate), and `cooldown` steps follow in which none is counted.
 */
export class ReduceOnPlateau {
  readonly optimizer: Optimizer;
  readonly #options: Required<PlateauOptions>;
  #best: number;
  #badSteps = 0;
  #cooldown = 0;

  /** @throws ArgumentError when the optimiser is none, or an option is wrong. */
  constructor(optimizer: Optimizer, options?: PlateauOptions) {
    expectOptimizer('ReduceOnPlateau', optimizer);
    this.optimizer = optimizer;
    this.#options = readOptions(options);
    this.#best = this.#options.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** Best metric so far; an infinity before the first. */
  get best(): number {
    return this.#best;
  }

  /**
   * Takes the metric of one more step, usually an epoch.
   *
   * @returns Whether the learning rates were reduced.
   * @throws ArgumentError when the metric is no number.
   */
  step(metric: number): boolean {
    const value = expectNumber('ReduceOnPlateau.step', 'metric', metric);
    if (this.#improves(value)) {
      this.#best = value;
      this.#badSteps = 0;
    } else {
      this.#badSteps++;
    }
    if (this.#cooldown > 0) {
      this.#cooldown--;
      this.#badSteps = 0;
    }
    if (this.#badSteps <= this.#options.patience) return false;
    this.#badSteps = 0;
    this.#cooldown = this.#options.cooldown;
    return this.#reduce();
  }

  /** What a scheduler with the same options needs to continue; learning rates are in the optimiser's state. */
  stateDict(): SchedulerState<PlateauValues> {
    const best = this.#best;
    const saved = Number.isFinite(best) ? best : best > 0 ? 'Infinity' : '-Infinity';
    return { tensors: {}, values: { best: saved, badSteps: this.#badSteps, cooldown: this.#cooldown } };
  }

  /**
   * Continues where the saved scheduler was.
   *
   * @throws ArgumentError when the state is none.
   */
  loadStateDict(state: SchedulerState<PlateauValues>): void {
    const op = 'ReduceOnPlateau.loadStateDict';
    const { best, badSteps, cooldown } = valuesOf(op, state);
    const infinite = best === 'Infinity' || best === '-Infinity';
    const checked = infinite ? Number(best) : expectFinite(op, 'best', best);
    const counts = [expectInteger(op, 'badSteps', badSteps, 0), expectInteger(op, 'cooldown', cooldown, 0)];
    this.#best = checked;
    [this.#badSteps, this.#cooldown] = counts;
  }

  #improves(metric: number): boolean {
    const best = this.#best;
    const { mode, threshold, thresholdMode } = this.#options;
    if (mode === 'min') return metric < (thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold);
    return metric > (thresholdMode === 'rel' ? best * (1 + threshold) : best + threshold);
  }

  #reduce(): boolean {
    const { factor, minLearningRate, epsilon } = this.#options;
    let reduced = false;
    for (const group of this.optimizer.groups) {
      const next = Math.max(group.learningRate * factor, minLearningRate);
      if (group.learningRate - next <= epsilon) continue;
      group.learningRate = next;
      reduced = true;
    }
    return reduced;
  }
}

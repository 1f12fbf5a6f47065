// Settings to optimisers and schedules.
import { Adam, AdamW } from '../optim/adam';
import type { Optimizer } from '../optim/optimizer';
import { RMSprop } from '../optim/rmsprop';
import { constantLr, cosineLr, type Schedule, stepLr, warmup } from '../optim/schedules';
import { SGD } from '../optim/sgd';
import type { Tensor } from '../tensor';
import type { TrainSettings } from './settings';

/** @throws ArgumentError for a setting out of range. */
export function makeOptimizer(parameters: readonly Tensor[], settings: TrainSettings): Optimizer {
  const { optimizer, learningRate, momentum, weightDecay } = settings;
  // Each class has settings of its own, which callers here have no use for.
  const made: unknown = {
    sgd: () => new SGD(parameters, { learningRate, momentum, weightDecay }),
    adam: () => new Adam(parameters, { learningRate, weightDecay }),
    adamw: () => new AdamW(parameters, { learningRate, weightDecay }),
    rmsprop: () => new RMSprop(parameters, { learningRate, momentum, weightDecay }),
  }[optimizer]();
  return made as Optimizer;
}

/** Least steps of a schedule, which has to divide by them. */
const atLeastOne = (steps: number): number => Math.max(1, Math.round(steps));

/**
 * The factor on the learning rate, by steps: after the warmup, `cosine` falls to 0 at the end of the last epoch; `step` falls by
 * a factor every so many epochs.
 */
export function makeSchedule(
  { schedule, epochs, warmup: warmupEpochs, stepEpochs, stepFactor }: TrainSettings,
  stepsPerEpoch: number,
): Schedule {
  const warmupSteps = Math.round(warmupEpochs * stepsPerEpoch);
  const after = {
    constant: () => constantLr(),
    step: () => stepLr(atLeastOne(stepEpochs * stepsPerEpoch), stepFactor),
    cosine: () => cosineLr(atLeastOne(epochs * stepsPerEpoch - warmupSteps)),
  }[schedule]();
  return warmupSteps === 0 ? after : warmup(after, warmupSteps);
}

// Schedules: pure functions from the number of steps taken to a factor on the learning rate. They hold no state, so that a
// run resumes exactly from its step number alone, and they combine as functions do: `(t) => warm(t) * decay(t)`.
import { expectFinite, expectInteger, expectNumber } from '../check';
import { ArgumentError } from '../errors';
import { describe } from '../text';

/** The factor on the learning rate after `step` steps of the schedule, 0 at first. Finite, >= 0. */
export type Schedule = (step: number) => number;

/** A count of steps that a schedule divides by or compares with. */
const expectSteps = (op: string, value: number): number => expectInteger(op, 'steps', value, 1);

/** @internal */
export function expectSchedule(op: string, value: unknown): asserts value is Schedule {
  if (typeof value !== 'function') {
    throw new ArgumentError(`${op}: schedule must be a function of the step, given ${describe(value)}`);
  }
}

/**
 * `factor` during the first `steps` steps, then 1: f(t) = t < steps ? factor : 1.
 *
 * @param factor Finite, >= 0; 1 if left out.
 * @param steps An integer >= 0, or Infinity if left out.
 * @throws ArgumentError.
 */
export function constantLr(factor = 1, steps = Number.POSITIVE_INFINITY): Schedule {
  expectFinite('constantLr', 'factor', factor, 0);
  if (expectNumber('constantLr', 'steps', steps) !== Number.POSITIVE_INFINITY) {
    expectInteger('constantLr', 'steps', steps, 0);
  }
  return (step) => (step < steps ? factor : 1);
}

/**
 * A factor `gamma` every `stepSize` steps: f(t) = gamma^floor(t / stepSize).
 *
 * @param stepSize An integer >= 1.
 * @param gamma Finite, >= 0; 0.1 if left out.
 * @throws ArgumentError.
 */
export function stepLr(stepSize: number, gamma = 0.1): Schedule {
  expectInteger('stepLr', 'stepSize', stepSize, 1);
  expectFinite('stepLr', 'gamma', gamma, 0);
  return (step) => gamma ** Math.floor(step / stepSize);
}

/**
 * A factor `gamma` at each milestone: f(t) = gamma^(number of milestones <= t).
 *
 * @param milestones Integers >= 0 in any order; one that is listed twice counts twice.
 * @param gamma Finite, >= 0; 0.1 if left out.
 * @throws ArgumentError.
 */
export function multiStepLr(milestones: readonly number[], gamma = 0.1): Schedule {
  if (!Array.isArray(milestones)) {
    throw new ArgumentError(`multiStepLr: milestones must be an array of integers, given ${describe(milestones)}`);
  }
  const marks: number[] = milestones.map((mark, i) => expectInteger('multiStepLr', `milestones[${i}]`, mark, 0));
  expectFinite('multiStepLr', 'gamma', gamma, 0);
  return (step) => gamma ** marks.filter((mark) => mark <= step).length;
}

/**
 * A factor `gamma` every step: f(t) = gamma^t.
 *
 * @param gamma From 0 to 1: above it the learning rate would grow without bound.
 * @throws ArgumentError.
 */
export function exponentialLr(gamma: number): Schedule {
  expectFinite('exponentialLr', 'gamma', gamma, 0, 1);
  return (step) => gamma ** step;
}

/**
 * Half a cosine from 1 down to `minFactor` (Loshchilov and Hutter 2017, without restarts), which then stays:
 * f(t) = minFactor + (1 - minFactor) (1 + cos(pi min(t, steps) / steps)) / 2.
 *
 * @param steps An integer >= 1.
 * @param minFactor From 0 to 1; 0 if left out.
 * @throws ArgumentError.
 */
export function cosineLr(steps: number, minFactor = 0): Schedule {
  expectSteps('cosineLr', steps);
  expectFinite('cosineLr', 'minFactor', minFactor, 0, 1);
  return (step) => minFactor + ((1 - minFactor) * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps))) / 2;
}

/**
 * A power of the share of steps that are left, from 1 down to `minFactor`, which then stays:
 * f(t) = minFactor + (1 - minFactor) (1 - min(t, steps) / steps)^power. The power 1 is a straight line.
 *
 * @param steps An integer >= 1.
 * @param power Finite, >= 0; 1 if left out.
 * @param minFactor From 0 to 1; 0 if left out.
 * @throws ArgumentError.
 */
export function polynomialLr(steps: number, power = 1, minFactor = 0): Schedule {
  expectSteps('polynomialLr', steps);
  expectFinite('polynomialLr', 'power', power, 0);
  expectFinite('polynomialLr', 'minFactor', minFactor, 0, 1);
  return (step) => minFactor + (1 - minFactor) * (1 - Math.min(step, steps) / steps) ** power;
}

/**
 * A straight line up to the beginning of another schedule, which follows after `steps` steps:
 * f(t) = schedule(0) (start + (1 - start) t / steps) for t < steps, then schedule(t - steps).
 *
 * @param steps An integer >= 1.
 * @param start Share of the way at step 0, from 0 to 1; 1 / (steps + 1) if left out, so that no step is lost at 0.
 * @throws ArgumentError.
 */
export function warmup(schedule: Schedule, steps: number, start?: number): Schedule {
  expectSchedule('warmup', schedule);
  expectSteps('warmup', steps);
  const from = start === undefined ? 1 / (steps + 1) : expectFinite('warmup', 'start', start, 0, 1);
  return (step) => {
    if (step >= steps) return schedule(step - steps);
    return schedule(0) * (from + ((1 - from) * step) / steps);
  };
}

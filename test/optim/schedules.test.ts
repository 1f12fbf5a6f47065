import { tidy } from 'receptive';
import * as optim from 'receptive/optim';
import { LrScheduler, type Optimizer, type Schedule, SGD } from 'receptive/optim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ndarray } from '../reference/ndarray';
import { expectThrows } from '../support/errors';
import { type AnyTensor, toTensor } from '../support/tensors';

const { constantLr, cosineLr, exponentialLr, multiStepLr, polynomialLr, stepLr, warmup } = optim;

const firstSteps = (schedule: Schedule, count: number): number[] =>
  Array.from({ length: count }, (_, t) => schedule(t));

function expectFactors(schedule: Schedule, expected: readonly number[]): void {
  const actual = firstSteps(schedule, expected.length);
  for (const [t, factor] of actual.entries()) expect(factor, `step ${t}`).toBeCloseTo(expected[t], 14);
}

describe('schedules', () => {
  it('constantLr', () => {
    expectFactors(constantLr(), [1, 1, 1]);
    expectFactors(constantLr(0.5), [0.5, 0.5, 0.5]);
    expectFactors(constantLr(0.25, 2), [0.25, 0.25, 1, 1]);
    expectFactors(constantLr(0.25, 0), [1, 1]);
  });

  it('stepLr', () => {
    expectFactors(stepLr(3), [1, 1, 1, 0.1, 0.1, 0.1, 0.01]);
    expectFactors(stepLr(1, 0.5), [1, 0.5, 0.25, 0.125]);
  });

  it('multiStepLr', () => {
    expectFactors(multiStepLr([4, 2]), [1, 1, 0.1, 0.1, 0.01, 0.01]);
    expectFactors(multiStepLr([1, 1, 0], 0.5), [0.5, 0.125, 0.125]);
    expectFactors(multiStepLr([]), [1, 1]);
  });

  it('exponentialLr', () => {
    let factor = 1;
    for (const value of firstSteps(exponentialLr(0.9), 50)) {
      expect(value).toBeCloseTo(factor, 14);
      factor *= 0.9;
    }
  });

  it('cosineLr', () => {
    const half = Math.SQRT1_2;
    expectFactors(cosineLr(4), [1, (1 + half) / 2, 0.5, (1 - half) / 2, 0, 0, 0]);
    expectFactors(cosineLr(2, 0.2), [1, 0.6, 0.2, 0.2]);
    // The recurrence by which PyTorch computes it, with the learning rate 1.
    const [steps, least] = [37, 0.125];
    let rate = 1;
    for (let t = 1; t < steps; t++) {
      rate =
        ((1 + Math.cos((Math.PI * t) / steps)) / (1 + Math.cos((Math.PI * (t - 1)) / steps))) * (rate - least) + least;
      expect(cosineLr(steps, least)(t)).toBeCloseTo(rate, 12);
    }
  });

  it('polynomialLr', () => {
    expectFactors(polynomialLr(4), [1, 0.75, 0.5, 0.25, 0, 0]);
    expectFactors(polynomialLr(4, 2), [1, 0.5625, 0.25, 0.0625, 0, 0]);
    expectFactors(polynomialLr(2, 1, 0.5), [1, 0.75, 0.5, 0.5]);
    expectFactors(polynomialLr(4, 0.5), [1, Math.sqrt(0.75), Math.SQRT1_2, 0.5, 0]);
  });

  it('warmup', () => {
    expectFactors(warmup(constantLr(), 3), [0.25, 0.5, 0.75, 1, 1]);
    expectFactors(warmup(constantLr(0.5), 2, 0), [0, 0.25, 0.5, 0.5]);
    expectFactors(warmup(stepLr(2, 0.5), 2, 1), [1, 1, 1, 1, 0.5, 0.5, 0.25]);
    const long = warmup(cosineLr(90), 10);
    expect(long(10)).toBe(1);
    expect(long(55)).toBeCloseTo(0.5, 14);
    expect(long(100)).toBe(0);
  });

  it.each([
    ['constantLr', () => constantLr(-1), /factor/],
    ['constantLr', () => constantLr(1, 0.5), /steps/],
    ['constantLr', () => constantLr(1, Number.NaN), /steps/],
    ['stepLr', () => stepLr(0), /stepSize/],
    ['stepLr', () => stepLr(2, Infinity), /gamma/],
    ['multiStepLr', () => multiStepLr(3 as never), /milestones/],
    ['multiStepLr', () => multiStepLr([3, 1.5]), /milestones\[1\]/],
    ['multiStepLr', () => multiStepLr([3], Number.NaN), /gamma/],
    ['exponentialLr', () => exponentialLr(1.1), /gamma/],
    ['exponentialLr', () => (exponentialLr as () => Schedule)(), /gamma/],
    ['cosineLr', () => cosineLr(0), /steps/],
    ['cosineLr', () => cosineLr(5, 2), /minFactor/],
    ['polynomialLr', () => polynomialLr(2.5), /steps/],
    ['polynomialLr', () => polynomialLr(2, -1), /power/],
    ['polynomialLr', () => polynomialLr(2, 1, -1), /minFactor/],
    ['warmup', () => warmup(0.5 as never, 3), /schedule/],
    ['warmup', () => warmup(constantLr(), 0), /steps/],
    ['warmup', () => warmup(constantLr(), 2, 1.5), /start/],
  ])('%s refuses wrong arguments', (name, call, message) => {
    expectThrows(call, 'ArgumentError', new RegExp(`^${name}: `), message);
  });
});

describe('schedulers', () => {
  let tensors: AnyTensor[];
  let optimizer: Optimizer;
  beforeEach(() => {
    tensors = [0, 1].map(() => toTensor(ndarray([1])) as AnyTensor);
    optimizer = twoGroups();
  });
  afterEach(() => {
    for (const tensor of tensors) tensor.dispose();
  });
  const twoGroups = (): Optimizer =>
    new SGD([{ parameters: [tensors[0]] }, { parameters: [tensors[1]], learningRate: 8 }], { learningRate: 1 });
  const rates = (of: Optimizer = optimizer): number[] => of.groups.map(({ learningRate }) => learningRate);

  it('set the learning rates of all groups', () => {
    const scheduler = new LrScheduler(optimizer, warmup(stepLr(2, 0.5), 1, 0.25));
    const seen = [rates()];
    for (let i = 0; i < 5; i++) {
      scheduler.step();
      seen.push(rates());
    }
    expect(seen).toEqual([0.25, 1, 1, 0.5, 0.5, 0.25].map((factor) => [factor, 8 * factor]));
    expect(scheduler.steps).toBe(5);
  });

  it('continue from saved state with the same numbers', () => {
    const schedule: Schedule = (t) => cosineLr(17)(t) * exponentialLr(0.97)(t);
    const scheduler = new LrScheduler(optimizer, schedule);
    for (let i = 0; i < 7; i++) scheduler.step();
    const saved = JSON.parse(JSON.stringify([optimizer.stateDict().values, scheduler.stateDict()]));
    const other = twoGroups();
    other.loadStateDict({ tensors: {}, values: saved[0] });
    // Made after the learning rates were restored: the base comes with the scheduler's own state.
    const resumed = new LrScheduler(other, schedule);
    resumed.loadStateDict(saved[1]);
    for (let i = 0; i < 12; i++) {
      expect(rates(other)).toEqual(rates());
      resumed.step();
      scheduler.step();
    }
    expect(resumed.stateDict()).toEqual(scheduler.stateDict());
  });

  it('refuse wrong schedules and states, and change nothing then', () => {
    expectThrows(() => new LrScheduler({} as never, stepLr(1)), 'ArgumentError', /^LrScheduler: optimizer/);
    expectThrows(() => new LrScheduler(optimizer, 0.1 as never), 'ArgumentError', /^LrScheduler: schedule/);
    expectThrows(() => new LrScheduler(optimizer, () => Number.NaN), 'ArgumentError', /schedule\(0\)/);
    const scheduler = new LrScheduler(optimizer, (t) => 1 - t);
    scheduler.step();
    expectThrows(() => scheduler.step(), 'ArgumentError', /^LrScheduler\.step: schedule\(2\)/);
    expect([scheduler.steps, ...rates()]).toEqual([1, 0, 0]);
    for (const [values, message] of [
      [undefined, /state must be an object with values/],
      [{}, /baseLearningRates/],
      [{ steps: 1, baseLearningRates: [1] }, /baseLearningRates must be 2/],
      [{ steps: 1, baseLearningRates: [1, -1] }, /baseLearningRates\[1\]/],
      [{ steps: -1, baseLearningRates: [1, 1] }, /steps/],
      [{ baseLearningRates: [1, 1] }, /steps/],
    ] as const) {
      const load = (): void => scheduler.loadStateDict({ tensors: {}, values } as never);
      expectThrows(load, 'ArgumentError', /LrScheduler\.loadStateDict/, message);
    }
    expectThrows(() => scheduler.loadStateDict(undefined as never), 'ArgumentError', /state must be an object/);
    expect([scheduler.steps, ...rates()]).toEqual([1, 0, 0]);
  });

  describe('ReduceOnPlateau', () => {
    const { ReduceOnPlateau } = optim;

    /** Positions of the metrics at which the learning rates were reduced. */
    function reductions(metrics: readonly number[], options: optim.PlateauOptions): number[] {
      const scheduler = new ReduceOnPlateau(optimizer, options);
      return metrics.flatMap((metric, i) => (scheduler.step(metric) ? [i] : []));
    }

    it.each([
      ['after more than patience steps', [1, 1, 1, 1], { patience: 2 }, [3]],
      ['at once without patience', [1, 1, 1], { patience: 0 }, [1, 2]],
      ['not while it falls', [4, 3, 2, 1], { patience: 0 }, []],
      ['counting from the best, not from the last', [1, 3, 2, 1.5], { patience: 1 }, [2]],
      ['with a relative threshold', [10, 9.6, 9.4], { patience: 0, threshold: 0.05 }, [1]],
      ['with an absolute threshold', [10, 9.6, 9.4], { patience: 0, threshold: 0.5, thresholdMode: 'abs' }, [1]],
      ['of something that should rise', [1, 2, 2, 3, 3], { patience: 0, mode: 'max' }, [2, 4]],
      ['rising, relative', [10, 10.4, 10.6], { patience: 0, mode: 'max', threshold: 0.05 }, [1]],
      ['rising, absolute', [1, 1.4, 1.6], { patience: 0, mode: 'max', threshold: 0.5, thresholdMode: 'abs' }, [1]],
      ['not during the cooldown', [1, 1, 1, 1, 1, 1], { patience: 0, cooldown: 2 }, [1, 4]],
      ['for NaN', [1, Number.NaN, Number.NaN], { patience: 1 }, [2]],
      ['for an infinite start', [Infinity, 5, 5], { patience: 0 }, [0, 2]],
    ] as [string, number[], optim.PlateauOptions, number[]][])('reduces %s', (_, metrics, options, expected) => {
      expect(reductions(metrics, options)).toEqual(expected);
    });

    it('reduces by the factor, down to the least learning rate', () => {
      const scheduler = new ReduceOnPlateau(optimizer, { factor: 0.25, patience: 0, minLearningRate: 0.3 });
      const seen = [1, 1, 1, 1, 1].map((metric) => [scheduler.step(metric), ...rates()]);
      expect(seen).toEqual([
        [false, 1, 8],
        [true, 0.3, 2],
        [true, 0.3, 0.5],
        [true, 0.3, 0.3],
        [false, 0.3, 0.3],
      ]);
      expect(scheduler.best).toBe(1);
    });

    it.each([['min'], ['max']] as const)('continues from saved state, %s', (mode) => {
      const options = { mode, patience: 1, cooldown: 1 };
      const metrics = [3, 4, 4, 4, 4, 2, 2, 2, 2, 5, 5, 5];
      for (let at = 0; at < metrics.length; at++) {
        optimizer = twoGroups();
        const scheduler = new ReduceOnPlateau(optimizer, options);
        for (const metric of metrics.slice(0, at)) scheduler.step(metric);
        const other = twoGroups();
        other.loadStateDict(JSON.parse(JSON.stringify(optimizer.stateDict())));
        const resumed = new ReduceOnPlateau(other, options);
        resumed.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())));
        for (const metric of metrics.slice(at)) expect(resumed.step(metric)).toBe(scheduler.step(metric));
        expect(rates(other)).toEqual(rates());
        expect(resumed.stateDict()).toEqual(scheduler.stateDict());
      }
    });

    it('refuses wrong arguments', () => {
      expectThrows(() => new ReduceOnPlateau(null as never), 'ArgumentError', /^ReduceOnPlateau: optimizer/);
      for (const [options, message] of [
        [{ mode: 'up' }, /mode/],
        [{ factor: 1 }, /factor/],
        [{ patience: -1 }, /patience/],
        [{ threshold: -1 }, /threshold/],
        [{ thresholdMode: 'relative' }, /thresholdMode/],
        [{ cooldown: 0.5 }, /cooldown/],
        [{ minLearningRate: -1 }, /minLearningRate/],
        [{ epsilon: -1 }, /epsilon/],
        [{ gamma: 1 }, /gamma/],
      ] as const) {
        expectThrows(
          () => new ReduceOnPlateau(optimizer, options as never),
          'ArgumentError',
          /^ReduceOnPlateau: /,
          message,
        );
      }
      const scheduler = new ReduceOnPlateau(optimizer);
      expectThrows(() => scheduler.step('1' as never), 'ArgumentError', /^ReduceOnPlateau\.step: metric/);
      for (const [values, message] of [
        [null, /state must be an object with values/],
        [{ best: 'x', badSteps: 0, cooldown: 0 }, /best/],
        [{ best: 1, badSteps: -1, cooldown: 0 }, /badSteps/],
        [{ best: 1, badSteps: 0, cooldown: null }, /cooldown/],
      ] as const) {
        const load = (): void => scheduler.loadStateDict({ tensors: {}, values } as never);
        expectThrows(load, 'ArgumentError', /^ReduceOnPlateau\.loadStateDict/, message);
      }
      expect(scheduler.best).toBe(Number.POSITIVE_INFINITY);
    });
  });

  it('are made for optimizers with state too', () => {
    tidy(() => {
      const parameter = toTensor(ndarray([2], [1, 1]));
      const own = new optim.Adam([parameter], { learningRate: 1 });
      const scheduler = new LrScheduler(own, stepLr(1, 0.5));
      for (let i = 0; i < 2; i++) {
        parameter.grad = toTensor(ndarray([2], [1, 1]));
        own.step();
        scheduler.step();
      }
      // Constant gradients: each step of Adam is its learning rate.
      expect(parameter.dataSync()[0]).toBeCloseTo(1 - 1 - 0.5, 5);
      own.dispose();
    });
  });
});

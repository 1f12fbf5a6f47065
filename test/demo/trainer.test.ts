import { describe, expect, it } from 'vitest';
import { learningRateAt } from '../../examples/lib/trainer.mjs';

describe('learningRateAt', () => {
  const hyper = { learningRate: 0.5, scheduleEpochs: 4 };

  it('falls linearly from the first step on', () => {
    expect([0, 1, 2, 3.5].map((epochs) => learningRateAt(hyper, epochs))).toEqual([0.5, 0.375, 0.25, 0.0625]);
  });

  it('stays positive at the end of the schedule and after it', () => {
    const last = learningRateAt(hyper, 4);
    expect(last).toBeGreaterThan(0);
    expect(last).toBeLessThan(0.05 * hyper.learningRate);
    expect(learningRateAt(hyper, 3.999)).toBe(last);
    expect(learningRateAt(hyper, 40)).toBe(last);
  });
});

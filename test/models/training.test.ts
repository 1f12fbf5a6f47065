import { crossEntropy, manualSeed, noGrad, randn, tidy, zeros } from 'receptive';
import { trainingLogits, weightedLoss } from 'receptive/models';
import { type Module, skipInit } from 'receptive/nn';
import { Adam } from 'receptive/optim';
import { describe, expect, it } from 'vitest';
import { expectThrows } from '../support/errors';
import { beginByHe, colouredImages, smallClasses, smallModels } from '../support/models';

/** One training step's loss; its gradients are left in the parameters. */
function lossOf(model: Module, { images, labels }: ReturnType<typeof colouredImages>): number {
  const loss = weightedLoss(trainingLogits(model, images), (logits) => crossEntropy(logits, labels));
  loss.backward();
  return loss.dataSync()[0];
}

describe.each(smallModels)('$name', { timeout: 120_000 }, ({ name, make, channels, smallest, plain, rate }) => {
  it('runs forward and backward on the smallest images, the same each time in inference', () => {
    manualSeed(1);
    using model = make();
    tidy(() => {
      const loss = lossOf(model, colouredImages(channels, smallest));
      expect(loss).toBeGreaterThan(0);
      const without = model.namedParameters().filter(([, { grad }]) => grad === null);
      expect(without.map(([own]) => own)).toEqual([]);
      const sums = model.parameters().map(({ grad }) => grad?.dataSync().reduce((sum, g) => sum + g, 0) ?? Number.NaN);
      expect(sums.every(Number.isFinite)).toBe(true);
      model.zeroGrad();

      const x = randn([2, channels, smallest, smallest + (smallest > 1 && name !== 'lenet5' ? 5 : 0)]);
      const logits = () => noGrad(() => model.eval().call(x).dataSync());
      const first = logits();
      expect(first.length).toBe(2 * smallClasses);
      expect(logits()).toEqual(first);
    });
  });

  it('refuses smaller ones', () => {
    using model = skipInit(make);
    tidy(() => {
      expectThrows(() => model.call(zeros([1, channels, smallest - 1, smallest])), 'ShapeError');
      expectThrows(() => model.call(zeros([1, channels, smallest, smallest - 1])), 'ShapeError');
      expectThrows(() => model.call(zeros([1, channels + 1, smallest, smallest])), 'ShapeError');
    });
  });

  it('learns three images by heart', () => {
    manualSeed(3);
    using model = make();
    if (plain) beginByHe(model);
    using optimizer = new Adam(model.parameters(), { learningRate: rate });
    tidy(() => {
      const batch = colouredImages(channels, name === 'lenet5' ? smallest : Math.max(smallest, 32));
      let loss = Infinity;
      for (let step = 0; step < 40 && loss > 0.1; step++) {
        optimizer.zeroGrad();
        loss = tidy(() => lossOf(model, batch));
        optimizer.step();
      }
      expect(loss).toBeLessThan(0.1);
    });
  });
});

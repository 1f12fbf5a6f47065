import { crossEntropy, manualSeed, mul, noGrad, randn, type Tensor, tensor, tidy } from 'receptive';
import { GoogLeNet, googlenet, MultiHeadModule, resnet18, trainingLogits, weightedLoss } from 'receptive/models';
import { Linear, skipInit } from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { expectThrows } from '../support/errors';

const options = { classes: 3, dropout: 0, auxiliaryDropout: 0 } as const;
const image = (size: number): Tensor => randn([2, 3, size, size]);

describe('auxiliary classifiers', () => {
  it('come with the logits, with weights of 0.3, in training alone', () => {
    manualSeed(1);
    using model = googlenet(options);
    expect(model).toBeInstanceOf(MultiHeadModule);
    tidy(() => {
      const x = image(33);
      model.eval();
      expect(trainingLogits(model, x).length).toBe(1);
      const { logits, aux1, aux2 } = noGrad(() => model.forwardWithHeads(x));
      expect([logits.shape, aux1?.shape, aux2?.shape]).toEqual([
        [2, 3],
        [2, 3],
        [2, 3],
      ]);
      expect(logits.dataSync()).toEqual(noGrad(() => model.call(x)).dataSync());

      model.train();
      const heads = trainingLogits(model, x);
      expect(heads.map(({ weight }) => weight)).toEqual([1, 0.3, 0.3]);
      const labels = tensor(Int32Array.of(2, 0));
      const losses = heads.map((head) => crossEntropy(head.logits, labels).dataSync()[0]);
      const total = weightedLoss(heads, (one) => crossEntropy(one, labels)).dataSync()[0];
      expect(total).toBeCloseTo(losses[0] + 0.3 * (losses[1] + losses[2]), 5);
    });
  });

  it('are parts of the state, of modes and of nothing else', () => {
    using model = skipInit(() => googlenet(options));
    using without = skipInit(() => googlenet({ ...options, auxiliary: false }));
    const names = (one: GoogLeNet) => Object.keys(one.stateDict().tensors);
    const extra = names(model).filter((name) => !names(without).includes(name));
    expect(extra.every((name) => /^aux[12]\./.test(name))).toBe(true);
    expect(extra.length).toBe(2 * (5 + 4)); // a normalised convolution, two dense layers
    expect(without).toBeInstanceOf(GoogLeNet);
    expect([without.aux1, without.aux2]).toEqual([null, null]);
    expect(
      model
        .eval()
        .modules()
        .some(({ training }) => training),
    ).toBe(false);
    tidy(() => {
      const x = image(20);
      const { aux1, aux2 } = without.forwardWithHeads(x);
      expect([aux1, aux2]).toEqual([null, null]);
      expect(trainingLogits(without.train(), x).length).toBe(1);
    });
    const { missing, unexpected } = without.loadStateDict(model.stateDict(), { strict: false });
    expect([missing, unexpected]).toEqual([[], extra]);
  });

  it('as published pool by 5x5 and so want the published images', () => {
    using model = skipInit(() => googlenet({ ...options, variant: 'published' }));
    tidy(() => {
      expect(trainingLogits(model, image(223)).map(({ logits }) => logits.shape)).toEqual([
        [2, 3],
        [2, 3],
        [2, 3],
      ]);
      expectThrows(() => trainingLogits(model, image(222)), 'ShapeError');
      expectThrows(() => trainingLogits(model, image(271)), 'ShapeError');
      expect(model.eval().call(image(31)).shape).toEqual([2, 3]);
    });
  });

  it('refuse what makes no sense', () => {
    expectThrows(() => googlenet({ auxiliary: 1 as never }), 'ArgumentError', /googlenet: auxiliary/);
    expectThrows(() => googlenet({ auxiliaryDropout: 2 }), 'ArgumentError', /googlenet: auxiliaryDropout/);
    expectThrows(() => googlenet({ variant: 'v1' as never }), 'ArgumentError', /googlenet: variant/);
  });
});

describe('a loss for every model', () => {
  it('is the one loss of a model with one output', () => {
    using model = skipInit(() => resnet18({ classes: 3 }));
    tidy(() => {
      const heads = trainingLogits(model, image(8));
      const loss = heads[0].logits;
      const same = weightedLoss(heads, (one) => one);
      expect(same).toBe(loss);
    });
  });

  it('adds terms of any model of one’s own', () => {
    class Twice extends MultiHeadModule {
      readonly fc = new Linear(2, 2);
      forward(x: Tensor) {
        return this.fc.call(x);
      }
      trainingHeads(x: Tensor) {
        return [
          { logits: this.call(x), weight: 1 },
          { logits: mul(this.call(x), 2), weight: -0.5 },
        ];
      }
    }
    using model = new Twice();
    tidy(() => {
      const heads = trainingLogits(model, randn([1, 2]));
      expect(Array.from(weightedLoss(heads, (one) => one).dataSync())).toEqual([0, 0]);
    });
  });

  it('refuses what is none', () => {
    tidy(() => {
      const logits = randn([1, 2]);
      expectThrows(() => trainingLogits({} as never, logits), 'ArgumentError', /trainingLogits: model/);
      expectThrows(() => weightedLoss([], (one: Tensor) => one), 'ArgumentError', /weightedLoss: heads/);
      expectThrows(() => weightedLoss(logits as never, (one: Tensor) => one), 'ArgumentError', /weightedLoss: heads/);
      const heads = [{ logits, weight: 1 }];
      expectThrows(() => weightedLoss(heads, 3 as never), 'ArgumentError', /weightedLoss: loss must be a function/);
      expectThrows(() => weightedLoss(heads, () => 3 as never), 'ArgumentError', /weightedLoss: what loss returned/);
    });
  });
});

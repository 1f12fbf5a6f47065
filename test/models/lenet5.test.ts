import { crossEntropy, type Tensor, tensor, tidy } from 'receptive';
import { lenet5, models, trainingLogits, weightedLoss } from 'receptive/models';
import { receptiveField, type Sequential, summary } from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { toTensor } from '../support/tensors';

// LeCun et al. 1998, section II.B and figure 2: C1 6@28x28, S2 6@14x14, C3 16@10x10, S4 16@5x5, C5 120, F6 84, output 10.
const stages: readonly (readonly [name: string, shape: readonly number[], parameters: number])[] = [
  ['features.0', [1, 6, 28, 28], 156],
  ['features.2', [1, 6, 14, 14], 0],
  ['features.3', [1, 16, 10, 10], 2416], // the paper's table of connections leaves 1,516 of these
  ['features.5', [1, 16, 5, 5], 0],
  ['classifier.0', [1, 120], 48_120],
  ['classifier.2', [1, 84], 10_164],
  ['classifier.4', [1, 10], 850],
];

describe('lenet5', () => {
  it.each([
    [28, 2],
    [32, 0],
  ])("has the paper's layers for images of %i with padding %i", (size, padding) => {
    using model = lenet5({ padding });
    const { rows, total } = summary(model, [1, 1, size, size]);
    const known = new Map(rows.map((row) => [row.name, row]));
    for (const [name, shape, parameters] of stages) {
      expect([name, known.get(name)?.outputShape, known.get(name)?.parameters]).toEqual([name, shape, parameters]);
    }
    expect(total.parameters).toBe(models.lenet5.parameters);
  });

  it('sees 16x16 of the image before the dense layers', () => {
    using model = lenet5();
    const [features] = model.children();
    expect(receptiveField(features as Sequential).size).toEqual([16, 16]); // 5, 6, 14, 16
  });

  it('takes other numbers of channels and classes, and float64', () => {
    tidy(() => {
      using model = lenet5({ channels: 3, classes: 4, dtype: 'float64' });
      const x = toTensor(new Random('lenet').array([2, 3, 28, 28], 'float64'), 'float64');
      const logits = model.call(x);
      expect([logits.shape, logits.dtype]).toEqual([[2, 4], 'float64']);
    });
  });

  it('gives one output to train', () => {
    tidy(() => {
      using model = lenet5();
      const x = toTensor(new Random('lenet').array([2, 1, 28, 28], 'float32')) as Tensor;
      const labels = tensor(Int32Array.of(3, 8));
      const heads = trainingLogits(model, x);
      expect(heads.map(({ weight }) => weight)).toEqual([1]);
      const loss = weightedLoss(heads, (logits) => crossEntropy(logits, labels));
      expect(loss.dataSync()).toEqual(crossEntropy(model.call(x), labels).dataSync());
    });
  });

  it('refuses what makes no sense', () => {
    expectThrows(() => lenet5({ padding: 5 }), 'ArgumentError', /lenet5: padding/);
    expectThrows(() => lenet5({ classes: 0 }), 'ArgumentError', /lenet5: classes/);
    expectThrows(() => lenet5({ channels: 1.5 }), 'ArgumentError', /lenet5: channels/);
    expectThrows(() => lenet5({ dropout: 0.5 } as never), 'ArgumentError', /lenet5: .*dropout/);
    expectThrows(() => lenet5({ dtype: 'int32' as never }), 'DTypeError', /lenet5: dtype/);
    expectThrows(() => lenet5({ device: 'tpu' }), 'DeviceError', /lenet5: device/);
  });
});

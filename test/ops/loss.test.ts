import * as receptive from 'receptive';
import { crossEntropy, grad, nllLoss, type Tensor, tensor } from 'receptive';
import { describe, expect, it } from 'vitest';
import * as reference from '../reference/loss';
import { map, type NdArray, ndarray } from '../reference/ndarray';
import { logSoftmax, softmax } from '../reference/softmax';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectError, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { type FloatDType, Random } from '../support/random';
import { type AnyTensor, evaluate, read, toTensor } from '../support/tensors';

type Options = { reduction?: reference.Reduction };
type Loss = (prediction: AnyTensor, target: AnyTensor, options?: Options) => AnyTensor;
type Gradient = (g: AnyTensor, prediction: AnyTensor, target: AnyTensor, options?: Options) => AnyTensor;
const loss = (name: string): Loss => (receptive as unknown as Record<string, Loss>)[name];
const gradientOf = (name: string): Gradient => (grad as unknown as Record<string, Gradient>)[name];

const reductions = ['mean', 'sum', 'none'] as const;
const shapes = [[7], [3, 5], [2, 3, 4, 5], [1001]];

/** Predictions and targets that suit a loss. */
function pairFor(name: string, shape: readonly number[], dtype: FloatDType): [NdArray, NdArray] {
  const random = new Random(`${name} ${shape}`);
  if (name === 'binaryCrossEntropy') return [random.array(shape, dtype, 0.05, 0.95), random.array(shape, dtype, 0, 1)];
  if (name === 'binaryCrossEntropyWithLogits') {
    return [random.array(shape, dtype, -6, 6), random.array(shape, dtype, 0, 1)];
  }
  if (name === 'hingeLoss')
    return [random.array(shape, dtype, -2, 2), map(random.integers(shape, 0, 1), (v) => 2 * v - 1)];
  return [random.array(shape, dtype, -3, 3), random.array(shape, dtype, -3, 3)];
}

/** The loss is a sum of up to 1001 terms of at most this size. */
const termScale = 40;

describeOnDevices('loss', () => {
  describe.each(Object.keys(reference.pairLosses))('%s', (name) => {
    describe.each(floatDTypes)('%s', (dtype) => {
      it.each(reductions)('agrees with the reference, reduction %s', (reduction) => {
        for (const shape of shapes) {
          const [y, t] = pairFor(name, shape, dtype);
          const g = new Random('upstream').array(reduction === 'none' ? shape : [], dtype);
          const actual = evaluate(() => {
            const [prediction, target] = [toTensor(y, dtype), toTensor(t, dtype)];
            return {
              value: loss(name)(prediction, target, { reduction }),
              gradient: gradientOf(name)(toTensor(g, dtype), prediction, target, { reduction }),
            };
          });
          const terms = reduction === 'none' ? 8 : y.data.length;
          const expected = reference.pairLoss(name, y, t, reduction);
          expectClose(actual.value, expected, { dtype, terms, scale: termScale });
          const gradient = reference.pairLossGradient(name, g, y, t, reduction);
          expectClose(actual.gradient, gradient, { dtype, terms: 8, scale: termScale });
        }
      });

      it('gives NaN for a NaN, wherever it is', () => {
        const [y, t] = pairFor(name, [20], dtype);
        y.data[13] = Number.NaN;
        const actual = evaluate(() => ({
          mean: loss(name)(toTensor(y, dtype), toTensor(t, dtype)),
          none: loss(name)(toTensor(y, dtype), toTensor(t, dtype), { reduction: 'none' }),
        }));
        expect(actual.mean.data[0]).toBeNaN();
        expect([...actual.none.data.keys()].filter((i) => Number.isNaN(actual.none.data[i]))).toEqual([13]);
      });
    });

    it('has a gradient that agrees with finite differences', () => {
      const [y, t] = pairFor(name, [3, 5], 'float64');
      for (const reduction of reductions) {
        const g = new Random('differences').array(reduction === 'none' ? [3, 5] : [], 'float64');
        const to = (a: NdArray): AnyTensor => toTensor(a, 'float64');
        const gradient = evaluate(() => gradientOf(name)(to(g), to(y), to(t), { reduction }));
        const f = (probe: NdArray): number =>
          weightedSum(
            evaluate(() => loss(name)(to(probe), to(t), { reduction })),
            g,
          );
        expectGradient(f, y, gradient, { what: reduction });
      }
    });

    it('broadcasts by NumPy rules, the gradient summed to the shape of the first argument', () => {
      for (const [first, second, whole] of [
        [[2, 3], [3], [2, 3]],
        [[3], [2, 3], [2, 3]],
        [
          [4, 1],
          [2, 1, 3],
          [2, 4, 3],
        ],
        [[], [5], [5]],
      ]) {
        const [[y], [, t]] = [pairFor(name, first, 'float64'), pairFor(name, second, 'float64')];
        for (const reduction of reductions) {
          const g = new Random('broadcast').array(reduction === 'none' ? whole : [], 'float64');
          const actual = evaluate(() => {
            const [prediction, target, upstream] = [y, t, g].map((a) => toTensor(a, 'float64'));
            return {
              value: loss(name)(prediction, target, { reduction }),
              gradient: gradientOf(name)(upstream, prediction, target, { reduction }),
            };
          });
          const closeness = { dtype: 'float64', terms: 32, scale: termScale } as const;
          expectClose(actual.value, reference.pairLoss(name, y, t, reduction), closeness);
          expectClose(actual.gradient, reference.pairLossGradient(name, g, y, t, reduction), closeness);
        }
      }
    });

    it('refuses shapes that do not broadcast, unknown reductions and options', () => {
      const word = new RegExp(`\\b${name}\\b`);
      const t = (...shape: number[]): AnyTensor => toTensor(ndarray(shape));
      expectThrows(() => evaluate(() => loss(name)(t(2, 3), t(3, 2))), 'ShapeError', word);
      expectThrows(() => evaluate(() => loss(name)(t(2, 3), t(2))), 'ShapeError', word);
      expectThrows(() => evaluate(() => loss(name)(t(2), toTensor(ndarray([2]), 'float64'))), 'DTypeError', word);
      const reduction = 'average' as 'mean';
      expectThrows(() => evaluate(() => loss(name)(t(2), t(2), { reduction })), 'ReceptiveError', word, /reduction/);
      const misspelt = { reduce: 'mean' } as Options;
      expectThrows(() => evaluate(() => loss(name)(t(2), t(2), misspelt)), 'ReceptiveError', word, /reduce/);
    });

    const first = name === 'hingeLoss' ? 'scores' : name === 'binaryCrossEntropyWithLogits' ? 'logits' : 'prediction';
    const second = name === 'hingeLoss' ? 'targets' : 'target';
    describeContract(name, { [first]: { shape: [3] }, [second]: { shape: [3] } }, (a) =>
      loss(name)(a[first], a[second]),
    );
  });

  it('mean is the default, and sumSquaredError defaults to the sum it is named after', () => {
    const actual = evaluate(() => {
      const [y, t] = [toTensor(ndarray([2], [1, 5])), toTensor(ndarray([2], [0, 2]))];
      return { mse: loss('mseLoss')(y, t), sse: loss('sumSquaredError')(y, t) };
    });
    expectEqual(actual.mse, ndarray([], [5]));
    expectEqual(actual.sse, ndarray([], [5]));
  });

  it('bounds the logarithm of a binary cross-entropy at -100', () => {
    const [y, t] = [ndarray([4], [0, 1, 0, 1]), ndarray([4], [1, 0, 0, 1])];
    const value = evaluate(() => loss('binaryCrossEntropy')(toTensor(y), toTensor(t), { reduction: 'none' }));
    expectEqual(value, ndarray([4], [100, 100, 0, 0]));
  });

  it('computes a binary cross-entropy of large logits without overflow', () => {
    const [x, t] = [ndarray([4], [1000, -1000, 1000, -1000]), ndarray([4], [1, 0, 0, 1])];
    const value = evaluate(() => loss('binaryCrossEntropyWithLogits')(toTensor(x), toTensor(t), { reduction: 'none' }));
    expectEqual(value, ndarray([4], [0, 0, 1000, 1000]));
  });

  describe.each(floatDTypes)('class losses, %s', (dtype) => {
    const classShapes = [
      [4, 10],
      [2, 3, 5, 4],
      [1, 1],
      [37, 17],
    ];

    it.each(reductions)('agree with the reference, reduction %s', (reduction) => {
      for (const shape of classShapes) {
        const random = new Random(`classes ${shape}`);
        const labelShape = shape.toSpliced(1, 1);
        const x = random.array(shape, dtype, -4, 4);
        const labels = random.integers(labelShape, 0, shape[1] - 1);
        const rounding = (a: NdArray): NdArray => (dtype === 'float32' ? map(a, Math.fround) : a);
        const probabilities = rounding(softmax(random.array(shape, dtype), 1));
        const logP = rounding(logSoftmax(x, 1));
        const g = random.array(reduction === 'none' ? labelShape : [], dtype);
        const actual = evaluate(() => {
          const [logits, classes] = [toTensor(x, dtype), toTensor(labels, 'int32')];
          const [soft, logs, upstream] = [probabilities, logP, g].map((a) => toTensor(a, dtype));
          return {
            hard: crossEntropy(logits, classes, { reduction }),
            hardGradient: grad.crossEntropy(upstream, logits, classes, { reduction }),
            soft: crossEntropy(logits, soft, { reduction }),
            softGradient: grad.crossEntropy(upstream, logits, soft, { reduction }),
            nll: nllLoss(logs, classes, { reduction }),
            nllGradient: grad.nllLoss(upstream, logs, classes, { reduction }),
          };
        });
        const closeness = { dtype, terms: Math.max(32, labels.data.length), scale: 10 } as const;
        const check = (name: keyof typeof actual, expected: NdArray): void =>
          expectClose(actual[name], expected, { ...closeness, what: `${name} of [${shape}]` });
        check('hard', reference.crossEntropy(x, labels, reduction));
        check('hardGradient', reference.crossEntropyGradient(g, x, labels, reduction));
        check('soft', reference.crossEntropy(x, probabilities, reduction));
        check('softGradient', reference.crossEntropyGradient(g, x, probabilities, reduction));
        check('nll', reference.nllLoss(logP, labels, reduction));
        check('nllGradient', reference.nllLossGradient(g, shape, labels, reduction));
      }
    });

    it('stay finite for logits that exp cannot take', () => {
      const actual = evaluate(() =>
        crossEntropy(toTensor(ndarray([2, 2], [1000, 0, -1000, 0]), dtype), tensor([1, 0], { dtype: 'int32' }), {
          reduction: 'none',
        }),
      );
      expectEqual(actual, ndarray([2], [1000, 1000]));
    });
  });

  it('crossEntropy has gradients that agree with finite differences', () => {
    const random = new Random('crossEntropy differences');
    const x = random.array([3, 4, 2], 'float64', -2, 2);
    const labels = random.integers([3, 2], 0, 3);
    const to = (a: NdArray): AnyTensor => toTensor(a, 'float64');
    const one = ndarray([], [1]);
    const gradient = evaluate(() => grad.crossEntropy(to(one), to(x), toTensor(labels, 'int32')));
    const f = (probe: NdArray): number => evaluate(() => crossEntropy(to(probe), toTensor(labels, 'int32'))).data[0];
    expectGradient(f, x, gradient);
  });

  it('rejects the read of a loss and its gradient for a label out of range, and writes nothing', async () => {
    const logits = toTensor(ndarray([3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    const g = toTensor(ndarray([], [1]));
    for (const bad of [-1, 4, 2 ** 31 - 1, -(2 ** 31)]) {
      const labels = toTensor(ndarray([3], [0, bad, 3]), 'int32');
      const results = [
        crossEntropy(logits, labels),
        grad.crossEntropy(g, logits, labels),
        nllLoss(logits, labels),
        grad.nllLoss(g, logits, labels),
      ];
      for (const result of results) {
        const error: unknown = await result.data().catch((reason: unknown) => reason);
        expectError(error, 'IndexError', /crossEntropy|nllLoss/, new RegExp(`${bad}`), /4/);
        result.dispose();
      }
      labels.dispose();
    }
    expectSame(read(logits), ndarray([3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    logits.dispose();
    g.dispose();
  });

  it('class losses refuse shapes and types that do not fit', () => {
    const logits = (): AnyTensor => toTensor(ndarray([3, 4]));
    const int32 = (...shape: number[]): Tensor<'int32'> => toTensor(ndarray(shape), 'int32');
    for (const [name, call] of [
      ['crossEntropy', crossEntropy],
      ['nllLoss', nllLoss],
    ] as const) {
      const word = new RegExp(`\\b${name}\\b`);
      for (const shape of [[2], [3, 1], [], [4]]) {
        expectThrows(() => evaluate(() => call(logits(), int32(...shape))), 'ShapeError', word);
      }
      expectThrows(() => evaluate(() => call(toTensor(ndarray([])), int32())), 'ShapeError', word);
    }
    expectThrows(
      () => evaluate(() => crossEntropy(logits(), toTensor(ndarray([3, 4]), 'float64'))),
      'DTypeError',
      /crossEntropy/,
    );
    expectThrows(
      () => evaluate(() => crossEntropy(logits(), toTensor(ndarray([3])))),
      'ReceptiveError',
      /crossEntropy/,
    );
    expectThrows(
      () => evaluate(() => nllLoss(logits(), toTensor(ndarray([3])) as never)),
      'DTypeError',
      /nllLoss/,
      /int32/,
    );
  });

  it('an empty batch has mean NaN and sum 0', () => {
    const actual = evaluate(() => {
      const [logits, labels] = [toTensor(ndarray([0, 4])), toTensor(ndarray([0]), 'int32')];
      return {
        mean: crossEntropy(logits, labels),
        sum: crossEntropy(logits, labels, { reduction: 'sum' }),
        none: crossEntropy(logits, labels, { reduction: 'none' }),
        mse: loss('mseLoss')(logits, logits, { reduction: 'sum' }),
      };
    });
    expect(actual.mean.data[0]).toBeNaN();
    expect([actual.sum.data[0], actual.none.shape, actual.mse.data[0]]).toEqual([0, [0], 0]);
  });
});

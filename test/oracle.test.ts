import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import * as receptive from 'receptive';
import { grad } from 'receptive';
import { beforeAll, describe, expect, it } from 'vitest';
import { type NdArray, ndarray, permute } from './reference/ndarray';
import { expectClose, expectEqual } from './support/compare';
import { describeOnDevices } from './support/devices';
import { Random } from './support/random';
import { type AnyTensor, evaluate, type Snapshot, toTensor } from './support/tensors';

// A second, independent oracle beside test/reference: tfjs with its plain JavaScript backend, for the ops that both have.

const toTf = (x: NdArray, dtype: 'float32' | 'int32' | 'bool' = 'float32'): tf.Tensor =>
  tf.tensor(dtype === 'float32' ? Float32Array.from(x.data) : Int32Array.from(x.data), [...x.shape], dtype);

/** Runs tfjs code and returns the values of its result. */
function oracle(body: () => tf.Tensor): NdArray {
  tf.engine().startScope();
  try {
    const t = body();
    return ndarray(t.shape, t.dataSync() as ArrayLike<number>);
  } finally {
    tf.engine().endScope();
  }
}

const close = (actual: Snapshot, expected: NdArray, terms = 8, scale?: number): void =>
  expectClose(actual, expected, { dtype: 'float32', terms, scale });

/** [N, C, H, W] -> [N, H, W, C] and [K, C, R, S] -> [R, S, C, K], tfjs' orders. */
const nhwc = (x: NdArray): NdArray => permute(x, [0, 2, 3, 1]);
const hwio = (w: NdArray): NdArray => permute(w, [2, 3, 1, 0]);

const random = new Random('oracle');

beforeAll(async () => {
  tf.env().set('PROD', true); // else it prints an advertisement
  await tf.setBackend('cpu');
});

describeOnDevices('agreement with tfjs', () => {
  describe('conv2d', () => {
    const cases = [
      { stride: [1, 1], dilation: [1, 1], padding: 'same' },
      { stride: [2, 1], dilation: [1, 1], padding: 'valid' },
      { stride: [1, 1], dilation: [2, 3], padding: 'same' },
      { stride: [2, 3], dilation: [1, 1], padding: 'same' },
    ] as const;

    it.each(cases)('forward, %j', ({ stride, dilation, padding }) => {
      const [x, w] = [random.array([2, 3, 9, 11], 'float32'), random.array([4, 3, 3, 2], 'float32')];
      const expected = oracle(() =>
        tf.conv2d(toTf(nhwc(x)) as tf.Tensor4D, toTf(hwio(w)) as tf.Tensor4D, [...stride], padding, 'NHWC', [
          ...dilation,
        ]),
      );
      const options = { stride: [...stride], dilation: [...dilation], padding } as const;
      const actual = evaluate(() =>
        receptive.conv2d(toTensor(nhwc(x)), toTensor(w), {
          ...options,
          stride: [stride[0], stride[1]],
          dilation: [dilation[0], dilation[1]],
          layout: 'NHWC',
        }),
      );
      close(actual, expected, 18, 1);
    });

    it('gradients', () => {
      const [x, w] = [random.array([2, 3, 8, 9], 'float32'), random.array([4, 3, 3, 2], 'float32')];
      const g = random.array([2, 4, 4, 5], 'float32');
      const loss = (input: tf.Tensor, weight: tf.Tensor): tf.Tensor =>
        tf.sum(tf.mul(tf.conv2d(input as tf.Tensor4D, weight as tf.Tensor4D, 2, 'same'), toTf(nhwc(g))));
      const [gx, gw] = tf.grads(loss)([toTf(nhwc(x)), toTf(hwio(w))]);
      const options = { stride: 2, padding: 'same' } as const;
      const actual = evaluate(() => ({
        x: grad.conv2dInput([2, 3, 8, 9], toTensor(w), toTensor(g), options),
        w: grad.conv2dWeight(toTensor(x), [4, 3, 3, 2], toTensor(g), options),
      }));
      close(
        actual.x,
        permute(
          oracle(() => gx),
          [0, 3, 1, 2],
        ),
        24,
        1,
      );
      close(
        actual.w,
        permute(
          oracle(() => gw),
          [3, 2, 0, 1],
        ),
        40,
        1,
      );
      tf.dispose([gx, gw]);
    });

    it('depthwise', () => {
      const [x, w] = [random.array([2, 4, 7, 8], 'float32'), random.array([4, 1, 3, 2], 'float32')];
      // tfjs: [R, S, C, multiplier]
      const filter = permute(w, [2, 3, 0, 1]);
      const expected = oracle(() =>
        tf.depthwiseConv2d(toTf(nhwc(x)) as tf.Tensor4D, toTf(filter) as tf.Tensor4D, 1, 'same'),
      );
      const actual = evaluate(() =>
        receptive.conv2d(toTensor(nhwc(x)), toTensor(w), { groups: 4, padding: 'same', layout: 'NHWC' }),
      );
      close(actual, expected, 6, 1);
    });
  });

  describe('pooling', () => {
    const x = random.array([2, 3, 9, 10], 'float32');
    const image = (): tf.Tensor4D => toTf(nhwc(x)) as tf.Tensor4D;
    const options = { kernelSize: [3, 2], stride: [2, 3], padding: 'same', layout: 'NHWC' } satisfies Parameters<
      typeof receptive.maxPool2d
    >[1];

    it('max', () => {
      const expected = oracle(() => tf.maxPool(image(), [3, 2], [2, 3], 'same'));
      expectEqual(
        evaluate(() => receptive.maxPool2d(toTensor(nhwc(x)), { ...options, kernelSize: [3, 2], stride: [2, 3] })),
        expected,
      );
    });

    it('average, padding not counted', () => {
      const expected = oracle(() => tf.avgPool(image(), [3, 2], [2, 3], 'same'));
      close(
        evaluate(() => receptive.avgPool2d(toTensor(nhwc(x)), { ...options, countIncludePad: false })),
        expected,
      );
    });

    it('gradient of max', () => {
      const g = random.array([2, 4, 5, 3], 'float32');
      const f = (input: tf.Tensor): tf.Tensor =>
        tf.sum(tf.mul(tf.maxPool(input as tf.Tensor4D, 2, 2, 'valid'), toTf(g)));
      const expected = oracle(() => tf.grad(f)(image()));
      const window = { kernelSize: 2, layout: 'NHWC' } as const;
      const actual = evaluate(() => {
        const { indices } = receptive.maxPool2dWithIndices(toTensor(nhwc(x)), window);
        return grad.maxPool2d(toTensor(g), indices, [2, 9, 10, 3], window);
      });
      close(actual, expected);
    });
  });

  describe('pointwise', () => {
    const x = random.array([5, 37], 'float32', -6, 6);
    const positive = random.array([5, 37], 'float32', 0.1, 6);
    const named = (name: string): ((t: AnyTensor) => AnyTensor) =>
      (receptive as unknown as Record<string, (t: AnyTensor) => AnyTensor>)[name];
    const tfNamed = (name: string): ((t: tf.Tensor) => tf.Tensor) =>
      (tf as unknown as Record<string, (t: tf.Tensor) => tf.Tensor>)[name];

    it.each(['relu', 'relu6', 'elu', 'selu', 'sigmoid', 'tanh', 'softplus', 'neg', 'abs', 'exp', 'square'])(
      '%s',
      (name) => {
        close(
          evaluate(() => named(name)(toTensor(x))),
          oracle(() => tfNamed(name)(toTf(x))),
        );
      },
    );

    it.each(['log', 'sqrt', 'rsqrt'])('%s', (name) => {
      close(
        evaluate(() => named(name)(toTensor(positive))),
        oracle(() => tfNamed(name)(toTf(positive))),
      );
    });

    it('leakyRelu and prelu', () => {
      const slope = random.array([37], 'float32');
      close(
        evaluate(() => receptive.leakyRelu(toTensor(x), 0.3)),
        oracle(() => tf.leakyRelu(toTf(x), 0.3)),
      );
      close(
        evaluate(() => receptive.prelu(toTensor(x), toTensor(slope))),
        oracle(() => tf.prelu(toTf(x), toTf(slope))),
      );
    });

    it.each(['elu', 'selu', 'softplus'])('gradient of %s', (name) => {
      const g = random.array([5, 37], 'float32');
      const expected = oracle(() => tf.grad((t) => tf.sum(tf.mul(tfNamed(name)(t), toTf(g))))(toTf(x)));
      const gradients = grad as unknown as Record<string, (g: AnyTensor, x: AnyTensor) => AnyTensor>;
      close(
        evaluate(() => gradients[name](toTensor(g), toTensor(x))),
        expected,
      );
    });

    it.each([
      'add',
      'sub',
      'mul',
      'div',
      'maximum',
      'minimum',
      'greater',
      'greaterEqual',
      'less',
      'lessEqual',
      'equal',
      'notEqual',
    ])('%s with broadcasting', (name) => {
      const [a, b] = [random.integers([3, 1, 5], 1, 6), random.integers([4, 1], 1, 6)];
      type Binary<T> = (a: T, b: T) => T;
      const ours = (receptive as unknown as Record<string, Binary<AnyTensor>>)[name];
      const theirs = (tf as unknown as Record<string, Binary<tf.Tensor>>)[name];
      close(
        evaluate(() => ours(toTensor(a), toTensor(b))),
        oracle(() => theirs(toTf(a), toTf(b))),
      );
    });

    it('where', () => {
      const condition = random.integers([5, 37], 0, 1);
      const expected = oracle(() => tf.where(toTf(condition, 'bool'), toTf(x), toTf(positive)));
      expectEqual(
        evaluate(() => receptive.where(toTensor(condition, 'bool') as never, toTensor(x), toTensor(positive))),
        expected,
      );
    });
  });

  describe('softmax and losses', () => {
    const logits = random.array([6, 10], 'float32', -4, 4);
    const labels = random.integers([6], 0, 9);

    it('softmax and logSoftmax', () => {
      close(
        evaluate(() => receptive.softmax(toTensor(logits), -1)),
        oracle(() => tf.softmax(toTf(logits))),
        10,
      );
      close(
        evaluate(() => receptive.logSoftmax(toTensor(logits), -1)),
        oracle(() => tf.logSoftmax(toTf(logits))),
        10,
      );
    });

    it('crossEntropy', () => {
      const expected = oracle(() => {
        const target = tf.oneHot(toTf(labels, 'int32') as tf.Tensor1D, 10);
        return tf.losses.softmaxCrossEntropy(target, toTf(logits));
      });
      close(
        evaluate(() => receptive.crossEntropy(toTensor(logits), toTensor(labels, 'int32') as never)),
        expected,
        60,
      );
    });

    it('mseLoss and binaryCrossEntropyWithLogits', () => {
      const t = random.integers([6, 10], 0, 1);
      const [squared, binary] = [
        oracle(() => tf.losses.meanSquaredError(toTf(t), toTf(logits))),
        oracle(() => tf.losses.sigmoidCrossEntropy(toTf(t), toTf(logits))),
      ];
      close(
        evaluate(() => receptive.mseLoss(toTensor(logits), toTensor(t))),
        squared,
        60,
      );
      close(
        evaluate(() => receptive.binaryCrossEntropyWithLogits(toTensor(logits), toTensor(t))),
        binary,
        60,
      );
    });

    it('oneHot', () => {
      const expected = oracle(() => tf.oneHot(toTf(labels, 'int32') as tf.Tensor1D, 10));
      expectEqual(
        evaluate(() => receptive.oneHot(toTensor(labels, 'int32') as never, 10)),
        expected,
      );
    });
  });

  describe('algebra, reductions and copies', () => {
    it('matmul, batched and transposed', () => {
      const [a, b] = [random.array([3, 7, 5], 'float32'), random.array([3, 6, 7], 'float32')];
      const expected = oracle(() => tf.matMul(toTf(a), toTf(b), true, true));
      const options = { transposeA: true, transposeB: true };
      close(
        evaluate(() => receptive.matmul(toTensor(a), toTensor(b), options)),
        expected,
        7,
        1,
      );
    });

    it.each(['sum', 'mean', 'max', 'min', 'argmax', 'argmin'] as const)('%s', (name) => {
      const x = random.array([4, 5, 6], 'float32');
      const theirs = { sum: tf.sum, mean: tf.mean, max: tf.max, min: tf.min, argmax: tf.argMax, argmin: tf.argMin }[
        name
      ];
      for (const axis of [0, 1, 2]) {
        const actual = evaluate(() => receptive[name](toTensor(x), { axis }) as AnyTensor);
        close(
          actual,
          oracle(() => theirs(toTf(x), axis)),
          6,
        );
      }
    });

    it('concat, stack, split, pad, transpose and slice', () => {
      const [x, y] = [random.array([2, 3, 4], 'float32'), random.array([2, 3, 4], 'float32')];
      const actual = evaluate(() => {
        const [a, b] = [toTensor(x), toTensor(y)];
        return {
          concat: receptive.concat([a, b], 1),
          stack: receptive.stack([a, b], 2),
          split: receptive.split(a, [1, 3], 2)[1],
          pad: receptive.pad(
            a,
            [
              [1, 0],
              [0, 2],
              [1, 1],
            ],
            3,
          ),
          permute: receptive.permute(a, [2, 0, 1]),
          slice: receptive.slice(a, [0, 1, 1], [2, 3, 3]),
        };
      });
      const [a, b] = [() => toTf(x), () => toTf(y)];
      expectEqual(
        actual.concat,
        oracle(() => tf.concat([a(), b()], 1)),
      );
      expectEqual(
        actual.stack,
        oracle(() => tf.stack([a(), b()], 2)),
      );
      expectEqual(
        actual.split,
        oracle(() => tf.split(a(), [1, 3], 2)[1]),
      );
      expectEqual(
        actual.pad,
        oracle(() =>
          tf.pad(
            a(),
            [
              [1, 0],
              [0, 2],
              [1, 1],
            ],
            3,
          ),
        ),
      );
      expectEqual(
        actual.permute,
        oracle(() => tf.transpose(a(), [2, 0, 1])),
      );
      expectEqual(
        actual.slice,
        oracle(() => tf.slice(a(), [0, 1, 1], [2, 2, 2])),
      );
    });
  });

  it('leaks nothing on the side of tfjs', () => {
    const before = tf.memory().numTensors;
    oracle(() => tf.add(1, 2));
    expect(tf.memory().numTensors).toBe(before);
  });
});

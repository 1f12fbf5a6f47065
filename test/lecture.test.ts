import {
  add,
  binaryCrossEntropy,
  conv2d,
  crossEntropy,
  full,
  grad,
  linear,
  matmul,
  maxPool2d,
  mul,
  ones,
  relu,
  sgdStep_,
  sigmoid,
  softmax,
  sumSquaredError,
  tanh,
  tensor,
  zeros,
} from 'receptive';
import { describe, expect, it } from 'vitest';
import { fill, type NdArray, ndarray } from './reference/ndarray';
import { expectClose, expectEqual } from './support/compare';
import { describeOnDevices } from './support/devices';
import { expectGradient } from './support/finiteDifferences';
import { Random } from './support/random';
import { type AnyTensor, evaluate, toTensor } from './support/tensors';

// The worked numbers of the lecture "Deep Learning and CNNs", each computed through the public API.

const to = (x: NdArray): AnyTensor => toTensor(x, 'float64');
const shapeOf = (body: () => AnyTensor): readonly number[] => evaluate(body).shape;
const product = (...factors: number[]): number => factors.reduce((a, b) => a * b, 1);

describeOnDevices('lecture', () => {
  describe('neuron and softmax', () => {
    it('f(s) = sigma(sum w_i s_i + w_0)', () => {
      const [s, w] = [ndarray([1, 3], [0.5, -1, 2]), ndarray([1, 3], [1, 2, 0.25])];
      const f = evaluate(() => sigmoid(linear(to(s), to(w), to(ndarray([1], [-0.5])))));
      // 0.5 - 2 + 0.5 - 0.5 = -1.5
      expectClose(f, ndarray([1, 1], [1 / (1 + Math.exp(1.5))]), { dtype: 'float64' });
    });

    it('softmax is positive, sums to 1, and a larger input has a larger probability', () => {
      const y = evaluate(() => softmax(to(ndarray([4], [2, -1, 3, 0])), 0));
      expect([...y.data].every((value) => value > 0)).toBe(true);
      expect(y.data.reduce((a, b) => a + b)).toBeCloseTo(1, 14);
      expect([...y.data.keys()].sort((i, j) => y.data[i] - y.data[j])).toEqual([1, 3, 0, 2]);
    });
  });

  describe('losses: dE/da = y - t for all three', () => {
    const a = new Random('lecture losses').array([2, 4], 'float64', -2, 2);

    it('sum of squares with identity outputs', () => {
      const t = ndarray([2, 4], [0, 1, 2, 3, -1, 0, 0.5, 1]);
      const { value, delta } = evaluate(() => ({
        value: sumSquaredError(to(a), to(t), { reduction: 'sum' }),
        delta: grad.sumSquaredError(to(ndarray([], [1])), to(a), to(t), { reduction: 'sum' }),
      }));
      const half = a.data.reduce((sum, y, i) => sum + 0.5 * (y - t.data[i]) ** 2, 0);
      expect(value.data[0]).toBeCloseTo(half, 12);
      expectClose(
        delta,
        ndarray(
          [2, 4],
          a.data.map((y, i) => y - t.data[i]),
        ),
        { dtype: 'float64' },
      );
    });

    it('binary cross-entropy with sigmoid outputs', () => {
      const t = ndarray([2, 4], [0, 1, 1, 0, 1, 1, 0, 0]);
      const { y, value, delta } = evaluate(() => {
        const output = sigmoid(to(a));
        const upstream = grad.binaryCrossEntropy(to(ndarray([], [1])), output, to(t), { reduction: 'sum' });
        return {
          y: output,
          value: binaryCrossEntropy(output, to(t), { reduction: 'sum' }),
          delta: grad.sigmoid(upstream, output),
        };
      });
      const expected = -y.data.reduce((sum, p, i) => sum + Math.log(t.data[i] === 1 ? p : 1 - p), 0);
      expect(value.data[0]).toBeCloseTo(expected, 12);
      expectClose(
        delta,
        ndarray(
          [2, 4],
          y.data.map((p, i) => p - t.data[i]),
        ),
        { dtype: 'float64', terms: 16 },
      );
    });

    it('multi-class cross-entropy with softmax outputs', () => {
      const labels = tensor(Int32Array.of(2, 0));
      const { y, value, delta } = evaluate(() => ({
        y: softmax(to(a), 1),
        value: crossEntropy(to(a), labels, { reduction: 'sum' }),
        delta: grad.crossEntropy(to(ndarray([], [1])), to(a), labels, { reduction: 'sum' }),
      }));
      labels.dispose();
      expect(value.data[0]).toBeCloseTo(-Math.log(y.data[2]) - Math.log(y.data[4]), 12);
      const t = [0, 0, 1, 0, 1, 0, 0, 0];
      expectClose(
        delta,
        ndarray(
          [2, 4],
          y.data.map((p, i) => p - t[i]),
        ),
        { dtype: 'float64' },
      );
    });
  });

  describe('backpropagation', () => {
    it('f = (x + y) z at x = -2, y = 5, z = -4', () => {
      const result = evaluate(() => {
        const [x, y, z] = [-2, 5, -4].map((value) => tensor(value));
        const q = add(x, y);
        const f = mul(q, z);
        const outer = grad.mul(tensor(1), q, z);
        const inner = grad.add(outer.a, x, y);
        return { q, f, dz: outer.b, dx: inner.a, dy: inner.b };
      });
      expect(Object.values(result).map(({ data }) => data[0])).toEqual([3, -12, 3, -4, -4]);
    });

    it("two layers: delta_j = h'(a_j) sum_k w_kj delta_k", () => {
      const random = new Random('lecture backpropagation');
      const [x, w1, b1] = [[3, 4], [5, 4], [5]].map((shape) => random.array(shape, 'float64'));
      const [w2, b2, t] = [[2, 5], [2], [3, 2]].map((shape) => random.array(shape, 'float64'));
      const loss = (first = w1, second = w2): number =>
        evaluate(() => {
          const z = tanh(linear(to(x), to(first), to(b1)));
          return sumSquaredError(linear(z, to(second), to(b2)), to(t), { reduction: 'sum' });
        }).data[0];
      const { dw1, dw2, deltaJ, expectedDeltaJ } = evaluate(() => {
        const z = tanh(linear(to(x), to(w1), to(b1)));
        const y = linear(z, to(w2), to(b2));
        const deltaK = grad.sumSquaredError(to(ndarray([], [1])), y, to(t), { reduction: 'sum' });
        const outer = grad.linear(deltaK, z, to(w2), { bias: true });
        const delta = grad.tanh(outer.input, z);
        const inner = grad.linear(delta, to(x), to(w1), { bias: true });
        const oneMinusSquare = add(mul(mul(z, z), -1), 1);
        return {
          dw1: inner.weight,
          dw2: outer.weight,
          deltaJ: delta,
          expectedDeltaJ: mul(oneMinusSquare, matmul(deltaK, to(w2))),
        };
      });
      expectClose(deltaJ, expectedDeltaJ, { dtype: 'float64', terms: 8 });
      expectGradient((probe) => loss(probe), w1, dw1);
      expectGradient((probe) => loss(w1, probe), w2, dw2);
    });

    it('gradient descent w <- w - eta grad E(w) lowers the error', () => {
      const errors = evaluate(() => {
        const x = tensor([
          [0, 1],
          [1, 0],
          [1, 1],
        ]);
        const t = tensor([[2], [-1], [1]]);
        const w = zeros([1, 2]);
        return Array.from({ length: 50 }, () => {
          const y = linear(x, w);
          const g = grad.sumSquaredError(tensor(1), y, t, { reduction: 'sum' });
          sgdStep_(w, grad.linear(g, x, w, { bias: false }).weight, { learningRate: 0.2 });
          return sumSquaredError(y, t, { reduction: 'sum' });
        });
      }).map(({ data }) => data[0]);
      for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeLessThanOrEqual(errors[i - 1]);
      expect(errors[0]).toBe(3);
      expect(errors.at(-1)).toBeLessThan(1e-6);
    });
  });

  describe('convolution', () => {
    const size = (input: number[], weight: number[], options = {}): readonly number[] =>
      shapeOf(() => conv2d(ones(input), ones(weight), options));

    it('7x7 with 3x3 gives 5x5, n - f + 1', () => {
      expect(size([1, 1, 7, 7], [1, 1, 3, 3])).toEqual([1, 1, 5, 5]);
      expect(size([1, 1, 9, 7], [1, 1, 3, 5])).toEqual([1, 1, 7, 3]);
    });

    it('keeps the size with p = (f - 1)/2, and gives floor((n + 2p - f)/s) + 1 with a stride', () => {
      for (const f of [1, 3, 5, 7]) {
        expect(size([1, 1, 9, 8], [1, 1, f, f], { padding: (f - 1) / 2 })).toEqual([1, 1, 9, 8]);
      }
      for (const [n, f, p, s] of [
        [7, 3, 0, 2],
        [7, 3, 1, 3],
        [32, 5, 2, 4],
        [10, 4, 1, 3],
      ]) {
        const expected = Math.floor((n + 2 * p - f) / s) + 1;
        expect(size([1, 1, n, n + 1], [1, 1, f, f], { padding: p, stride: s })[2]).toBe(expected);
      }
    });

    it('a 32x32x3 image with one 5x5x3 filter gives 28x28, with two 28x28x2', () => {
      expect(size([1, 3, 32, 32], [1, 3, 5, 5])).toEqual([1, 1, 28, 28]);
      expect(size([1, 3, 32, 32], [2, 3, 5, 5])).toEqual([1, 2, 28, 28]);
      // Every output is a 5*5*3 = 75-dimensional dot product.
      const { data } = evaluate(() => conv2d(ones([1, 3, 32, 32]), ones([1, 3, 5, 5])));
      expect(new Set(data)).toEqual(new Set([75]));
    });

    it('ten 5x5 filters with padding 2 have (5*5*3 + 1) * 10 = 760 parameters', () => {
      const counts = evaluate(() => {
        const [weight, bias] = [zeros([10, 3, 5, 5]), zeros([10])];
        const y = conv2d(zeros([1, 3, 32, 32]), weight, { bias, padding: 2 });
        return { shape: y.shape, parameters: weight.size + bias.size };
      });
      expect([...(counts.shape as number[])]).toEqual([1, 10, 32, 32]);
      expect(counts.parameters).toBe(760);
    });

    it('the receptive field of two 3x3 layers is 5x5, of three 7x7', () => {
      for (const [layers, field] of [
        [1, 3],
        [2, 5],
        [3, 7],
      ]) {
        const reached = evaluate(() => {
          const ones3x3 = toTensor(fill([1, 1, 3, 3], () => 1));
          const n = 11 - 2 * layers;
          const delta = new Float32Array(n * n);
          delta[Math.floor(n / 2) * n + Math.floor(n / 2)] = 1;
          let g = toTensor(ndarray([1, 1, n, n], delta));
          for (let extent = n + 2; extent <= 11; extent += 2) {
            g = grad.conv2dInput([1, 1, extent, extent], ones3x3, g);
          }
          return g;
        });
        expect(reached.data.filter((value) => value !== 0).length).toBe(field * field);
      }
    });
  });

  it('max pooling of 2x2 windows with stride 2, and ReLU', () => {
    const { pooled, rectified } = evaluate(() => {
      const x = tensor([1, 1, 2, 4, 5, 6, 7, 8, 3, 2, 1, 0, 1, 2, 3, 4], { shape: [1, 1, 4, 4] });
      return { pooled: maxPool2d(x, { kernelSize: 2, stride: 2 }), rectified: relu(tensor([-3, 0, 5])) };
    });
    expectEqual(pooled, ndarray([1, 1, 2, 2], [6, 8, 3, 4]));
    expectEqual(rectified, ndarray([3], [0, 0, 5]));
  });

  describe('AlexNet', () => {
    it('has 659,272 neurons and 60,954,656 weights in two columns', () => {
      // Two columns are two groups; the third layer sees both.
      const layers = [
        {
          weight: [96, 3, 11, 11],
          options: { stride: 4, padding: { top: 1, bottom: 2, left: 1, right: 2 } },
          pool: true,
        },
        { weight: [256, 48, 5, 5], options: { padding: 2, groups: 2 }, pool: true },
        { weight: [384, 256, 3, 3], options: { padding: 1 }, pool: false },
        { weight: [384, 192, 3, 3], options: { padding: 1, groups: 2 }, pool: false },
        { weight: [256, 192, 3, 3], options: { padding: 1, groups: 2 }, pool: true },
      ];
      const neurons: number[] = [];
      const weights: number[] = [];
      const features = evaluate(() => {
        let x: AnyTensor = full([1, 3, 224, 224], 1) as AnyTensor;
        for (const { weight, options, pool } of layers) {
          const y = conv2d(x, zeros(weight) as AnyTensor, options);
          neurons.push(y.size);
          weights.push(product(...weight));
          x = pool ? maxPool2d(y, { kernelSize: 3, stride: 2 }) : y;
        }
        return x.shape;
      }) as unknown as number[];
      expect([...features]).toEqual([1, 256, 6, 6]);
      neurons.push(4096, 4096, 1000);
      weights.push(product(6, 6, 256, 4096), product(4096, 4096), product(4096, 1000));
      expect(neurons).toEqual([290400, 186624, 64896, 64896, 43264, 4096, 4096, 1000]);
      expect(weights).toEqual([34848, 307200, 884736, 663552, 442368, 37748736, 16777216, 4096000]);
      const sum = (values: number[]): number => values.reduce((a, b) => a + b);
      expect([sum(neurons), sum(weights)]).toEqual([659272, 60954656]);
    });
  });
});

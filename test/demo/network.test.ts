import { cast, crossEntropy, grad, manualSeed, ones, randn, type Tensor, tensor, tidy } from 'receptive';
import { describe, expect, it } from 'vitest';
import {
  backward,
  disposeParameters,
  forward,
  initialParameters,
  mapParameters,
  PARAMETER_NAMES,
  PARAMETER_SHAPES,
  type Parameters,
} from '../../examples/lib/network.mjs';

const size = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

describe('the network of the example', () => {
  it('has the parameters that its layers say', () => {
    // 16 (25 + 1) + 64 (16 * 25 + 1) + 128 (1600 + 1) + 84 (128 + 1) + 10 (84 + 1)
    const total = Object.values(PARAMETER_SHAPES).reduce((sum, shape) => sum + size(shape), 0);
    expect(total).toBe(416 + 25_664 + 204_928 + 10_836 + 850);
  });

  it('starts with weights of variance 2 / fan-in, the same for the same seed', async () => {
    const parameters = initialParameters(3);
    const again = initialParameters(3);
    const other = initialParameters(4);
    const values = await parameters['fc1.weight'].data();
    expect(await again['fc1.weight'].data()).toEqual(values);
    expect(await other['fc1.weight'].data()).not.toEqual(values);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    // 204,800 draws: the relative standard deviation of the variance is sqrt(2 / 204800) = 0.0031.
    expect(variance / (2 / 1600)).toBeGreaterThan(1 - 5 * 0.0031);
    expect(variance / (2 / 1600)).toBeLessThan(1 + 5 * 0.0031);
    expect([...(await parameters['conv1.bias'].data())]).toEqual(new Array(16).fill(0));
    for (const each of [parameters, again, other]) disposeParameters(each);
  });

  it('computes the gradients that finite differences of its loss give, for every parameter', async () => {
    const count = 2;
    const labels = Int32Array.from([3, 8]);
    // In float64: a difference of 1e-6 in a weight is far above rounding, and rarely crosses a kink.
    const start = initialParameters(11);
    const values = new Map<string, Float64Array>();
    for (const name of PARAMETER_NAMES) values.set(name, Float64Array.from(await start[name].data()));
    disposeParameters(start);
    manualSeed(5);
    const images = tidy(() => cast(randn([count, 1, 28, 28]), 'float64'));
    const pixels = await images.data();
    images.dispose();

    // The example's types say float32; its code is the same for both.
    const wide = (data: ArrayLike<number>, shape: readonly number[]) =>
      tensor(Float64Array.from(data), { shape }) as unknown as Tensor;
    const makeParameters = (): Parameters =>
      mapParameters((name, shape) => wide(values.get(name) as Float64Array, shape));
    const lossOf = (): number =>
      tidy(() => {
        const targets = tensor(labels);
        const { logits } = forward(makeParameters(), wide(pixels, [count, 1, 28, 28]));
        return crossEntropy(logits, targets).dataSync()[0];
      });

    const gradients = tidy(() => {
      const targets = tensor(labels);
      const parameters = makeParameters();
      const saved = forward(parameters, wide(pixels, [count, 1, 28, 28]));
      const one = ones([], { dtype: 'float64' }) as unknown as Tensor;
      return backward(parameters, saved, grad.crossEntropy(one, saved.logits, targets));
    });
    const step = 1e-6;
    for (const name of PARAMETER_NAMES) {
      const analytic = await gradients[name].data();
      expect(gradients[name].shape).toEqual(PARAMETER_SHAPES[name]);
      const parameter = values.get(name) as Float64Array;
      // Where the gradient is largest, and three places spread over the parameter.
      const largest = analytic.reduce((best, value, at) => (Math.abs(value) > Math.abs(analytic[best]) ? at : best), 0);
      const places = new Set([largest, 0, Math.floor(parameter.length / 3), parameter.length - 1]);
      expect(Math.abs(analytic[largest]), name).toBeGreaterThan(1e-4);
      for (const at of places) {
        const kept = parameter[at];
        parameter[at] = kept + step;
        const above = lossOf();
        parameter[at] = kept - step;
        const below = lossOf();
        parameter[at] = kept;
        // Rounding: 1e-16 / 1e-6; truncation: 1e-12 times the third derivative.
        expect(Math.abs(analytic[at] - (above - below) / (2 * step)), `${name}[${at}]`).toBeLessThan(
          1e-7 + 1e-5 * Math.abs(analytic[at]),
        );
      }
    }
    disposeParameters(gradients);
  });
});

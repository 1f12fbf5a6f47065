import { matmul, memoryStats, mul, randn, tidy } from 'receptive';
import { clipGradNorm, clipGradValue } from 'receptive/optim';
import { describe, expect, it } from 'vitest';
import { type NdArray, ndarray, total } from '../reference/ndarray';
import { expectClose, expectSame } from '../support/compare';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { isEmulated } from '../support/emulation';
import { expectThrows } from '../support/errors';
import { type FloatDType, Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const shapes = [[3, 5], [], [70_001], [0, 2]];

/** A parameter like the gradient, which it has. */
function withGradient(gradient: NdArray | null, dtype: FloatDType = 'float32'): AnyTensor {
  const parameter = toTensor(ndarray(gradient?.shape ?? [2]), dtype) as AnyTensor;
  parameter.grad = gradient && toTensor(gradient, dtype);
  return parameter;
}

const gradientOf = ({ grad }: AnyTensor): AnyTensor => {
  if (grad === null) throw new Error('the parameter has no gradient');
  return grad;
};

const norm = (gradients: NdArray[]): number =>
  Math.sqrt(total(gradients.flatMap(({ data }) => [...data].map((v) => v * v))));

describeOnDevices('clipping', (device) => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each([0, 0.5, 1e6, Number.POSITIVE_INFINITY])('clipGradNorm to %d', (maxNorm) => {
      const random = new Random('clip');
      const gradients = shapes.map((shape) => random.array(shape, dtype));
      const actual = evaluate(() => {
        const parameters = [...gradients.map((g) => withGradient(g, dtype)), withGradient(null, dtype)];
        const result = clipGradNorm(new Set(parameters), maxNorm);
        expect(parameters.at(-1)?.grad).toBeNull();
        return { result, gradients: parameters.slice(0, -1).map(gradientOf) };
      });
      const before = norm(gradients);
      expectClose(actual.result, ndarray([], [before]), { dtype, terms: 64 });
      expect(actual.result.dtype).toBe(dtype);
      const factor = Math.min(1, maxNorm / (before + 1e-6));
      for (const [i, g] of gradients.entries()) {
        const expected = ndarray(
          g.shape,
          g.data.map((v) => v * factor),
        );
        if (factor === 1) expectSame(actual.gradients[i], g);
        else expectClose(actual.gradients[i], expected, { dtype, terms: 64, scale: factor });
      }
    });

    it('clipGradValue', () => {
      const values = [-3, -0.5, -0, 0, 0.25, 0.5, 7, Number.NaN, Infinity, -Infinity];
      const actual = evaluate(() => {
        const parameter = withGradient(ndarray([10], values), dtype);
        clipGradValue([parameter, withGradient(null)], 0.5);
        return gradientOf(parameter);
      });
      const expected = [-0.5, -0.5, -0, 0, 0.25, 0.5, 0.5, Number.NaN, 0.5, -0.5];
      expectSame(actual, ndarray([10], expected));
    });
  });

  it('has a norm of 0 where there are no gradients or no elements', () => {
    const actual = evaluate(() => [
      clipGradNorm([withGradient(null, 'float64')], 1),
      clipGradNorm([withGradient(ndarray([0]))], 1),
    ]);
    for (const result of actual) expectSame(result, ndarray([]));
    expect(actual.map(({ dtype }) => dtype)).toEqual(['float64', 'float32']);
  });

  it.each([
    [[1, Number.NaN], [5], Number.NaN, [Number.NaN, Number.NaN], [Number.NaN]],
    [[1, Infinity], [5], Infinity, [0, Number.NaN], [0]],
  ])('shows a norm that is not finite: %j', (a, b, expectedNorm, left, right) => {
    const actual = evaluate(() => {
      const parameters = [withGradient(ndarray([2], a)), withGradient(ndarray([1], b))];
      return { result: clipGradNorm(parameters, 1), gradients: parameters.map(gradientOf) };
    });
    expectSame(actual.result, ndarray([], [expectedNorm]));
    expectSame(actual.gradients[0], ndarray([2], left));
    expectSame(actual.gradients[1], ndarray([1], right));
  });

  it('counts a gradient that several parameters share once', () => {
    const actual = evaluate(() => {
      const [a, b] = [withGradient(ndarray([2], [3, 4])), withGradient(null)];
      b.grad = a.grad;
      return { result: clipGradNorm([a, b], 2.5), gradient: gradientOf(a) };
    });
    expectSame(actual.result, ndarray([], [5]));
    expectClose(actual.gradient, ndarray([2], [1.5, 2]), { dtype: 'float32' });
  });

  it('leaves nothing behind but the norm', () => {
    tidy(() => {
      const parameters = [withGradient(ndarray([2], [3, 4])), withGradient(ndarray([3]))];
      const held = memoryStats().tensors;
      clipGradNorm(parameters, 1);
      expect(memoryStats().tensors).toBe(held + 1);
    });
  });

  it.skipIf(isEmulated(device))('does not wait for the gradients', async () => {
    const start = performance.now();
    const { norm: result, gradient } = tidy(() => {
      const parameter = withGradient(ndarray([1024, 1024]));
      parameter.grad?.dispose();
      // Much work for the device, at the end of which there is a gradient.
      let product = mul(randn([1024, 1024]), 1 / 32) as AnyTensor;
      for (let i = 0; i < 8; i++) product = matmul(product, product);
      parameter.grad = product;
      return { norm: clipGradNorm([parameter], 1), gradient: product };
    });
    const called = performance.now() - start;
    await gradient.data();
    expect(called).toBeLessThan((performance.now() - start) / 2);
    result.dispose();
    gradient.dispose();
  });

  it('refuses wrong arguments', () => {
    const clip = (parameters: unknown, value: unknown) => () =>
      evaluate(() => clipGradNorm(parameters as AnyTensor[], value as number));
    const limit = (parameters: unknown, value: unknown) => () =>
      evaluate(() => clipGradValue(parameters as AnyTensor[], value as number));
    tidy(() => {
      const parameter = withGradient(ndarray([2]));
      for (const wrong of [undefined, '1', Number.NaN, -1]) {
        expectThrows(clip([parameter], wrong), 'ArgumentError', /^clipGradNorm: maxNorm/);
        expectThrows(limit([parameter], wrong), 'ArgumentError', /^clipGradValue: limit/);
      }
      expectThrows(limit([parameter], Infinity), 'ArgumentError', /^clipGradValue: limit/);
      expectThrows(clip([], 1), 'ArgumentError', /^clipGradNorm: parameters/);
      for (const wrong of [undefined, null, parameter, 3]) {
        expectThrows(clip(wrong, 1), 'ArgumentError', /^clipGradNorm: parameters/);
        expectThrows(limit(wrong, 1), 'ArgumentError', /^clipGradValue: parameters/);
      }
      expectThrows(clip([parameter, 3], 1), 'ArgumentError', /^clipGradNorm: parameters\[1\]/);
      expectThrows(clip([parameter, withGradient(ndarray([1]), 'float64')], 1), 'DTypeError', /^clipGradNorm: /);
      gradientOf(parameter).dispose();
      expectThrows(clip([parameter], 1), 'DisposedError', /^clipGradNorm: the gradient of parameters\[0\]/);
      expectThrows(limit([parameter], 1), 'DisposedError', /^clipGradValue: the gradient of parameters\[0\]/);
      parameter.dispose();
      expectThrows(clip([parameter], 1), 'DisposedError', /^clipGradNorm: parameters\[0\]/);
    });
  });
});

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { crossEntropy, mul, scale_, synchronize, type Tensor, tensor, tidy } from 'receptive';
import { describe, expect, it } from 'vitest';
import { ndarray } from '../reference/ndarray';
import { packageRoot } from '../support/child';
import { expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectError, expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

// Internal: the tape adds up gradients with it.
const { accumulate_ } = createRequire(import.meta.url)(join(packageRoot, 'dist/ops/optim.js')) as {
  accumulate_(target: AnyTensor, term: AnyTensor): void;
};

const special = [0, -0, 1, -2.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const rounded = (values: number[], dtype: string): number[] => (dtype === 'float32' ? values.map(Math.fround) : values);
const t = (...shape: number[]): AnyTensor => toTensor(ndarray(shape));

describeOnDevices('in place', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each([3, 0.1, -0, 1e-30, Number.NaN, Number.POSITIVE_INFINITY])('scale_ by the number %d', (factor) => {
      const x = new Random('scale').array([5, 67], dtype);
      const values = [...x.data, ...special];
      const scale = rounded([factor], dtype)[0];
      const actual = evaluate(() => {
        const given = toTensor(ndarray([values.length], values), dtype);
        const same = toTensor(ndarray([values.length], values), dtype);
        scale_(given, factor);
        scale_(same, toTensor(ndarray([], [factor]), dtype));
        return [given, same];
      });
      const expected = ndarray(
        [values.length],
        rounded(
          values.map((v) => v * scale),
          dtype,
        ),
      );
      for (const result of actual) expectSame(result, expected);
    });

    it('accumulate_ adds, itself too', () => {
      const random = new Random('accumulate');
      const [a, b] = [0, 1].map(() => [...random.array([3, 67], dtype).data]);
      const size = a.length + special.length ** 2;
      const left = ndarray([size], [...a, ...special.flatMap((v) => special.map(() => v))]);
      const right = ndarray([size], [...b, ...special.flatMap(() => special)]);
      const actual = evaluate(() => {
        const target = toTensor(left, dtype);
        accumulate_(target, toTensor(right, dtype));
        const twice = toTensor(left, dtype);
        accumulate_(twice, twice.reshape([size]));
        return { target, twice };
      });
      const sums = Array.from(left.data, (v, i) => v + right.data[i]);
      expectSame(actual.target, ndarray([size], rounded(sums, dtype)));
      expectSame(
        actual.twice,
        ndarray(
          [size],
          rounded(
            [...left.data].map((v) => 2 * v),
            dtype,
          ),
        ),
      );
    });
  });

  it('are seen by views, and take empty tensors and scalars', () => {
    const actual = evaluate(() => {
      const whole = toTensor(ndarray([2, 2], [1, 2, 3, 4]));
      scale_(whole.slice(1, 2), 10);
      scale_(whole.slice(0, 1), toTensor(ndarray([], [-1])));
      accumulate_(whole.slice(0, 1), toTensor(ndarray([1, 2], [0.5, 0.5])));
      const scalar = toTensor(ndarray([], [3]));
      scale_(scalar, toTensor(ndarray([], [3])));
      const empty = t(0, 2);
      scale_(empty, 2);
      scale_(empty, toTensor(ndarray([], [3])));
      accumulate_(empty, t(0, 2));
      return { whole, scalar, empty };
    });
    expectSame(actual.whole, ndarray([2, 2], [-0.5, -1.5, 30, 40]));
    expectSame(actual.scalar, ndarray([], [9]));
    expect(actual.empty.shape).toEqual([0, 2]);
  });

  it('scale_ takes its factor as of the call', () => {
    const actual = evaluate(() => {
      const x = toTensor(ndarray([70_000], new Float64Array(70_000).fill(1)));
      const factor = mul(toTensor(ndarray([], [3])), 2) as AnyTensor;
      scale_(x, factor);
      scale_(factor, 100);
      return { x, factor };
    });
    expect(actual.x.data.every((v) => v === 6)).toBe(true);
    expect([...actual.factor.data]).toEqual([600]);
  });

  it('scale_ by a factor that failed poisons the tensor', async () => {
    const x = tidy(() => {
      const target = tensor([1, 2]);
      const label = tensor(new Int32Array([7]));
      scale_(target, crossEntropy(tensor([[1, 2]]), label) as Tensor);
      return target;
    });
    await x.data().then(
      () => expect.fail('the factor failed'),
      (error) => expectError(error, 'IndexError', /crossEntropy/),
    );
    x.dispose();
    await synchronize();
  });

  it('refuse factors that are no scalars, other shapes and shared memory', () => {
    const cases: [() => void, 'ShapeError' | 'ArgumentError' | 'DTypeError', RegExp][] = [
      [() => scale_(t(2), t(1)), 'ShapeError', /^scale_: factor .*\[\].*\[1\]/],
      [() => scale_(t(2), '2' as never), 'ArgumentError', /^scale_: factor/],
      [() => scale_(t(2), toTensor(ndarray([]), 'float64') as AnyTensor), 'DTypeError', /^scale_: /],
      [
        () => {
          const x = t(3);
          scale_(x, x.slice(1, 2).reshape([]));
        },
        'ArgumentError',
        /^scale_: tensor and factor share memory/,
      ],
      [() => accumulate_(t(2), t(1)), 'ShapeError', /^accumulate_: term/],
      [() => accumulate_(t(2), toTensor(ndarray([2]), 'float64') as AnyTensor), 'DTypeError', /^accumulate_: /],
      [
        () => {
          const x = t(3);
          accumulate_(x.slice(0, 2), x.slice(1, 3));
        },
        'ArgumentError',
        /^accumulate_: target and term share memory/,
      ],
    ];
    for (const [call, error, message] of cases) expectThrows(() => evaluate(call), error, message);
  });

  describeContract('scale_', { tensor: { shape: [3] }, factor: { shape: [], acceptsNumbers: true } }, (a) =>
    scale_(a.tensor, a.factor),
  );
  describeContract('accumulate_', { target: { shape: [3] }, term: { shape: [3] } }, (a) =>
    accumulate_(a.target, a.term),
  );
});

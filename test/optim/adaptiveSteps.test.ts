import { adamStep_, rmspropStep_ } from 'receptive';
import { describe, expect, it } from 'vitest';
import { type NdArray, ndarray } from '../reference/ndarray';
import { type AdamOptions, adamStep, type RmspropOptions, rmspropStep } from '../reference/optim';
import { expectClose, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { type FloatDType, Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const t = (...extents: number[]): AnyTensor => toTensor(ndarray(extents));
const vector = (...values: number[]): AnyTensor => toTensor(ndarray([values.length], values));
const shape = [3, 67];
const steps = 12;

/** A start and a gradient for each step; the gradients' magnitudes differ from element to element. */
function course(label: string, dtype: FloatDType): { start: NdArray; gradients: NdArray[] } {
  const random = new Random(label);
  const start = random.array(shape, dtype);
  const gradients = Array.from({ length: steps }, () => {
    const { data } = random.array(shape, dtype);
    return ndarray(
      shape,
      data.map((g, i) => (dtype === 'float32' ? Math.fround(g * 10 ** (i % 5)) : g * 10 ** (i % 5))),
    );
  });
  return { start, gradients };
}

const adamSettings: [string, AdamOptions][] = [
  ['defaults', { learningRate: 0.1 }],
  ['other shares', { learningRate: 0.01, beta1: 0.3, beta2: 0.7, epsilon: 0.1 }],
  ['no memory', { learningRate: 0.01, beta1: 0, beta2: 0 }],
  ['weight decay', { learningRate: 0.1, weightDecay: 0.5 }],
  ['decoupled weight decay', { learningRate: 0.1, weightDecay: 0.5, decoupled: true }],
];

const rmspropSettings: [string, RmspropOptions][] = [
  ['defaults', { learningRate: 0.01 }],
  ['another share', { learningRate: 0.01, alpha: 0.4, epsilon: 0.1 }],
  ['weight decay', { learningRate: 0.01, weightDecay: 0.5 }],
  ['momentum', { learningRate: 0.01, momentum: 0.9 }],
  ['centered', { learningRate: 0.01, centered: true, alpha: 0.9 }],
  ['all of them', { learningRate: 0.01, centered: true, alpha: 0.3, momentum: 0.8, weightDecay: 0.1, epsilon: 1e-3 }],
];

describeOnDevices('steps that adapt', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(adamSettings)('adamStep_ follows the reference over many steps: %s', (name, options) => {
      const { start, gradients } = course(`adam ${name}`, dtype);
      const p = start.data.slice();
      const [first, second] = [new Float64Array(p.length), new Float64Array(p.length)];
      for (const [i, g] of gradients.entries()) adamStep(p, g.data, { first, second }, i + 1, options);
      const actual = evaluate(() => {
        const parameter = toTensor(start, dtype);
        const state = { firstMoment: toTensor(ndarray(shape), dtype), secondMoment: toTensor(ndarray(shape), dtype) };
        for (const [i, g] of gradients.entries()) {
          adamStep_(parameter, toTensor(g, dtype), { ...options, ...state, step: i + 1 });
        }
        return { parameter, ...state };
      });
      const terms = 4 * steps;
      expectClose(actual.parameter, ndarray(shape, p), { dtype, terms, what: 'parameter' });
      expectClose(actual.firstMoment, ndarray(shape, first), { dtype, terms, what: 'first moment' });
      expectClose(actual.secondMoment, ndarray(shape, second), { dtype, terms, what: 'second moment' });
    });

    it.each(rmspropSettings)('rmspropStep_ follows the reference over many steps: %s', (name, options) => {
      const { start, gradients } = course(`rmsprop ${name}`, dtype);
      const p = start.data.slice();
      const [square, average, buffer] = [0, 1, 2].map(() => new Float64Array(p.length));
      for (const g of gradients) rmspropStep(p, g.data, { square, average, buffer }, options);
      const actual = evaluate(() => {
        const parameter = toTensor(start, dtype);
        const state = {
          squareAverage: toTensor(ndarray(shape), dtype),
          ...(options.centered && { gradientAverage: toTensor(ndarray(shape), dtype) }),
          ...(options.momentum && { momentumBuffer: toTensor(ndarray(shape), dtype) }),
        };
        for (const g of gradients) rmspropStep_(parameter, toTensor(g, dtype), { ...options, ...state });
        return { parameter, ...state };
      });
      const terms = 4 * steps;
      // A difference of squares loses the digits that both share; how many depends on where multiply and add are fused.
      const scale = options.centered ? 64 : undefined;
      expectClose(actual.parameter, ndarray(shape, p), { dtype, terms, scale, what: 'parameter' });
      expectClose(actual.squareAverage, ndarray(shape, square), { dtype, terms, what: 'square average' });
      if (actual.gradientAverage) {
        expectClose(actual.gradientAverage, ndarray(shape, average), { dtype, terms, what: 'gradient average' });
      }
      if (actual.momentumBuffer) {
        expectClose(actual.momentumBuffer, ndarray(shape, buffer), { dtype, terms, scale, what: 'momentum buffer' });
      }
    });
  });

  it('the first step of Adam is the learning rate against the sign, whatever the gradient', () => {
    const actual = evaluate(() => {
      const parameter = vector(1, 1, 1, 1);
      const state = { firstMoment: t(4), secondMoment: t(4) };
      adamStep_(parameter, vector(1e-3, -1e3, 2 ** 40, -3), { learningRate: 0.25, epsilon: 0, ...state, step: 1 });
      return parameter;
    });
    expectClose(actual, ndarray([4], [0.75, 1.25, 0.75, 1.25]), { dtype: 'float32' });
  });

  it('write in place, seen by views, and take empty parameters', () => {
    const actual = evaluate(() => {
      const whole = vector(1, 2, 3, 4);
      const half = whole.slice(2);
      adamStep_(half, vector(1, 1), { learningRate: 1, firstMoment: t(2), secondMoment: t(2), step: 1, epsilon: 0 });
      rmspropStep_(whole.slice(0, 1), vector(3), { learningRate: 1, alpha: 0, epsilon: 0, squareAverage: t(1) });
      adamStep_(t(0), t(0), { learningRate: 1, firstMoment: t(0), secondMoment: t(0), step: 1 });
      rmspropStep_(t(0, 3), t(0, 3), { learningRate: 1, squareAverage: t(0, 3) });
      return whole;
    });
    expectClose(actual, ndarray([4], [0, 2, 2, 3]), { dtype: 'float32' });
  });

  it('keep NaN and infinities of a gradient to their element', () => {
    const actual = evaluate(() => {
      const [a, b] = [vector(1, 2, 3), vector(1, 2, 3)];
      const gradient = (): AnyTensor => vector(0, Number.NaN, Number.POSITIVE_INFINITY);
      adamStep_(a, gradient(), { learningRate: 1, firstMoment: t(3), secondMoment: t(3), step: 1 });
      rmspropStep_(b, gradient(), { learningRate: 1, squareAverage: t(3) });
      return [a, b];
    });
    for (const parameter of actual) expectSame(parameter, ndarray([3], [1, Number.NaN, Number.NaN]));
  });

  it('without weight decay leave an infinite parameter infinite', () => {
    const actual = evaluate(() => {
      const [a, b] = [vector(Number.NEGATIVE_INFINITY, -0), vector(Number.NEGATIVE_INFINITY, -0)];
      adamStep_(a, t(2), { learningRate: 1, firstMoment: t(2), secondMoment: t(2), step: 1 });
      rmspropStep_(b, t(2), { learningRate: 1, squareAverage: t(2) });
      return [a, b];
    });
    for (const parameter of actual) expectSame(parameter, ndarray([2], [Number.NEGATIVE_INFINITY, -0]));
  });

  it.each(floatDTypes)('centered RMSprop stays finite where the variance vanishes, %s', (dtype) => {
    const values = new Random('constant gradients').array([257], dtype);
    const actual = evaluate(() => {
      const parameter = toTensor(ndarray([257]), dtype);
      const gradient = toTensor(values, dtype);
      const state = {
        squareAverage: toTensor(ndarray([257]), dtype),
        gradientAverage: toTensor(ndarray([257]), dtype),
      };
      for (let i = 0; i < 400; i++) {
        rmspropStep_(parameter, gradient, { learningRate: 1e-9, alpha: 0.5, centered: true, ...state });
      }
      return parameter;
    });
    expect(actual.data.every(Number.isFinite)).toBe(true);
  });

  describe('wrong input', () => {
    it.each([
      ['no options', undefined, /learningRate|options/],
      ['no learning rate', { learningRate: undefined }, /learningRate/],
      ['a negative learning rate', { learningRate: -1 }, /learningRate .*-1/],
      ['beta1 of 1', { beta1: 1 }, /beta1 .*below 1/],
      ['a negative beta2', { beta2: -0.1 }, /beta2/],
      ['an infinite epsilon', { epsilon: Infinity }, /epsilon/],
      ['a weight decay that is no number', { weightDecay: '1' }, /weightDecay/],
      ['decoupled that is no flag', { decoupled: 1 }, /decoupled/],
      ['no step', { step: undefined }, /step/],
      ['step 0', { step: 0 }, /step .*>= 1/],
      ['step 1.5', { step: 1.5 }, /step/],
      ['an unknown option', { amsgrad: true }, /amsgrad/],
    ])('adamStep_: %s', (_, wrong, message) => {
      const call = (): unknown =>
        evaluate(() => {
          const state = { firstMoment: t(2), secondMoment: t(2) };
          const options = wrong && { learningRate: 1, ...state, step: 1, ...wrong };
          return adamStep_(t(2), t(2), options as unknown as Parameters<typeof adamStep_>[2]);
        });
      expectThrows(call, 'ArgumentError', /^adamStep_: /, message);
    });

    it.each([
      ['no options', undefined, /learningRate|options/],
      ['no learning rate', { learningRate: undefined }, /learningRate/],
      ['alpha above 1', { alpha: 1.5 }, /alpha/],
      ['a negative epsilon', { epsilon: -1 }, /epsilon/],
      ['a negative momentum', { momentum: -1 }, /momentum/],
      ['a weight decay of NaN', { weightDecay: Number.NaN }, /weightDecay/],
      ['centered that is no flag', { centered: 1 }, /centered/],
      ['a momentum without buffer', { momentum: 0.5 }, /momentumBuffer/],
      ['centered without average', { centered: true }, /gradientAverage/],
      ['an unknown option', { decay: 1 }, /decay/],
    ])('rmspropStep_: %s', (_, wrong, message) => {
      const call = (): unknown =>
        evaluate(() => {
          const options = wrong && { learningRate: 1, squareAverage: t(2), ...wrong };
          return rmspropStep_(t(2), t(2), options as Parameters<typeof rmspropStep_>[2]);
        });
      expectThrows(call, 'ArgumentError', /^rmspropStep_: /, message);
    });

    it('state that nothing needs', () => {
      const call = (state: object) => () =>
        evaluate(() => rmspropStep_(t(2), t(2), { learningRate: 1, squareAverage: t(2), ...state }));
      expectThrows(call({ momentumBuffer: null }), 'ArgumentError', /rmspropStep_: momentumBuffer/);
      expectThrows(call({ gradientAverage: null }), 'ArgumentError', /rmspropStep_: gradientAverage/);
    });

    it('shapes that differ and operands that share memory', () => {
      const adam = (p: AnyTensor, g: AnyTensor, m: AnyTensor, v: AnyTensor): void =>
        adamStep_(p, g, { learningRate: 1, firstMoment: m, secondMoment: v, step: 1 });
      const cases: [() => void, 'ShapeError' | 'ArgumentError', RegExp][] = [
        [() => adam(t(2), t(3), t(2), t(2)), 'ShapeError', /gradient .*\[2\].*\[3\]/],
        [() => adam(t(2), t(2), t(1), t(2)), 'ShapeError', /firstMoment/],
        [() => adam(t(2), t(2), t(2), t(2, 1)), 'ShapeError', /secondMoment/],
        [
          () => {
            const both = t(3);
            adam(both.slice(0, 2), t(2), both.slice(1), t(2));
          },
          'ArgumentError',
          /parameter and firstMoment share memory/,
        ],
        [
          () => {
            const moment = t(2);
            adam(t(2), t(2), moment, moment);
          },
          'ArgumentError',
          /firstMoment and secondMoment share memory/,
        ],
        [
          () => {
            const gradient = t(2);
            rmspropStep_(t(2), gradient, { learningRate: 1, squareAverage: gradient });
          },
          'ArgumentError',
          /gradient and squareAverage share memory/,
        ],
      ];
      for (const [call, error, message] of cases) expectThrows(() => evaluate(call), error, message);
    });
  });

  const one = { shape: [3] };
  describeContract(
    'adamStep_',
    { parameter: one, gradient: one, firstMoment: one, secondMoment: one },
    ({ parameter, gradient, ...state }) =>
      adamStep_(parameter, gradient, { learningRate: 1, step: 1, ...state } as never),
  );
  describeContract(
    'rmspropStep_',
    { parameter: one, gradient: one, squareAverage: one, gradientAverage: one, momentumBuffer: one },
    ({ parameter, gradient, ...state }) =>
      rmspropStep_(parameter, gradient, { learningRate: 1, momentum: 1, centered: true, ...state } as never),
  );
});

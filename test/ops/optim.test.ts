import { sgdStep_ } from 'receptive';
import { describe, expect, it } from 'vitest';
import { ndarray } from '../reference/ndarray';
import { type SgdOptions, sgdStep } from '../reference/optim';
import { expectClose, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const settings: [string, SgdOptions][] = [
  ['plain', { learningRate: 0.1 }],
  ['weight decay', { learningRate: 0.1, weightDecay: 0.01 }],
  ['momentum', { learningRate: 0.1, momentum: 0.9 }],
  ['momentum and weight decay', { learningRate: 0.05, momentum: 0.5, weightDecay: 0.1 }],
  ['dampening', { learningRate: 0.1, momentum: 0.9, dampening: 0.3 }],
  ['full dampening', { learningRate: 0.1, momentum: 0.9, dampening: 1, weightDecay: 0.1 }],
  ['Nesterov', { learningRate: 0.1, momentum: 0.9, nesterov: true }],
  ['all of them', { learningRate: 0.2, momentum: 0.8, nesterov: true, weightDecay: 0.05 }],
];

describeOnDevices('optim', () => {
  describe.each(floatDTypes)('sgdStep_, %s', (dtype) => {
    it.each(settings)('follows the reference over several steps: %s', (name, options) => {
      const random = new Random(name);
      const start = random.array([3, 67], dtype);
      const gradients = [0, 1, 2, 3].map(() => random.array([3, 67], dtype));
      const [p, v] = [start.data.slice(), options.momentum === undefined ? null : new Float64Array(start.data.length)];
      for (const g of gradients) sgdStep(p, g.data, v, options);
      const actual = evaluate(() => {
        const parameter = toTensor(start, dtype);
        const velocity = v && toTensor(ndarray(start.shape), dtype);
        for (const g of gradients)
          sgdStep_(parameter, toTensor(g, dtype), { ...options, ...(velocity && { velocity }) });
        return { parameter, velocity };
      });
      expectClose(actual.parameter, ndarray(start.shape, p), { dtype, terms: 16 });
      if (v !== null && actual.velocity) expectClose(actual.velocity, ndarray(start.shape, v), { dtype, terms: 16 });
    });
  });

  it('changes the parameter in place, seen by its views', () => {
    const { view } = evaluate(() => {
      const parameter = toTensor(ndarray([2, 2], [1, 2, 3, 4]));
      const row = parameter.slice(1, 2);
      sgdStep_(parameter, toTensor(ndarray([2, 2], [1, 1, 1, 1])), { learningRate: 1 });
      return { view: row };
    });
    expectSame(view, ndarray([1, 2], [2, 3]));
  });

  it('changes nothing with learning rate 0, and takes empty parameters', () => {
    const actual = evaluate(() => {
      const parameter = toTensor(ndarray([2], [1, 2]));
      sgdStep_(parameter, toTensor(ndarray([2], [5, 5])), { learningRate: 0 });
      const empty = toTensor(ndarray([0]));
      sgdStep_(empty, toTensor(ndarray([0])), { learningRate: 1 });
      return { parameter, empty };
    });
    expectSame(actual.parameter, ndarray([2], [1, 2]));
    expect(actual.empty.shape).toEqual([0]);
  });

  it('propagates NaN of a gradient to its parameter only', () => {
    const actual = evaluate(() => {
      const parameter = toTensor(ndarray([3], [1, 2, 3]));
      sgdStep_(parameter, toTensor(ndarray([3], [0, Number.NaN, 0])), { learningRate: 1 });
      return parameter;
    });
    expectSame(actual, ndarray([3], [1, Number.NaN, 3]));
  });

  describe('wrong input', () => {
    const t = (...shape: number[]): AnyTensor => toTensor(ndarray(shape));
    it.each([
      ['no options', undefined, /learningRate|options/],
      ['no learning rate', {}, /learningRate/],
      ['a learning rate of NaN', { learningRate: Number.NaN }, /learningRate/],
      ['a learning rate that is no number', { learningRate: '0.1' }, /learningRate/],
      ['a negative momentum', { learningRate: 1, momentum: -1, velocity: true }, /momentum/],
      ['momentum without velocity', { learningRate: 1, momentum: 0.9 }, /velocity/],
      ['Nesterov without momentum', { learningRate: 1, nesterov: true }, /nesterov|momentum/],
      ['dampening above 1', { learningRate: 1, momentum: 1, dampening: 1.5, velocity: true }, /dampening/],
      [
        'Nesterov with dampening',
        { learningRate: 1, momentum: 1, dampening: 0.5, nesterov: true, velocity: true },
        /dampening/,
      ],
      ['weight decay of infinity', { learningRate: 1, weightDecay: Infinity }, /weightDecay/],
      ['an unknown option', { learningRate: 1, decay: 0 }, /decay/],
    ])('%s', (_, options, message) => {
      const call = (): unknown =>
        evaluate(() => {
          const given = options && 'velocity' in options ? { ...options, velocity: t(2) } : options;
          return sgdStep_(t(2), t(2), given as Parameters<typeof sgdStep_>[2]);
        });
      expectThrows(call, 'ReceptiveError', /sgdStep_/, message);
    });

    it('shapes and types that differ', () => {
      const options = { learningRate: 1 };
      expectThrows(() => evaluate(() => sgdStep_(t(2), t(3), options)), 'ShapeError', /sgdStep_/, /gradient/);
      expectThrows(() => evaluate(() => sgdStep_(t(2), t(1), options)), 'ShapeError', /sgdStep_/, /gradient/);
      const other = (): AnyTensor => toTensor(ndarray([2]), 'float64');
      expectThrows(() => evaluate(() => sgdStep_(t(2), other(), options)), 'DTypeError', /sgdStep_/);
      const velocity = (): unknown => sgdStep_(t(2), t(2), { learningRate: 1, momentum: 0.9, velocity: t(3) });
      expectThrows(() => evaluate(velocity), 'ShapeError', /sgdStep_/, /velocity/);
    });
  });

  describeContract(
    'sgdStep_',
    { parameter: { shape: [3] }, gradient: { shape: [3] }, velocity: { shape: [3], optional: true } },
    (a) => sgdStep_(a.parameter, a.gradient, { learningRate: 1, momentum: 0.5, velocity: a.velocity }),
  );
});

import type { ReceptiveError } from 'receptive';
import { tidy } from 'receptive';
import { Adam, AdamW, type OptimizerState, RMSprop, SGD } from 'receptive/optim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ndarray } from '../reference/ndarray';
import { expectSame } from '../support/compare';
import { describeOnDevices } from '../support/devices';
import { type ErrorName, expectThrows } from '../support/errors';
import { type AnyTensor, read, toTensor } from '../support/tensors';

const t = (...shape: number[]): AnyTensor => toTensor(ndarray(shape));

describeOnDevices('wrong optimizers', () => {
  const rejects = (make: () => unknown, error: ErrorName, ...messages: RegExp[]): ReceptiveError =>
    expectThrows(() => tidy(make), error, ...messages);

  it('parameters', () => {
    const settings = { learningRate: 1 };
    const sgd = (parameters: unknown) => () => new SGD(parameters as AnyTensor[], settings);
    for (const wrong of [undefined, null, 3, 'parameters', {}, () => 0]) {
      rejects(sgd(wrong), 'ArgumentError', /^SGD: parameters must be an iterable/);
    }
    rejects(() => sgd(t(2))(), 'ArgumentError', /^SGD: parameters must be an iterable/);
    rejects(sgd([]), 'ArgumentError', /^SGD: parameters has no elements/);
    rejects(sgd([3]), 'ArgumentError', /^SGD: parameters\[0\] must be a Tensor/);
    rejects(() => sgd([t(2), null])(), 'ArgumentError', /^SGD: parameters\[1\] must be a Tensor/);
    rejects(() => sgd([t(2), { parameters: [t(1)] }])(), 'ArgumentError', /^SGD: parameters\[1\] must be a Tensor/);
    rejects(() => sgd([{ parameters: [t(1)] }, t(2)])(), 'ArgumentError', /parameters\[1\] is a Tensor/);
    rejects(() => sgd([{ parameters: t(1) }])(), 'ArgumentError', /parameters\[0\]\.parameters must be an iterable/);
    rejects(() => sgd([{ parameters: [t(1), 2] }])(), 'ArgumentError', /parameters\[0\]\.parameters\[1\]/);
    rejects(() => sgd([{ parameters: [t(1)], lr: 2 }])(), 'ArgumentError', /^SGD: parameters\[0\]: .*'lr'/);
    rejects(() => sgd([{ parameters: [t(1)], momentum: -2 }])(), 'ArgumentError', /parameters\[0\]: momentum/);
    rejects(() => sgd([toTensor(ndarray([2]), 'int32')])(), 'DTypeError', /^SGD: parameters\[0\]/);
    const gone = (): AnyTensor => {
      const tensor = t(2);
      tensor.dispose();
      return tensor;
    };
    rejects(() => sgd([t(2), gone()])(), 'DisposedError', /^SGD: parameters\[1\]/);
    const twice = (): AnyTensor[] => {
      const tensor = t(2);
      return [tensor, tensor];
    };
    rejects(() => sgd(twice())(), 'ArgumentError', /^SGD: .*appears twice/);
    rejects(
      () => {
        const [a, b] = twice();
        return sgd([{ parameters: [a] }, { parameters: [b] }])();
      },
      'ArgumentError',
      /appears twice/,
    );
  });

  it.each([
    ['SGD', SGD, undefined, /learningRate/],
    ['SGD', SGD, {}, /learningRate/],
    ['SGD', SGD, { learningRate: -1 }, /learningRate/],
    ['SGD', SGD, { learningRate: 1, nesterov: true }, /nesterov/],
    ['SGD', SGD, { learningRate: 1, momentum: 1, nesterov: true, dampening: 0.1 }, /dampening/],
    ['SGD', SGD, { learningRate: 1, velocity: null }, /velocity/],
    ['SGD', SGD, 0.1, /options/],
    ['Adam', Adam, { beta1: 1 }, /beta1/],
    ['Adam', Adam, { decoupled: true }, /decoupled/],
    ['AdamW', AdamW, { weightDecay: Number.NaN }, /weightDecay/],
    ['RMSprop', RMSprop, { alpha: 2 }, /alpha/],
    ['RMSprop', RMSprop, { centered: 'yes' }, /centered/],
  ] as [string, new (p: AnyTensor[], o: never) => unknown, unknown, RegExp][])(
    'settings of %s',
    (name, Class, options, message) => {
      rejects(() => new Class([t(2)], options as never), 'ArgumentError', new RegExp(`^${name}: `), message);
    },
  );

  describe('steps', () => {
    let parameters: AnyTensor[];
    let optimizer: Adam;
    beforeEach(() => {
      parameters = [toTensor(ndarray([2], [1, 2])), toTensor(ndarray([2], [3, 4]))];
      optimizer = new Adam(parameters, { learningRate: 1 });
      for (const parameter of parameters) parameter.grad = toTensor(ndarray([2], [1, 1]));
    });
    afterEach(() => {
      optimizer.zeroGrad();
      optimizer.dispose();
      for (const parameter of parameters) parameter.dispose();
    });

    it('that cannot be made change nothing', () => {
      const settings = optimizer.groups[0];
      settings.learningRate = Number.NaN;
      expectThrows(() => optimizer.step(), 'ArgumentError', /^Adam\.step: learningRate/);
      settings.learningRate = 1;
      parameters[1].grad?.dispose();
      expectThrows(
        () => optimizer.step(),
        'DisposedError',
        /^Adam\.step: the gradient of groups\[0\]\.parameters\[1\]/,
      );
      parameters[1].dispose();
      expectThrows(() => optimizer.step(), 'DisposedError', /^Adam\.step: groups\[0\]\.parameters\[1\]/);
      expectSame(read(parameters[0]), ndarray([2], [1, 2]));
      expect(optimizer.stateDict().tensors).toEqual({});
    });

    it('and state are refused after dispose()', () => {
      optimizer.step();
      const state = optimizer.stateDict();
      optimizer.dispose();
      expectThrows(() => optimizer.step(), 'DisposedError', /^Adam\.step: the optimizer/);
      expectThrows(() => optimizer.stateDict(), 'DisposedError', /^Adam\.stateDict/);
      expectThrows(() => optimizer.loadStateDict(state), 'DisposedError', /^Adam\.loadStateDict/);
    });

    it('do not load what does not fit, and change nothing then', () => {
      optimizer.step();
      const own = optimizer.stateDict();
      const before = Object.entries(own.tensors).map(([key, tensor]) => [key, read(tensor)] as const);
      const values = (change: object): OptimizerState =>
        ({ ...own, values: { ...own.values, ...change } }) as OptimizerState;
      const tensors = (change: Record<string, unknown>): OptimizerState =>
        ({ ...own, tensors: { ...own.tensors, ...change } }) as OptimizerState;
      const [group] = own.values.groups;
      const [first] = own.values.parameters;
      const settings = (change: object): OptimizerState =>
        values({ groups: [{ ...group, settings: { ...group.settings, ...change } }] });
      const wrong: [OptimizerState, ErrorName, RegExp][] = [
        [undefined as never, 'ArgumentError', /state/],
        [{ tensors: own.tensors } as never, 'ArgumentError', /state/],
        [values({ optimizer: 'AdamW' }), 'ArgumentError', /'AdamW'.*'Adam'/],
        [values({ groups: undefined }), 'ArgumentError', /values\.groups/],
        [values({ groups: [group, group] }), 'ArgumentError', /values\.groups must be 1/],
        [values({ groups: [{ ...group, parameters: 3 }] }), 'ArgumentError', /has 3 parameters.* 2/],
        [settings({ beta1: 2 }), 'ArgumentError', /groups\[0\]\.settings: beta1/],
        [settings({ beta1: undefined }), 'ArgumentError', /no beta1/],
        [settings({ momentum: 1 }), 'ArgumentError', /momentum/],
        [values({ parameters: [first] }), 'ArgumentError', /values\.parameters must be 2/],
        [values({ parameters: [first, { ...first, step: -1 }] }), 'ArgumentError', /parameters\[1\]\.step/],
        [values({ parameters: [first, { step: 1, state: ['velocity'] }] }), 'ArgumentError', /'velocity'/],
        [values({ parameters: [first, { step: 0, state: [] }] }), 'ArgumentError', /tensors\['1\.firstMoment'\]/],
        [tensors({ '1.firstMoment': undefined }), 'ArgumentError', /tensors\['1\.firstMoment'\]/],
        [tensors({ '2.firstMoment': null }), 'ArgumentError', /tensors\['2\.firstMoment'\]/],
      ];
      for (const [state, error, message] of wrong) {
        expectThrows(() => optimizer.loadStateDict(state), error, /^Adam\.loadStateDict: /, message);
      }
      tidy(() => {
        const shape = tensors({ '0.secondMoment': t(3) });
        expectThrows(() => optimizer.loadStateDict(shape), 'ShapeError', /tensors\['0\.secondMoment'\]/);
        const dtype = tensors({ '0.secondMoment': toTensor(ndarray([2]), 'float64') });
        expectThrows(() => optimizer.loadStateDict(dtype), 'DTypeError', /tensors\['0\.secondMoment'\]/);
      });
      for (const [key, expected] of before) expectSame(read(optimizer.stateDict().tensors[key]), expected, key);
      expect(optimizer.stateDict().values).toEqual(own.values);
    });
  });
});

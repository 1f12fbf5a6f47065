import { memoryStats, type Tensor, tidy } from 'receptive';
import { Adam, AdamW, type Optimizer, RMSprop, SGD } from 'receptive/optim';
import { describe, expect, it } from 'vitest';
import { type NdArray, ndarray } from '../reference/ndarray';
import * as reference from '../reference/optim';
import { expectClose, expectSame } from '../support/compare';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { type FloatDType, Random } from '../support/random';
import { type AnyTensor, read, toTensor } from '../support/tensors';

const shapes = [[3, 5], [67], []];
const steps = 10;

/** A reference step on one parameter, the t-th of that parameter, whose state is made by the first call. */
type Step = (p: Float64Array, g: Float64Array, t: number) => void;

function sgd(options: reference.SgdOptions): Step {
  let velocity: Float64Array | null = null;
  return (p, g, t) => {
    if (options.momentum) velocity ??= new Float64Array(p.length);
    reference.sgdStep(p, g, velocity, { ...options, dampening: t === 1 ? 0 : options.dampening });
  };
}

function adam(options: reference.AdamOptions): Step {
  let state: reference.AdamState | undefined;
  return (p, g, t) => {
    state ??= { first: new Float64Array(p.length), second: new Float64Array(p.length) };
    reference.adamStep(p, g, state, t, options);
  };
}

function rmsprop(options: reference.RmspropOptions): Step {
  let state: reference.RmspropState | undefined;
  return (p, g) => {
    state ??= {
      square: new Float64Array(p.length),
      average: new Float64Array(p.length),
      buffer: new Float64Array(p.length),
    };
    reference.rmspropStep(p, g, state, options);
  };
}

interface Case {
  readonly name: string;
  make(parameters: Iterable<AnyTensor>): Optimizer;
  step(): Step;
}

const cases: Case[] = [
  { name: 'SGD', make: (p) => new SGD(p, { learningRate: 0.1 }), step: () => sgd({ learningRate: 0.1 }) },
  {
    name: 'SGD with momentum, dampening and weight decay',
    make: (p) => new SGD(p, { learningRate: 0.1, momentum: 0.9, dampening: 0.4, weightDecay: 0.1 }),
    step: () => sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.4, weightDecay: 0.1 }),
  },
  {
    name: "SGD with Nesterov's momentum",
    make: (p) => new SGD(p, { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    step: () => sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  },
  { name: 'Adam', make: (p) => new Adam(p), step: () => adam({ learningRate: 0.001 }) },
  {
    name: 'Adam with other numbers',
    make: (p) => new Adam(p, { learningRate: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 0.01, weightDecay: 0.1 }),
    step: () => adam({ learningRate: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 0.01, weightDecay: 0.1 }),
  },
  {
    name: 'AdamW',
    make: (p) => new AdamW(p),
    step: () => adam({ learningRate: 0.001, weightDecay: 0.01, decoupled: true }),
  },
  {
    name: 'AdamW with other numbers',
    make: (p) => new AdamW(p, { learningRate: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 0.01, weightDecay: 0.5 }),
    step: () => adam({ learningRate: 0.1, beta1: 0.8, beta2: 0.9, epsilon: 0.01, weightDecay: 0.5, decoupled: true }),
  },
  { name: 'RMSprop', make: (p) => new RMSprop(p), step: () => rmsprop({ learningRate: 0.01 }) },
  {
    name: 'RMSprop, centered, with momentum and weight decay',
    make: (p) => new RMSprop(p, { learningRate: 0.01, centered: true, alpha: 0.3, momentum: 0.5, weightDecay: 0.1 }),
    step: () => rmsprop({ learningRate: 0.01, centered: true, alpha: 0.3, momentum: 0.5, weightDecay: 0.1 }),
  },
];

/** Parameters and, for each step, their gradients; null where a parameter has none. */
function course(label: string, dtype: FloatDType): { starts: NdArray[]; gradients: (NdArray | null)[][] } {
  const random = new Random(label);
  const starts = shapes.map((shape) => random.array(shape, dtype));
  const gradients = Array.from({ length: steps }, (_, step) =>
    shapes.map((shape, i) => ((step + i) % 4 === 3 ? null : random.array(shape, dtype))),
  );
  return { starts, gradients };
}

/** One step with these gradients, as a loop of a program makes it: within tidy, gradients from somewhere. */
function stepWith(
  optimizer: Optimizer,
  parameters: readonly AnyTensor[],
  gradients: readonly (NdArray | null)[],
): void {
  tidy(() => {
    for (const [i, gradient] of gradients.entries()) {
      parameters[i].grad = gradient && toTensor(gradient, parameters[i].dtype);
    }
    optimizer.step();
    optimizer.zeroGrad();
  });
}

const disposeAll = (...tensors: AnyTensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};

describeOnDevices('optimizers', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(cases)('$name follows the reference over many steps', ({ name, make, step }) => {
      const { starts, gradients } = course(name, dtype);
      const expected = starts.map((start, i) => {
        const p = start.data.slice();
        const next = step();
        let t = 0;
        for (const all of gradients) {
          const g = all[i];
          if (g !== null) next(p, g.data, ++t);
        }
        return ndarray(start.shape, p);
      });
      const parameters = starts.map((start) => toTensor(start, dtype) as AnyTensor);
      const optimizer = make(parameters.values());
      for (const all of gradients) stepWith(optimizer, parameters, all);
      for (const [i, parameter] of parameters.entries()) {
        expectClose(read(parameter), expected[i], { dtype, terms: 8 * steps, scale: 4, what: `parameter ${i}` });
      }
      optimizer.dispose();
      disposeAll(...parameters);
    });

    it.each(cases)('$name continues from saved state, bit for bit', ({ name, make }) => {
      const { starts, gradients } = course(name, dtype);
      const parameters = starts.map((start) => toTensor(start, dtype) as AnyTensor);
      const optimizer = make(parameters);
      for (const all of gradients.slice(0, 6)) stepWith(optimizer, parameters, all);
      optimizer.groups[0].learningRate /= 3;

      const { tensors, values } = optimizer.stateDict();
      const restored = parameters.map((parameter) => parameter.clone());
      const other = make(restored);
      other.loadStateDict({ tensors, values: JSON.parse(JSON.stringify(values)) });
      expect(other.stateDict().values).toEqual(values);
      for (const all of gradients.slice(6)) {
        stepWith(optimizer, parameters, all);
        stepWith(other, restored, all);
      }
      for (const [i, parameter] of parameters.entries()) expectSame(read(restored[i]), read(parameter));
      const [a, b] = [optimizer.stateDict(), other.stateDict()];
      expect(b.values).toEqual(a.values);
      for (const [key, tensor] of Object.entries(a.tensors)) expectSame(read(b.tensors[key]), read(tensor), key);
      optimizer.dispose();
      other.dispose();
      disposeAll(...parameters, ...restored);
    });
  });

  it('give each group its own settings', () => {
    const value = (): Tensor => toTensor(ndarray([2], [1, 1]), 'float32');
    const [a, b, c] = [value(), value(), value()];
    const optimizer = new SGD(
      [
        { parameters: [a], learningRate: 0.5 },
        { parameters: new Set([b, c]), weightDecay: 1, learningRate: undefined },
      ],
      { learningRate: 0.25 },
    );
    expect(optimizer.groups.map(({ learningRate, weightDecay }) => [learningRate, weightDecay])).toEqual([
      [0.5, 0],
      [0.25, 1],
    ]);
    const ones = ndarray([2], [1, 1]);
    stepWith(optimizer, [a, b, c], [ones, ones, null]);
    optimizer.groups[1].learningRate = 0.125;
    stepWith(optimizer, [a, b, c], [null, null, ones]);
    expect([a, b, c].map((p) => p.dataSync()[0])).toEqual([0.5, 0.5, 0.75]);
    optimizer.dispose();
    disposeAll(a, b, c);
  });

  it('count steps by parameter, and give state to those that step only', () => {
    const parameters = [0, 1].map(() => toTensor(ndarray([3], [1, 2, 3])) as AnyTensor);
    const optimizer = new Adam(parameters);
    expect(optimizer.stateDict().tensors).toEqual({});
    const g = ndarray([3], [1, 1, 1]);
    stepWith(optimizer, parameters, [g, null]);
    stepWith(optimizer, parameters, [g, null]);
    const { tensors, values } = optimizer.stateDict();
    expect(Object.keys(tensors)).toEqual(['0.firstMoment', '0.secondMoment']);
    expect(values).toEqual({
      optimizer: 'Adam',
      groups: [
        {
          parameters: 2,
          settings: { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
        },
      ],
      parameters: [
        { step: 2, state: ['firstMoment', 'secondMoment'] },
        { step: 0, state: [] },
      ],
    });
    optimizer.dispose();
    disposeAll(...parameters);
  });

  it('zeroGrad() disposes gradients and sets them to null', () => {
    const parameter = toTensor(ndarray([2]), 'float32');
    const gradient = toTensor(ndarray([2]), 'float32');
    parameter.grad = gradient;
    const optimizer = new SGD([parameter], { learningRate: 1 });
    optimizer.zeroGrad();
    optimizer.zeroGrad();
    expect([parameter.grad, gradient.disposed]).toEqual([null, true]);
    optimizer.dispose();
    parameter.dispose();
  });

  it('own their state: no scope ends it, dispose() does', () => {
    const parameter = toTensor(ndarray([2]), 'float32');
    const held = memoryStats().tensors;
    const optimizer = tidy(() => {
      const made = new RMSprop([parameter], { momentum: 0.5, centered: true });
      stepWith(made, [parameter], [ndarray([2], [1, 1])]);
      return made;
    });
    expect(memoryStats().tensors).toBe(held + 3);
    {
      using scoped = new Adam([parameter]);
      stepWith(scoped, [parameter], [ndarray([2], [1, 1])]);
      expect(memoryStats().tensors).toBe(held + 5);
    }
    optimizer.dispose();
    optimizer.dispose();
    expect(memoryStats().tensors).toBe(held);
    parameter.dispose();
  });

  it('load copies, so that own state may be given back', () => {
    const parameter = toTensor(ndarray([2]), 'float32');
    const optimizer = new SGD([parameter], { learningRate: 1, momentum: 0.5 });
    stepWith(optimizer, [parameter], [ndarray([2], [1, 2])]);
    const held = memoryStats().tensors;
    tidy(() => optimizer.loadStateDict(optimizer.stateDict()));
    expect(memoryStats().tensors).toBe(held);
    expectSame(read(optimizer.stateDict().tensors['0.velocity']), ndarray([2], [1, 2]));
    optimizer.dispose();
    parameter.dispose();
  });
});

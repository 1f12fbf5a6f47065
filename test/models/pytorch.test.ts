import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crossEntropy, noGrad, tensor, tidy } from 'receptive';
import {
  alexnet,
  googlenet,
  mobilenetV2,
  resnet18,
  resnet50,
  squeezenet,
  trainingLogits,
  vgg16,
  vgg19,
  weightedLoss,
} from 'receptive/models';
import { type Module, skipInit } from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../reference/ndarray';
import { packageRoot } from '../support/child';

// Names of the states, outputs and gradients are those of PyTorch: test/fixtures/models.py has the networks and the formula of
// their states, and wrote the file.

interface Recorded {
  readonly shape: readonly number[];
  readonly tensors: number;
  /** SHA-256 of the sorted names with their shapes, a line each. */
  readonly names: string;
  readonly logits: readonly (readonly number[])[];
  /** In training, and below that: of the first weight's gradient, and of all running means after the step forward. */
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly gradientSquares: number;
  readonly runningMeanSquares: number | null;
}

const recorded: Readonly<Record<string, Recorded>> = JSON.parse(
  readFileSync(join(packageRoot, 'test/fixtures/models.json'), 'utf8'),
);

const shared = { classes: 5, dtype: 'float64' } as const;
const dropping = { ...shared, dropout: 0 } as const;
const dense = { ...dropping, hidden: 16 } as const;

const makes: Readonly<Record<string, () => Module<'float64'>>> = {
  alexnet: () => alexnet({ ...dense, variant: 'one-column' }),
  vgg16: () => vgg16(dense),
  vgg19: () => vgg19(dense),
  googlenet: () => googlenet({ ...dropping, auxiliaryDropout: 0 }),
  resnet18: () => resnet18(shared),
  resnet50: () => resnet50(shared),
  'squeezenet1.0': () => squeezenet(dropping),
  'squeezenet1.1': () => squeezenet({ ...dropping, version: '1.1' }),
  mobilenetV2: () => mobilenetV2(dropping),
};

const prime = 65_521;

/** On [-1, 1), the same in every program: squares modulo a prime, which repeat after as many. */
function numbers(count: number, place: number, scale: (u: number) => number = (u) => u): Float64Array {
  const result = new Float64Array(count);
  const period = Math.min(count, prime);
  for (let i = 0; i < period; i++) result[i] = scale((((31 * i * i + 17 * i + 101 * place) % prime) / prime) * 2 - 1);
  for (let i = period; i < count; i *= 2) result.copyWithin(i, 0, Math.min(i, count - i));
  return result;
}

function values(name: string, shape: readonly number[], place: number): Float64Array {
  const count = sizeOf(shape);
  if (name.endsWith('running_var')) return numbers(count, place, (u) => 1 + 0.5 * u);
  if (shape.length > 1) {
    const factor = Math.sqrt(6 / sizeOf(shape.slice(1)));
    return numbers(count, place, (u) => u * factor);
  }
  return numbers(count, place, name.endsWith('weight') ? (u) => 1 + 0.2 * u : (u) => 0.1 * u);
}

/** Sets the state by formula and returns its names with their shapes. */
function fillState(model: Module<'float64'>): string[] {
  const { tensors } = model.stateDict();
  const names = Object.keys(tensors).sort();
  tidy(() => {
    const filled = names.map((name, place) => {
      const { shape } = tensors[name];
      return [name, tensor(values(name, shape, place), { shape })];
    });
    model.loadStateDict({ tensors: Object.fromEntries(filled) });
  });
  return names.map((name) => `${name} [${tensors[name].shape.join(', ')}]`);
}

const squares = (all: Iterable<number>): number => {
  let sum = 0;
  for (const x of all) sum += x * x;
  return sum;
};

/** Relative to the largest of the expected. */
function expectNear(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  const scale = Math.max(...expected.map(Math.abs));
  expect(actual.length, what).toBe(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i] - value) / scale, `${what} ${i}: ${actual[i]}, PyTorch has ${value}`).toBeLessThan(1e-9);
  }
}

describe.each(Object.entries(makes))('%s', { timeout: 120_000 }, (name, make) => {
  it('is that of PyTorch: names, logits, loss, gradient, running means', () => {
    const expected = recorded[name];
    using model = skipInit(make);
    const names = fillState(model);
    expect(names.length).toBe(expected.tensors);
    expect(createHash('sha256').update(names.join('\n')).digest('hex')).toBe(expected.names);
    tidy(() => {
      const x = tensor(numbers(sizeOf(expected.shape), 1000), { shape: expected.shape });
      const labels = tensor(Int32Array.from({ length: expected.shape[0] }, (_, i) => i));
      const logits = noGrad(() => model.eval().call(x));
      expectNear(logits.dataSync(), expected.logits.flat(), 'logit');

      const heads = trainingLogits(model.train(), x);
      const loss = weightedLoss(heads, (one) => crossEntropy(one, labels));
      expectNear(loss.dataSync(), [expected.loss], 'loss');
      loss.backward();
      const gradient = model.parameters()[0].grad?.dataSync() ?? new Float64Array();
      expectNear(gradient.slice(0, 6), expected.gradient, 'gradient');
      expectNear([squares(gradient)], [expected.gradientSquares], 'squares of the gradient');
      if (expected.runningMeanSquares !== null) {
        const means = model.namedBuffers().filter(([own]) => own.endsWith('running_mean'));
        const sum = means.reduce((total, [, t]) => total + squares(t.dataSync() as Float64Array), 0);
        expectNear([sum], [expected.runningMeanSquares], 'squares of running means');
      }
      model.zeroGrad();
    });
  });
});

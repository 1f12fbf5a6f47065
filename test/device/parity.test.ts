import * as receptive from 'receptive';
import { Tensor } from 'receptive';
import { afterEach, describe, expect, it } from 'vitest';
import { availableDevices } from '../support/devices';
import { argumentSource, randomSource } from '../support/programs/fuzzArguments.mjs';
import { recipes } from '../support/programs/fuzzRecipes.mjs';
import { Random, testSeed } from '../support/random';
import { type AnyTensor, toTensor } from '../support/tensors';

// Every public function on a GPU and on the CPU, with the plausible calls of the fuzz: with small integers, whose sums have the
// same bits in any order, and with random values.

type Function = (...args: unknown[]) => unknown;
type Recipe = () => unknown[];
type Fill = 'integers' | 'values';

const draws = 25;
const random = randomSource(testSeed);
const values = new Random('parity');
let fill: Fill = 'integers';
let held: AnyTensor[] = [];

function newTensor(shape: readonly number[], dtype: receptive.DType = 'float32'): AnyTensor {
  const isFloat = dtype === 'float32' || dtype === 'float64';
  const array =
    isFloat && fill === 'values'
      ? values.array(shape, dtype)
      : values.integers(shape, isFloat ? -4 : 0, dtype === 'bool' ? 1 : 4);
  const t = toTensor(array, dtype);
  held.push(t);
  return t;
}

const source = argumentSource(random, { add: (t: AnyTensor) => held.push(t), any: () => undefined, empty: () => {} });
const { ops, gradients } = recipes(random, {
  ...source,
  tensor: newTensor,
  anyTensor: () => newTensor(source.shape(), random.pick(['float32', 'float64', 'int32', 'uint8', 'bool'])),
}) as Record<'ops' | 'gradients', Record<string, Recipe>>;

/** What computes nothing, or runs a callback that does. */
const leftOut = new Set(
  (
    'convOutputSize convAlgorithms convSearchResults clearConvSearchResults loadConvSearchResults setRngState getRngState ' +
    'manualSeed setNumThreads getNumThreads setMatmulPrecision getMatmulPrecision setDefaultDevice getDefaultDevice ' +
    'memoryStats resetPeakMemory emptyCache devices tidy keep noGrad checkpoint customGradient gradients withDevice profile ' +
    'chromeTrace synchronize withSampleRange setMemoryLimit'
  ).split(' '),
);

/** Functions whose results are rounded on the way, whatever they are given. */
const rounded = new Set(
  (
    'elu selu gelu silu mish softplus sigmoid tanh exp log sqrt rsqrt pow reciprocal div softmax logSoftmax variance mean ' +
    'batchNorm batchNormWithStatistics layerNorm layerNormWithStatistics localResponseNorm crossEntropy nllLoss mseLoss ' +
    'sumSquaredError binaryCrossEntropy binaryCrossEntropyWithLogits hingeLoss sgdStep_ adamStep_ rmspropStep_ ' +
    'avgPool2d avgPool1d adaptiveAvgPool2d globalAvgPool2d hardSigmoid hardSwish leakyRelu prelu linspace randn rand'
  ).split(' '),
);

const isOptions = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;

/** The same value with all tensors in it put through `f`. */
function mapTensors(value: unknown, f: (t: AnyTensor) => unknown): unknown {
  if (value instanceof Tensor) return f(value as AnyTensor);
  if (Array.isArray(value)) return value.map((item) => mapTensors(item, f));
  if (!isOptions(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTensors(item, f)]));
}

function tensorsIn(value: unknown): AnyTensor[] {
  const found: AnyTensor[] = [];
  mapTensors(value, (t) => found.push(t));
  return found;
}

interface Values {
  readonly shape: readonly number[];
  readonly dtype: receptive.DType;
  readonly data: ArrayLike<number>;
}

/** What a call made of its arguments: the tensors of its result, and those that it was given; or the error. */
function outcome(f: Function, args: unknown[], device: string): Values[] | receptive.ReceptiveError {
  receptive.manualSeed(7);
  const read = (t: AnyTensor): Values => ({ shape: t.shape, dtype: t.dtype, data: t.dataSync() });
  try {
    const result = tensorsIn(receptive.withDevice(device, () => f(...args)));
    held.push(...result);
    return [...result, ...tensorsIn(args)].map(read);
  } catch (error) {
    if (!(error instanceof receptive.ReceptiveError)) throw error;
    return error;
  }
}

/** The bound of a value's difference, relative to the largest of its tensor. */
const bounds = { float32: 1e-5, float64: 1e-13 } as Record<receptive.DType, number>;

/** Winograd rounds on the way, whatever it is given, and more than plain sums do: its bound is 5e-5 (native/README.md). */
const growthOf = (args: unknown[]): number =>
  args.some((value) => isOptions(value) && String(value.algorithm).startsWith('winograd')) ? 5 : 1;

/** `growth`: how many times the bound a difference may be; 0 where there may be none. */
function expectParity(actual: Values, expected: Values, growth: number, what: string): void {
  expect({ shape: actual.shape, dtype: actual.dtype }, what).toEqual({ shape: expected.shape, dtype: expected.dtype });
  const [a, b] = [actual.data, expected.data];
  let scale = 1;
  for (let i = 0; i < b.length; i++) if (Number.isFinite(b[i])) scale = Math.max(scale, Math.abs(b[i]));
  const bound = growth * (bounds[expected.dtype] ?? 0) * scale;
  for (let i = 0; i < b.length; i++) {
    const same = a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]));
    if (!same && !(Math.abs(a[i] - b[i]) <= bound)) {
      expect.fail(`${what}: element ${i} is ${a[i]}, on the CPU ${b[i]}; allowed difference ${bound}`);
    }
  }
}

const functions: [name: string, f: Function, recipe: Recipe][] = [
  ...Object.entries(ops)
    .filter(([name]) => !leftOut.has(name))
    .map(([name, recipe]): [string, Function, Recipe] => [name, receptive[name as 'relu'] as Function, recipe]),
  ...Object.entries(gradients).map(([name, recipe]): [string, Function, Recipe] => [
    `grad.${name}`,
    receptive.grad[name as 'relu'] as Function,
    recipe,
  ]),
];
const gpus = availableDevices.filter((id) => id.startsWith('cuda'));

describe.skipIf(gpus.length === 0)('parity with the CPU', () => {
  afterEach(() => {
    for (const t of held) if (!t.disposed) t.dispose();
    held = [];
  });

  describe.each(gpus)('on %s', (device) => {
    describe.each(['integers', 'values'] as const)('of %s', (filled) => {
      it.each(functions)('%s', (name, f, recipe) => {
        fill = filled;
        const exact = filled === 'integers' && !rounded.has(name.replace('grad.', ''));
        let compared = 0;
        for (let draw = 0; draw < draws; draw++) {
          const args = receptive.withDevice('cpu', recipe);
          const growth = growthOf(args);
          const moved = mapTensors(args, (t) => {
            const copy = t.to(device) as AnyTensor;
            held.push(copy);
            return copy;
          }) as unknown[];
          const expected = outcome(f, args, 'cpu');
          const actual = outcome(f, moved, device);
          const what = `${name}, draw ${draw}`;
          // What one of them declines for want of workspace says nothing of the other; any other error is that of both.
          if ([expected, actual].some((result) => result instanceof receptive.UnsupportedError)) continue;
          if (expected instanceof Error || actual instanceof Error) {
            const codes = [actual, expected].map((result) => (result instanceof Error ? result.code : 'none'));
            expect(codes[0], `${what}: ${actual}; on the CPU ${expected}`).toBe(codes[1]);
            continue;
          }
          expect(actual.length, what).toBe(expected.length);
          actual.forEach((tensor, i) => {
            expectParity(tensor, expected[i], exact && growth === 1 ? 0 : growth, `${what}, tensor ${i}`);
          });
          compared++;
        }
        expect(compared).toBeGreaterThanOrEqual(3);
      });
    });
  });
});

import * as receptive from 'receptive';
import { afterEach, describe, expect, it } from 'vitest';
import { availableDevices } from '../support/devices';
import { ApiCalls } from '../support/programs/apiCalls.mjs';
import { testSeed } from '../support/random';

// Every public function on a GPU and on the CPU, with the plausible calls of the fuzz: with small integers, whose sums have the
// same bits in any order, and with random values.

type Function = (...args: unknown[]) => unknown;

const draws = 25;
const calls = new ApiCalls(testSeed);

/** Functions whose results are rounded on the way, whatever they are given. */
const rounded = new Set(
  (
    'elu selu gelu silu mish softplus sigmoid tanh exp log sqrt rsqrt pow reciprocal div softmax logSoftmax variance mean ' +
    'batchNorm batchNormWithStatistics layerNorm layerNormWithStatistics localResponseNorm crossEntropy nllLoss mseLoss ' +
    'sumSquaredError binaryCrossEntropy binaryCrossEntropyWithLogits hingeLoss sgdStep_ adamStep_ rmspropStep_ ' +
    'avgPool2d avgPool1d adaptiveAvgPool2d globalAvgPool2d hardSigmoid hardSwish leakyRelu prelu linspace randn rand'
  ).split(' '),
);

interface Values {
  readonly shape: readonly number[];
  readonly dtype: receptive.DType;
  readonly data: ArrayLike<number>;
}

/** What a call made of its arguments, or the error. */
function outcome(f: Function, args: unknown[], device: string): Values[] | receptive.ReceptiveError {
  try {
    return calls.run(f, args, device) as Values[];
  } catch (error) {
    if (!(error instanceof receptive.ReceptiveError)) throw error;
    return error;
  }
}

/** The bound of a value's difference, relative to the largest of its tensor. */
const bounds = { float32: 1e-5, float64: 1e-13 } as Record<receptive.DType, number>;

/** Winograd rounds on the way, whatever it is given, and more than plain sums do: its bound is 5e-5 (native/README.md). */
const growthOf = (args: unknown[]): number =>
  args.some((value) => /^winograd/.test(`${(value as { algorithm?: unknown } | null)?.algorithm}`)) ? 5 : 1;

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

const gpus = availableDevices.filter((id) => id.startsWith('cuda'));

describe.skipIf(gpus.length === 0)('parity with the CPU', () => {
  afterEach(() => calls.release());

  describe.each(gpus)('on %s', (device) => {
    describe.each(['integers', 'values'] as const)('of %s', (filled) => {
      it.each(calls.functions)('%s', (name, f, recipe) => {
        calls.fill = filled;
        const exact = filled === 'integers' && !rounded.has(name.replace('grad.', ''));
        let compared = 0;
        for (let draw = 0; draw < draws; draw++) {
          const args = calls.draw(recipe);
          const growth = growthOf(args);
          const moved = calls.moved(args, device);
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

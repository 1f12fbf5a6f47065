import fc from 'fast-check';
import {
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
  grad,
  maxPool2d,
  maxPool2dWithIndices,
  tensor,
} from 'receptive';
import { describe, expect, it } from 'vitest';
import { type NdArray, ndarray } from '../reference/ndarray';
import * as reference from '../reference/pool';
import { expectClose, expectEqual, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { type FloatDType, Random } from '../support/random';
import { evaluate, read, toTensor } from '../support/tensors';
import { type PoolProblem, poolProblems } from '../support/windows';

const table: [string, Omit<PoolProblem, 'seed'>][] = [
  ['2x2 stride 2', { inputShape: [2, 3, 6, 8], options: { kernelSize: 2 } }],
  ['3x3 stride 2, as in AlexNet', { inputShape: [1, 4, 13, 15], options: { kernelSize: 3, stride: 2 } }],
  ['3x3 stride 2 padding 1', { inputShape: [1, 2, 11, 14], options: { kernelSize: 3, stride: 2, padding: 1 } }],
  ['ceilMode', { inputShape: [1, 2, 6, 9], options: { kernelSize: [3, 2], stride: [2, 3], ceilMode: true } }],
  ['ceilMode, side by side', { inputShape: [2, 3, 5, 9], options: { kernelSize: [2, 4], ceilMode: true } }],
  [
    'ceilMode, side by side in NHWC',
    { inputShape: [2, 7, 8, 5], options: { kernelSize: [3, 2], ceilMode: true, layout: 'NHWC' } },
  ],
  ["'same'", { inputShape: [2, 2, 7, 10], options: { kernelSize: [3, 4], stride: 2, padding: 'same' } }],
  ['wide rows', { inputShape: [1, 1, 5, 257], options: { kernelSize: [2, 3], stride: [1, 2] } }],
  ['NHWC', { inputShape: [2, 6, 9, 37], options: { kernelSize: [2, 3], layout: 'NHWC' } }],
  [
    'windows larger than the input',
    { inputShape: [2, 2, 5, 3], options: { kernelSize: [9, 8], stride: [3, 2], padding: [4, 6], dilation: [1, 2] } },
  ],
];

/** Values with many ties, NaN, infinities and zeros of both signs. */
function roughValues(shape: readonly number[], seed: number | string): NdArray {
  const random = new Random(`rough ${seed}`);
  const values = [Number.NaN, Infinity, -Infinity, -Infinity, 0, -0, 1, 1, 2, -3];
  const x = ndarray(shape);
  return { shape: x.shape, data: x.data.map(() => random.choice(values)) };
}

function checkMax(x: NdArray, { options, seed }: PoolProblem, dtype: FloatDType): void {
  const expected = reference.maxPool2dWithIndices(x, options);
  const g = new Random(`max gradient ${seed}`).array(expected.output.shape, dtype);
  const actual = evaluate(() => {
    const input = toTensor(x, dtype);
    const { output, indices } = maxPool2dWithIndices(input, options);
    return {
      plain: maxPool2d(input, options),
      output,
      indices,
      gradient: grad.maxPool2d(toTensor(g, dtype), indices, [...x.shape], options),
    };
  });
  expect([actual.output.dtype, actual.indices.dtype]).toEqual([dtype, 'int32']);
  expectEqual(actual.indices, expected.indices, 'indices');
  expectEqual(actual.output, expected.output, 'output');
  expectEqual(actual.plain, expected.output, 'output without indices');
  const gradient = reference.maxPool2dGradient(g, expected.indices, x.shape, options);
  expectClose(actual.gradient, gradient, { dtype, terms: 16, scale: 1, what: 'gradient' });
}

function checkAverage({ inputShape, options, seed }: PoolProblem, dtype: FloatDType): void {
  const random = new Random(`average ${seed}`);
  const x = random.array(inputShape, dtype);
  const g = random.array(reference.poolOutputShape(inputShape, options), dtype);
  for (const countIncludePad of [undefined, true, false]) {
    const settings = { ...options, countIncludePad };
    const { output, gradient } = evaluate(() => ({
      output: avgPool2d(toTensor(x, dtype), settings),
      gradient: grad.avgPool2d(toTensor(g, dtype), inputShape, settings),
    }));
    const closeness = { dtype, terms: 25, scale: 1 } as const;
    expectClose(output, reference.avgPool2d(x, settings), { ...closeness, what: 'output' });
    const expected = reference.avgPool2dGradient(g, inputShape, settings);
    expectClose(gradient, expected, { ...closeness, what: 'gradient' });
  }
}

describeOnDevices('pool', () => {
  describe.each(floatDTypes)('maxPool2d, %s', (dtype) => {
    it.each(table)('agrees with the reference: %s', (name, problem) => {
      const x = new Random(name).array(problem.inputShape, dtype);
      checkMax(x, { ...problem, seed: 0 }, dtype);
    });

    it('agrees with the reference on random problems', () => {
      fc.assert(
        fc.property(poolProblems, (problem) => {
          checkMax(new Random(problem.seed).array(problem.inputShape, dtype), problem, dtype);
        }),
      );
    });

    it('keeps the first NaN and the first of equals, and finds an index among infinities', () => {
      fc.assert(
        fc.property(poolProblems, (problem) => {
          checkMax(roughValues(problem.inputShape, problem.seed), problem, dtype);
        }),
      );
    });

    it('passes values on unchanged, the sign of zero included', () => {
      const x = ndarray([1, 1, 2, 4], [-0, -0, 1e-45, -1, -0, -0, -Infinity, 0]);
      const { output } = evaluate(() => maxPool2dWithIndices(toTensor(x, dtype), { kernelSize: [2, 2] }));
      expectSame(
        output,
        ndarray(
          [1, 1, 1, 2],
          [-0, Math.fround(1e-45)].map((v) => (dtype === 'float64' && v > 0 ? 1e-45 : v)),
        ),
      );
    });
  });

  describe.each(floatDTypes)('avgPool2d, %s', (dtype) => {
    it.each(table)('agrees with the reference: %s', (_, problem) => checkAverage({ ...problem, seed: 0 }, dtype));

    it('agrees with the reference on random problems', () => {
      fc.assert(fc.property(poolProblems, (problem) => checkAverage(problem, dtype)));
    });

    it('gives NaN exactly where a window holds one', () => {
      const x = new Random('nan average').array([1, 2, 5, 6], dtype);
      x.data[17] = Number.NaN;
      x.data[45] = Infinity;
      const options = { kernelSize: [2, 3], stride: 1, padding: 1 } as const;
      const actual = evaluate(() => avgPool2d(toTensor(x, dtype), { ...options, kernelSize: [2, 3] }));
      expectClose(actual, reference.avgPool2d(x, options), { dtype, terms: 6 });
    });
  });

  describe.each(floatDTypes)('adaptiveAvgPool2d and globalAvgPool2d, %s', (dtype) => {
    const sizes = fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      channels: fc.integer({ min: 1, max: 4 }),
      height: fc.integer({ min: 1, max: 9 }),
      width: fc.integer({ min: 1, max: 9 }),
      outH: fc.integer({ min: 1, max: 9 }),
      outW: fc.integer({ min: 1, max: 9 }),
      seed: fc.nat(),
    });

    it('agree with the reference on random problems', () => {
      fc.assert(
        fc.property(sizes, ({ batch, channels, height, width, outH, outW, seed }) => {
          const random = new Random(seed);
          const inputShape = [batch, channels, height, width + (width === height ? 1 : 0)];
          const x = random.array(inputShape, dtype);
          const g = random.array([batch, channels, outH, outW], dtype);
          const gGlobal = random.array([batch, channels, 1, 1], dtype);
          const actual = evaluate(() => {
            const input = toTensor(x, dtype);
            return {
              adaptive: adaptiveAvgPool2d(input, [outH, outW]),
              global: globalAvgPool2d(input),
              adaptiveGradient: grad.adaptiveAvgPool2d(toTensor(g, dtype), inputShape),
              globalGradient: grad.globalAvgPool2d(toTensor(gGlobal, dtype), inputShape),
            };
          });
          const closeness = { dtype, terms: 100, scale: 1 } as const;
          expectClose(actual.adaptive, reference.adaptiveAvgPool2d(x, [outH, outW]), closeness);
          expectClose(actual.global, reference.adaptiveAvgPool2d(x, [1, 1]), closeness);
          expectClose(actual.adaptiveGradient, reference.adaptiveAvgPool2dGradient(g, inputShape), closeness);
          expectClose(actual.globalGradient, reference.adaptiveAvgPool2dGradient(gGlobal, inputShape), closeness);
        }),
      );
    });
  });

  it('has gradients that agree with finite differences', () => {
    const options = {
      kernelSize: [3, 2],
      stride: [2, 1],
      padding: { top: 1, bottom: 0, left: 0, right: 1 },
      dilation: [1, 2],
      ceilMode: true,
    } satisfies Parameters<typeof maxPool2d>[1];
    const random = new Random('pool finite differences');
    const x = random.distinct([2, 3, 6, 7]);
    const g = random.array(reference.poolOutputShape(x.shape, options), 'float64');
    const gAdaptive = random.array([2, 3, 4, 3], 'float64');
    const gradients = evaluate(() => {
      const [input, gradOutput] = [toTensor(x, 'float64'), toTensor(g, 'float64')];
      const { indices } = maxPool2dWithIndices(input, options);
      return {
        max: grad.maxPool2d(gradOutput, indices, [...x.shape], options),
        average: grad.avgPool2d(gradOutput, [...x.shape], options),
        adaptive: grad.adaptiveAvgPool2d(toTensor(gAdaptive, 'float64'), [...x.shape]),
      };
    });
    const along =
      (f: (t: ReturnType<typeof toTensor>) => ReturnType<typeof toTensor>, weights: NdArray) => (p: NdArray) =>
        weightedSum(
          evaluate(() => f(toTensor(p, 'float64'))),
          weights,
        );
    expectGradient(
      along((t) => maxPool2d(t, options), g),
      x,
      gradients.max,
      { what: 'max' },
    );
    expectGradient(
      along((t) => avgPool2d(t, options), g),
      x,
      gradients.average,
      { what: 'average' },
    );
    expectGradient(
      along((t) => adaptiveAvgPool2d(t, [4, 3]), gAdaptive),
      x,
      gradients.adaptive,
      { what: 'adaptive' },
    );
  });

  // A kernel of 2^31 - 1 taps per axis: what is not on the input must cost nothing.
  it.each(['NCHW', 'NHWC'] as const)('pools huge windows that are mostly padding, %s', (layout) => {
    const kernelSize = 2 ** 31 - 1;
    const options = { kernelSize, stride: 2 ** 29, padding: 2 ** 30 - 1, layout } as const;
    const inputShape = layout === 'NCHW' ? [1, 1, 3, 5] : [1, 3, 5, 1];
    const values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9];
    const gradient = Array(15).fill(0);
    gradient[5] = 2;
    const actual = evaluate(() => {
      const x = toTensor(ndarray(inputShape, values));
      const { output, indices } = maxPool2dWithIndices(x, options);
      return {
        output,
        indices,
        plain: maxPool2d(x, options),
        gradient: grad.maxPool2d(toTensor(ndarray(output.shape, [2])), indices, inputShape, options),
        average: avgPool2d(x, { ...options, countIncludePad: false }),
        averageGradient: grad.avgPool2d(toTensor(ndarray(output.shape, [30])), inputShape, {
          ...options,
          countIncludePad: false,
        }),
      };
    });
    expectEqual(actual.output, ndarray([1, 1, 1, 1], [9]), 'output');
    expectEqual(actual.plain, ndarray([1, 1, 1, 1], [9]), 'plain');
    expectEqual(actual.indices, ndarray([1, 1, 1, 1], [5]), 'indices');
    expectEqual(actual.gradient, ndarray(inputShape, gradient), 'gradient');
    expectClose(actual.average, ndarray([1, 1, 1, 1], [77 / 15]), { dtype: 'float32', terms: 15, scale: 1 });
    expectEqual(actual.averageGradient, ndarray(inputShape, Array(15).fill(2)), 'average gradient');
  });

  it('accepts an empty batch', () => {
    const shapes = evaluate(() => {
      const input = toTensor(ndarray([0, 2, 5, 6]));
      const { output, indices } = maxPool2dWithIndices(input, { kernelSize: [2, 3] });
      return {
        output,
        indices,
        gradient: grad.maxPool2d(output, indices, [0, 2, 5, 6], { kernelSize: [2, 3] }),
        average: avgPool2d(input, { kernelSize: [2, 3] }),
        adaptive: adaptiveAvgPool2d(input, [3, 4]),
        global: globalAvgPool2d(input),
      };
    });
    expect(Object.values(shapes).map(({ shape }) => shape)).toEqual([
      [0, 2, 2, 2],
      [0, 2, 2, 2],
      [0, 2, 5, 6],
      [0, 2, 2, 2],
      [0, 2, 3, 4],
      [0, 2, 1, 1],
    ]);
  });

  it('never writes out of range for indices out of range: the read rejects', async () => {
    const gradOutput = tensor([1, 2, 3, 4], { shape: [1, 1, 2, 2] });
    for (const bad of [-1, 16, 2 ** 31 - 1, -(2 ** 31)]) {
      const indices = tensor(Int32Array.of(0, bad, 2, 3), { shape: [1, 1, 2, 2] });
      const result = grad.maxPool2d(gradOutput, indices, [1, 1, 4, 4], { kernelSize: 2 });
      await expect(result.data()).rejects.toThrow(/maxPool2d/);
      result.dispose();
      indices.dispose();
    }
    expectSame(read(gradOutput), ndarray([1, 1, 2, 2], [1, 2, 3, 4]));
    gradOutput.dispose();
  });

  it('throws for windows that do not fit', () => {
    const x = (): ReturnType<typeof toTensor> => toTensor(ndarray([1, 1, 4, 5]));
    const cases: [string, object, RegExp][] = [
      ['larger than the input', { kernelSize: [5, 1] }, /height/],
      [
        'a window wholly in the padding',
        { kernelSize: 2, padding: { top: 2, bottom: 0, left: 0, right: 0 } },
        /padding/,
      ],
      ['kernelSize 0', { kernelSize: 0 }, /kernelSize/],
      ['no kernelSize', {}, /kernelSize/],
      ['negative stride', { kernelSize: 2, stride: -1 }, /stride/],
      ['ceilMode that is no boolean', { kernelSize: 2, ceilMode: 'yes' }, /ceilMode/],
      ['unknown layout', { kernelSize: 2, layout: 'HWC' }, /layout/],
      ['unknown option', { kernelSize: 2, kernel: 3 }, /kernel/],
    ];
    for (const [name, options, message] of cases) {
      const settings = options as Parameters<typeof maxPool2d>[1];
      for (const [op, call] of [
        ['maxPool2d', (): unknown => maxPool2d(x(), settings)],
        ['maxPool2dWithIndices', (): unknown => maxPool2dWithIndices(x(), settings)],
        ['avgPool2d', (): unknown => avgPool2d(x(), settings)],
      ] as const) {
        expect(
          () => expectThrows(() => evaluate(call), 'ReceptiveError', new RegExp(`\\b${op}\\b`), message),
          name,
        ).not.toThrow();
      }
    }
    const rank3 = (): unknown => evaluate(() => globalAvgPool2d(toTensor(ndarray([2, 4, 5]))));
    expectThrows(rank3, 'ShapeError', /globalAvgPool2d/, /input/);
    const zero = (): unknown => evaluate(() => adaptiveAvgPool2d(x(), [0, 2]));
    expectThrows(zero, 'ReceptiveError', /adaptiveAvgPool2d/, /outputSize/);
  });

  it('throws for gradients of the wrong shape', () => {
    const options = { kernelSize: 2 };
    const g = (shape: number[]) => toTensor(ndarray(shape));
    const indices = (shape: number[]) => toTensor(ndarray(shape), 'int32');
    const cases: [string, () => unknown][] = [
      ['maxPool2d', () => grad.maxPool2d(g([1, 1, 2, 3]), indices([1, 1, 2, 3]), [1, 1, 4, 5], options)],
      ['maxPool2d', () => grad.maxPool2d(g([1, 1, 2, 2]), indices([1, 1, 2, 1]), [1, 1, 4, 5], options)],
      ['avgPool2d', () => grad.avgPool2d(g([1, 1, 2, 3]), [1, 1, 4, 5], options)],
      ['avgPool2d', () => grad.avgPool2d(g([2, 1, 2, 2]), [1, 1, 4, 5], options)],
      ['globalAvgPool2d', () => grad.globalAvgPool2d(g([1, 1, 2, 1]), [1, 1, 4, 5])],
    ];
    for (const [op, call] of cases) expectThrows(() => evaluate(call), 'ShapeError', new RegExp(`grad\\.${op}`));
  });

  const image = { input: { shape: [1, 2, 4, 6] } };
  describeContract('maxPool2d', image, (t) => maxPool2d(t.input, { kernelSize: 2 }));
  describeContract('maxPool2dWithIndices', image, (t) => maxPool2dWithIndices(t.input, { kernelSize: 2 }));
  describeContract('avgPool2d', image, (t) => avgPool2d(t.input, { kernelSize: 2 }));
  describeContract('adaptiveAvgPool2d', image, (t) => adaptiveAvgPool2d(t.input, [2, 3]));
  describeContract('globalAvgPool2d', image, (t) => globalAvgPool2d(t.input));
  describeContract(
    'grad.maxPool2d',
    { gradOutput: { shape: [1, 2, 2, 3] }, indices: { shape: [1, 2, 2, 3], dtypes: ['int32'] } },
    (t) => grad.maxPool2d(t.gradOutput, t.indices, [1, 2, 4, 6], { kernelSize: 2 }),
  );
  describeContract('grad.avgPool2d', { gradOutput: { shape: [1, 2, 2, 3] } }, (t) =>
    grad.avgPool2d(t.gradOutput, [1, 2, 4, 6], { kernelSize: 2 }),
  );
});

import fc from 'fast-check';
import { avgPool1d, grad, maxPool1d, maxPool1dWithIndices } from 'receptive';
import { describe, expect, it } from 'vitest';
import { type NdArray, ndarray } from '../reference/ndarray';
import * as reference from '../reference/oneAxis';
import { expectClose, expectEqual } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectError, expectThrows } from '../support/errors';
import { expectGradient, weightedSum } from '../support/finiteDifferences';
import { Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';

const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const problems = fc
  .record({
    ...{ batch: small(1, 3), channels: small(1, 5), extra: small(0, 40) },
    ...{ kernelSize: small(1, 5), dilation: small(1, 2), stride: fc.option(small(1, 4), { nil: undefined }) },
    ...{ before: small(0, 2), after: small(0, 2) },
    padding: fc.constantFrom('both', 'same', 'valid', 'sides'),
    ceilMode: fc.boolean(),
    layout: fc.constantFrom('NCW' as const, 'NWC' as const),
    seed: fc.nat(),
  })
  .map(({ batch, channels, extra, kernelSize, dilation, stride, before, after, padding, ceilMode, layout, seed }) => {
    const reach = (kernelSize - 1) * dilation;
    // The first and the last window reach into the input.
    const [first, last] = [Math.min(before, reach), Math.min(after, reach)];
    const chosen = {
      both: Math.min(first, last),
      sides: [first, last] as const,
      same: 'same',
      valid: 'valid',
    } as const;
    const width = reach + 1 + extra;
    return {
      shape: layout === 'NWC' ? [batch, width, channels] : [batch, channels, width],
      options: {
        ...{ kernelSize, dilation, ceilMode, layout, padding: chosen[padding as keyof typeof chosen] },
        ...(stride === undefined ? {} : { stride }),
      },
      seed,
    };
  });

describeOnDevices('pooling along one axis', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it('agrees with the reference on random problems', () => {
      fc.assert(
        fc.property(problems, ({ shape, options, seed }) => {
          const random = new Random(seed);
          const x = random.integers(shape);
          if (seed % 3 === 0) x.data[random.integer(0, x.data.length - 1)] = Number.NaN;
          if (seed % 5 === 0) x.data[random.integer(0, x.data.length - 1)] = -Infinity;
          const expected = reference.maxPool1d(x, options);
          const g = random.array(expected.output.shape, dtype);
          const finite = random.array(shape, dtype);
          const actual = evaluate(() => {
            const { output, indices } = maxPool1dWithIndices(toTensor(x, dtype), options);
            const gradOutput = toTensor(g, dtype);
            return {
              output,
              indices,
              plain: maxPool1d(toTensor(x, dtype), options),
              gradient: grad.maxPool1d(gradOutput, indices, shape, options),
              averages: [true, false].map((countIncludePad) => ({
                countIncludePad,
                output: avgPool1d(toTensor(finite, dtype), { ...options, countIncludePad }),
                gradient: grad.avgPool1d(gradOutput, shape, { ...options, countIncludePad }),
              })),
            };
          });
          expect([actual.output.dtype, actual.indices.dtype]).toEqual([dtype, 'int32']);
          expectEqual(actual.indices, expected.indices, 'indices');
          expectEqual(actual.output, expected.output, 'output');
          expectEqual(actual.plain, expected.output, 'output without indices');
          const closeness = { dtype, terms: 16, scale: 1 } as const;
          const gradient = reference.maxPool1dGradient(g, expected.indices, shape, options);
          expectClose(actual.gradient, gradient, { ...closeness, what: 'gradient' });
          for (const average of actual.averages) {
            const settings = { ...options, countIncludePad: average.countIncludePad };
            expectClose(average.output, reference.avgPool1d(finite, settings), closeness);
            expectClose(average.gradient, reference.avgPool1dGradient(g, shape, settings), closeness);
          }
        }),
      );
    });

    it('accepts an empty batch', () => {
      const result = evaluate(() => {
        const { output, indices } = maxPool1dWithIndices(toTensor(ndarray([0, 3, 8]), dtype), { kernelSize: 2 });
        return {
          ...{ output, indices, average: avgPool1d(toTensor(ndarray([0, 3, 8]), dtype), { kernelSize: 3 }) },
          gradient: grad.maxPool1d(output, indices, [0, 3, 8], { kernelSize: 2 }),
        };
      });
      expect([result.output.shape, result.indices.shape]).toEqual([
        [0, 3, 4],
        [0, 3, 4],
      ]);
      expect([result.average.shape, result.gradient.shape]).toEqual([
        [0, 3, 2],
        [0, 3, 8],
      ]);
    });
  });

  it('has gradients that agree with finite differences', () => {
    const options = { kernelSize: 3, stride: 2, padding: [0, 1] } as const;
    const random = new Random('pool1d differences');
    const x = random.distinct([2, 3, 10]);
    const g = random.array([2, 3, 5], 'float64');
    const probe = (op: typeof maxPool1d) => (at: NdArray) =>
      weightedSum(
        evaluate(() => op(toTensor(at, 'float64'), options)),
        g,
      );
    const actual = evaluate(() => {
      const { indices } = maxPool1dWithIndices(toTensor(x, 'float64'), options);
      const gradOutput = toTensor(g, 'float64');
      return {
        max: grad.maxPool1d(gradOutput, indices, x.shape, options),
        average: grad.avgPool1d(gradOutput, x.shape, options),
      };
    });
    expectGradient(probe(maxPool1d), x, actual.max, { what: 'max' });
    expectGradient(probe(avgPool1d), x, actual.average, { what: 'average' });
  });

  it('refuses what makes no sense, in its own words', () => {
    const x = (shape = [1, 2, 6]) => toTensor(ndarray(shape));
    const shapes: [() => unknown, RegExp][] = [
      [() => maxPool1d(x([1, 2, 1, 6]), { kernelSize: 2 }), /^maxPool1d: input must have rank 3 \[N, C, W\]/],
      [() => avgPool1d(x(), { kernelSize: 7 }), /^avgPool1d: output width .* = 0 is not positive \(.*kernelSize 7\)/],
      [() => maxPool1d(x(), { kernelSize: 2, padding: 3 }), /^maxPool1d: the window of output element 0 lies wholly/],
      [() => grad.avgPool1d(x(), [1, 2, 6], { kernelSize: 2 }), /^grad\.avgPool1d: gradOutput/],
      [() => grad.avgPool1d(x([1, 2, 3]), [2, 6], { kernelSize: 2 }), /^grad\.avgPool1d: inputShape must have rank 3/],
    ];
    for (const [call, message] of shapes) expectThrows(() => evaluate(call), 'ShapeError', message);
    for (const [name, value] of Object.entries({
      ...{ kernelSize: [2, 2], stride: [1, 1], dilation: 0, padding: [1], layout: 'NCHW', ceilMode: 1 },
      countIncludePad: 'yes',
    })) {
      const call = (): unknown => evaluate(() => avgPool1d(x(), { kernelSize: 2, [name]: value } as never));
      expectThrows(call, 'ArgumentError', /^avgPool1d: /, new RegExp(name));
    }
    expectThrows(() => evaluate(() => maxPool1d(x(), undefined as never)), 'ArgumentError', /^maxPool1d: kernelSize/);
  });

  it('rejects the read when a position is out of range', async () => {
    const [g, indices] = [toTensor(ndarray([1, 1, 2])), toTensor(ndarray([1, 1, 2], [0, 4]), 'int32')];
    const result = grad.maxPool1d(g, indices, [1, 1, 4], { kernelSize: 2 });
    expectError(await result.data().catch((reason: unknown) => reason), 'IndexError', /maxPool2dGrad/, /4/);
    for (const t of [g, indices, result]) t.dispose();
  });

  const pairs = { kernelSize: 2 };
  describeContract('maxPool1d', { input: { shape: [1, 2, 6] } }, (t) => maxPool1d(t.input, pairs));
  describeContract('maxPool1dWithIndices', { input: { shape: [1, 2, 6] } }, (t) =>
    maxPool1dWithIndices(t.input, pairs),
  );
  describeContract('avgPool1d', { input: { shape: [1, 2, 6] } }, (t) => avgPool1d(t.input, pairs));
  describeContract('grad.avgPool1d', { gradOutput: { shape: [1, 2, 3] } }, (t) =>
    grad.avgPool1d(t.gradOutput, [1, 2, 6], pairs),
  );
  describeContract(
    'grad.maxPool1d',
    { gradOutput: { shape: [1, 2, 3] }, indices: { shape: [1, 2, 3], dtypes: ['int32'] } },
    (t) => grad.maxPool1d(t.gradOutput, t.indices, [1, 2, 6], pairs),
  );
});

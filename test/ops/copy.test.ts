import fc from 'fast-check';
import { concat, type DType, grad, pad, permute, slice, split, stack, transpose } from 'receptive';
import { describe, expect, it } from 'vitest';
import * as reference from '../reference/copy';
import { type NdArray, ndarray, permute as permuteReference } from '../reference/ndarray';
import { expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { type AnyTensor, evaluate, toTensor } from '../support/tensors';

const allDTypes = ['float32', 'float64', 'int32', 'uint8', 'bool'] as const;

/** Values that every type can hold. */
const values = (shape: readonly number[], seed: number | string, dtype: DType): NdArray =>
  new Random(seed).integers(shape, 0, dtype === 'bool' ? 1 : 200);

const shapes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 });
const problem = fc.record({ shape: shapes, axis: fc.nat(), negative: fc.boolean(), seed: fc.nat() });
const axisOf = ({ axis, negative }: { axis: number; negative: boolean }, rank: number): number =>
  (axis % rank) - (negative ? rank : 0);

function shuffled(rank: number, random: Random): number[] {
  const axes = Array.from({ length: rank }, (_, i) => i);
  for (let i = rank - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [axes[i], axes[j]] = [axes[j], axes[i]];
  }
  return axes;
}

describeOnDevices('copy', () => {
  describe.each(allDTypes)('%s', (dtype) => {
    it('concat and split agree with the reference and undo each other', () => {
      fc.assert(
        fc.property(problem, fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 }), (p, sizes) => {
          const axis = axisOf(p, p.shape.length);
          const parts = sizes.map((size, i) => values(p.shape.with(axis, size), `${p.seed} ${i}`, dtype));
          const { whole, again } = evaluate(() => {
            const joined = concat(
              parts.map((part) => toTensor(part, dtype)),
              axis,
            );
            return { whole: joined, again: split(joined, sizes, axis) };
          });
          expect(whole.dtype).toBe(dtype);
          expectSame(whole, reference.concat(parts, axis), 'concat');
          for (const [i, part] of parts.entries()) expectSame(again[i], part, `split ${i}`);
        }),
      );
    });

    it('stack agrees with the reference', () => {
      fc.assert(
        fc.property(problem, fc.integer({ min: 1, max: 4 }), (p, count) => {
          const axis = axisOf(p, p.shape.length + 1);
          const parts = Array.from({ length: count }, (_, i) => values(p.shape, `${p.seed} ${i}`, dtype));
          const actual = evaluate(() =>
            stack(
              parts.map((part) => toTensor(part, dtype)),
              axis,
            ),
          );
          expectSame(actual, reference.stack(parts, axis));
        }),
      );
    });

    it('permute agrees with the reference for any order of axes', () => {
      fc.assert(
        fc.property(problem, ({ shape, seed, negative }) => {
          const x = values(shape, seed, dtype);
          const axes = shuffled(shape.length, new Random(seed));
          const given = negative ? axes.map((axis) => axis - shape.length) : axes;
          const { moved, back } = evaluate(() => {
            const result = permute(toTensor(x, dtype), given);
            const inverse = axes.map((_, i) => axes.indexOf(i));
            return { moved: result, back: permute(result, inverse) };
          });
          expectSame(moved, permuteReference(x, axes));
          expectSame(back, x);
        }),
      );
    });

    it.each([
      [
        [64, 48],
        [1, 0],
      ],
      [
        [3, 33, 65],
        [0, 2, 1],
      ],
      [
        [2, 3, 17, 19],
        [0, 2, 3, 1],
      ],
      [
        [2, 17, 19, 3],
        [0, 3, 1, 2],
      ],
      [
        [5, 1, 7],
        [2, 1, 0],
      ],
    ])('permute of %j by %j', (shape, axes) => {
      const x = values(shape, 'permute', dtype);
      expectSame(
        evaluate(() => permute(toTensor(x, dtype), axes)),
        permuteReference(x, axes),
      );
    });

    it('pad and slice agree with the reference', () => {
      fc.assert(
        fc.property(problem, ({ shape, seed }) => {
          const random = new Random(seed);
          const x = values(shape, seed, dtype);
          const paddings = shape.map((): [number, number] => [random.integer(0, 3), random.integer(0, 3)]);
          const fillValue = dtype === 'bool' ? 1 : 7;
          const begin = shape.map((extent) => random.integer(0, extent));
          const end = shape.map((extent, axis) => random.integer(begin[axis], extent));
          const actual = evaluate(() => {
            const input = toTensor(x, dtype);
            return {
              padded: pad(input, paddings, fillValue),
              zeros: pad(input, paddings),
              part: slice(input, begin, end),
            };
          });
          expectSame(actual.padded, reference.pad(x, paddings, fillValue), 'pad with a value');
          expectSame(actual.zeros, reference.pad(x, paddings), 'pad with zeros');
          expectSame(actual.part, reference.slice(x, begin, end), 'slice');
        }),
      );
    });
  });

  it('copies NaN, infinities and the sign of zero', () => {
    const x = ndarray([2, 3], [Number.NaN, -0, Infinity, -Infinity, 0, 1e-310]);
    const actual = evaluate(() => {
      const input = toTensor(x, 'float64');
      return {
        concat: concat([input, input], 0),
        permute: permute(input, [1, 0]),
        pad: pad(
          input,
          [
            [1, 0],
            [0, 2],
          ],
          -0,
        ),
        clone: input.clone(),
      };
    });
    expectSame(actual.concat, reference.concat([x, x], 0));
    expectSame(actual.permute, permuteReference(x, [1, 0]));
    expectSame(
      actual.pad,
      reference.pad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        -0,
      ),
    );
    expectSame(actual.clone, x);
  });

  it('transpose swaps two axes, the last two by default', () => {
    const x = values([2, 3, 4], 'transpose', 'float32');
    const actual = evaluate(() => ({ last: transpose(toTensor(x)), named: transpose(toTensor(x), 0, -1) }));
    expectSame(actual.last, permuteReference(x, [0, 2, 1]));
    expectSame(actual.named, permuteReference(x, [2, 1, 0]));
  });

  it('split takes a number of equal parts', () => {
    const x = values([4, 6], 'split', 'float32');
    const parts = evaluate(() => split(toTensor(x), 3, 1));
    for (const [i, part] of reference.split(x, [2, 2, 2], 1).entries()) expectSame(parts[i], part);
  });

  it('gradients are the adjoint copies', () => {
    const random = new Random('copy gradients');
    const x = random.array([2, 3, 4], 'float64');
    const to = (a: NdArray): AnyTensor => toTensor(a, 'float64');
    const paddings: [number, number][] = [
      [1, 0],
      [0, 2],
      [3, 1],
    ];
    const padded = random.array([3, 5, 8], 'float64');
    const part = random.array([1, 2, 4], 'float64');
    const actual = evaluate(() => ({
      concat: grad.concat(to(x), [1, 2], 1),
      pad: grad.pad(to(padded), paddings),
      permute: grad.permute(to(permuteReference(x, [2, 0, 1])), [2, 0, 1]),
      slice: grad.slice(to(part), [2, 3, 4], [1, 0, 0], [2, 2, 4]),
      stack: grad.stack(to(x), 0),
    }));
    for (const [i, expected] of reference.split(x, [1, 2], 1).entries()) expectSame(actual.concat[i], expected);
    expectSame(actual.pad, reference.padGradient(padded, paddings));
    expectSame(actual.permute, x);
    expectSame(actual.slice, reference.sliceGradient(part, [2, 3, 4], [1, 0, 0]));
    for (const [i, row] of actual.stack.entries())
      expectSame(row, ndarray([3, 4], x.data.subarray(12 * i, 12 * i + 12)));
  });

  it('accepts empty tensors and scalars', () => {
    const actual = evaluate(() => ({
      concat: concat([toTensor(ndarray([0, 3])), toTensor(ndarray([0, 3]))], 0),
      permute: permute(toTensor(ndarray([2, 0, 3])), [2, 0, 1]),
      scalar: permute(toTensor(ndarray([], [5])), []),
      stack: stack([toTensor(ndarray([], [5])), toTensor(ndarray([], [6]))], 0),
      pad: pad(
        toTensor(ndarray([0, 2])),
        [
          [1, 0],
          [0, 0],
        ],
        3,
      ),
    }));
    expect(actual.concat.shape).toEqual([0, 3]);
    expect(actual.permute.shape).toEqual([3, 2, 0]);
    expectSame(actual.scalar, ndarray([], [5]));
    expectSame(actual.stack, ndarray([2], [5, 6]));
    expectSame(actual.pad, ndarray([1, 2], [3, 3]));
  });

  it('returns tensors with memory of their own, even where nothing changes', () => {
    const { before, after } = evaluate(() => {
      const x = toTensor(ndarray([2, 2], [1, 2, 3, 4]));
      const copies = [
        concat([x], 0),
        permute(x, [0, 1]),
        pad(x, [
          [0, 0],
          [0, 0],
        ]),
        slice(x, [0, 0], [2, 2]),
        x.clone(),
      ];
      const originals = copies.map((copy) => copy.clone());
      x.copy_(toTensor(ndarray([2, 2], [9, 9, 9, 9])));
      return { before: originals, after: copies };
    });
    for (const [i, copy] of after.entries()) expectSame(copy, before[i], `copy ${i}`);
  });

  describe('wrong input', () => {
    const t = (...shape: number[]): AnyTensor => toTensor(ndarray(shape));
    const cases: [string, () => unknown, RegExp, ...RegExp[]][] = [
      ['concat of nothing', () => concat([], 0), /concat/, /tensors/],
      ['concat of unequal extents', () => concat([t(2, 3), t(2, 4)], 0), /concat/, /\[2, ?4\]/],
      ['concat of unequal ranks', () => concat([t(2, 3), t(2)], 0), /concat/],
      ['concat of scalars', () => concat([t(), t()], 0), /concat/, /axis/],
      ['concat along no axis', () => concat([t(2), t(2)], 1), /concat/, /axis/],
      ['concat of unequal types', () => concat([t(2), toTensor(ndarray([2]), 'int32')], 0), /concat/, /int32/],
      ['stack of unequal shapes', () => stack([t(2), t(3)], 0), /stack/],
      ['stack beyond the rank', () => stack([t(2)], 2), /stack/, /axis/],
      ['split into sizes that do not add up', () => split(t(5), [2, 2], 0), /split/, /5/],
      ['split into unequal parts', () => split(t(5), 2, 0), /split/],
      ['split into no parts', () => split(t(5), 0, 0), /split/],
      ['split into negative parts', () => split(t(2), [3, -1], 0), /split/],
      ['permute with too few axes', () => permute(t(2, 3), [0]), /permute/, /axes/],
      ['permute with an axis twice', () => permute(t(2, 3), [0, 0]), /permute/, /axes/],
      ['permute beyond the rank', () => permute(t(2, 3), [0, 2]), /permute/, /axes/],
      ['pad with too few pairs', () => pad(t(2, 3), [[1, 1]]), /pad/],
      ['pad by a negative number', () => pad(t(2), [[-1, 0]]), /pad/],
      ['pad by a fraction', () => pad(t(2), [[0.5, 0]]), /pad/],
      ['pad by so much that the size overflows', () => pad(t(2), [[2 ** 53, 0]]), /pad/],
      [
        'pad with a value the type cannot hold',
        () => pad(toTensor(ndarray([2]), 'uint8'), [[1, 0]], -1),
        /pad/,
        /value/,
      ],
      ['slice beyond the end', () => slice(t(2, 3), [0, 0], [2, 4]), /slice/, /end/],
      ['slice backwards', () => slice(t(2, 3), [1, 0], [0, 3]), /slice/],
      ['slice with too few numbers', () => slice(t(2, 3), [0], [1]), /slice/],
      ['pad with an array that has a hole', () => pad(t(2), new Array(1)), /pad/, /paddings\[0\]/],
      ['split with an array that has a hole', () => split(t(2), new Array(1)), /split/, /parts\[0\]/],
      ['permute with an array that has a hole', () => permute(t(2), new Array(1)), /permute/, /axes\[0\]/],
      ['slice with an array that has a hole', () => slice(t(2), new Array(1)), /slice/, /begin\[0\]/],
      ['slice at a fraction', () => slice(t(4), [0.5], [2]), /slice/, /begin/],
    ];
    it.each(cases)('%s', (_, call, ...messages) => {
      expectThrows(() => evaluate(call), 'ReceptiveError', ...messages);
    });
  });

  const any = { input: { shape: [2, 3], dtypes: allDTypes } };
  describeContract('permute', any, (a) => permute(a.input, [1, 0]));
  describeContract('pad', any, (a) =>
    pad(a.input, [
      [1, 0],
      [0, 1],
    ]),
  );
  describeContract('slice', any, (a) => slice(a.input, [0, 0], [1, 2]));
  describeContract('split', any, (a) => split(a.input, [1, 1], 0));
  describeContract('concat', { tensors: { shape: [2, 3], dtypes: allDTypes } }, (a) => concat([a.tensors], 0));
  describeContract('stack', { tensors: { shape: [2, 3], dtypes: allDTypes } }, (a) => stack([a.tensors], 0));
});

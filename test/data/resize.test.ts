import { type HostImage, randomResizedCrop, resize } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { type ReferenceImage, resizePart } from '../reference/images';
import { ReferenceRandom } from '../reference/sampleRandom';
import { expectRejects, expectThrows } from '../support/errors';
import { bytes, floats, transformed } from '../support/images';
import { Random } from '../support/random';

const random = new Random('resize');
const image = (shape: readonly [number, number, number]): HostImage => ({
  data: Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.uniform(-1, 1)),
  shape,
});

function expectClose(actual: { data: number[] }, expected: readonly number[]): void {
  expect(actual.data.length).toBe(expected.length);
  for (const [i, value] of actual.data.entries()) expect(Math.abs(value - expected[i])).toBeLessThan(1e-6);
}

describe('resize', () => {
  it('interpolates where it grows: 0 and 4 on four pixels are 0, 1, 3, 4', async () => {
    // Centers at 0.25, 0.75, 1.25, 1.75 of pixels whose own are at 0.5 and 1.5.
    expect(await transformed(floats([[0, 4]]), resize([1, 4]))).toEqual({ data: [0, 1, 3, 4], shape: [1, 1, 4] });
    expect((await transformed(floats([[0], [4]]), resize([4, 1]))).data).toEqual([0, 1, 3, 4]);
    expect((await transformed(bytes([[0, 4]]), resize([1, 4]))).data).toEqual([0, 1, 3, 4]);
  });

  it('averages with a triangle where it shrinks: 8 pixels on 2', async () => {
    // Scale 4: center 2, weights 1 - |i + 0.5 - 2| / 4 = 5, 7, 7, 5, 3, 1 eighths of i = 0 … 5, together 28.
    const impulse = (i: number) => floats([Array.from({ length: 8 }, (_, j) => (i === j ? 28 : 0))]);
    for (const [i, weight] of [5, 7, 7, 5, 3, 1, 0, 0].entries()) {
      const { data } = await transformed(impulse(i), resize([1, 2]));
      expect(data[0]).toBeCloseTo(weight, 5);
      expect(data[1]).toBeCloseTo([5, 7, 7, 5, 3, 1, 0, 0][7 - i], 5);
    }
  });

  it('rounds bytes to the nearest', async () => {
    // 0, 10 on three pixels: centers 1/3, 1, 5/3; 0, 5, 10. 0 and 9: 4.5, a tie, to the even 4; 0 and 11: 5.5 to 6.
    for (const [value, middle] of [
      [10, 5],
      [9, 4],
      [11, 6],
      [255, 128],
    ]) {
      expect((await transformed(bytes([[0, value]]), resize([1, 3]))).data).toEqual([0, middle, value]);
    }
  });

  it.each([
    [
      [2, 5, 7],
      [3, 4],
    ],
    [
      [1, 9, 4],
      [2, 11],
    ],
    [
      [3, 4, 4],
      [4, 4],
    ],
    [
      [1, 1, 6],
      [5, 2],
    ],
    [
      [1, 17, 3],
      [1, 1],
    ],
  ] as const)('of %j to %j is as the reference has it', async (shape, [h, w]) => {
    const source = image(shape);
    const whole = { top: 0, left: 0, h: shape[1], w: shape[2] };
    const result = await transformed(source, resize([h, w]));
    expectClose(result, resizePart(source as ReferenceImage, whole, h, w));
    expect(result.shape).toEqual([shape[0], h, w]);
  });

  it('leaves an image of the size as it is', async () => {
    const source = image([2, 3, 5]);
    expect((await transformed(source, resize([3, 5]))).data).toEqual([...source.data]);
  });

  it('by a number sets the shorter side, the longer one in proportion, rounded down', async () => {
    expect((await transformed(image([1, 4, 7]), resize(3))).shape).toEqual([1, 3, 5]);
    expect((await transformed(image([1, 7, 4]), resize(3))).shape).toEqual([1, 5, 3]);
    expect((await transformed(image([1, 5, 5]), resize(8))).shape).toEqual([1, 8, 8]);
  });

  it('refuses images without pixels, and wrong sizes', async () => {
    await expectRejects(
      transformed({ data: new Float32Array(0), shape: [1, 0, 3] }, resize(2)),
      'ShapeError',
      /resize/,
    );
    expectThrows(() => resize(0), 'ArgumentError', /size must be an integer >= 1, given 0/);
    expectThrows(() => resize([2, 1.5]), 'ArgumentError', /size\[1\]/);
  });
});

describe('randomResizedCrop', () => {
  /** The part that the random numbers of sample 0 choose, by the rule as it is stated. */
  function part(h: number, w: number, scale: readonly number[], ratio: readonly number[], seed: number) {
    const numbers = new ReferenceRandom(seed, 0, 0, 0);
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = h * w * numbers.uniform(scale[0], scale[1]);
      const r = Math.exp(numbers.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
      const box = { h: Math.round(Math.sqrt(area / r)), w: Math.round(Math.sqrt(area * r)) };
      if (box.h < 1 || box.w < 1 || box.h > h || box.w > w) continue;
      return { ...box, top: numbers.integer(0, h - box.h), left: numbers.integer(0, w - box.w) };
    }
    return undefined;
  }

  it('resizes the part that the random numbers choose', async () => {
    const source = image([2, 20, 13]);
    for (let seed = 0; seed < 12; seed++) {
      const box = part(20, 13, [0.08, 1], [3 / 4, 4 / 3], seed);
      if (box === undefined) throw new Error(`seed ${seed} chooses no part within ten attempts`);
      // Within the formula, width and height may be computed in another order than in the implementation: no ties here.
      expectClose(
        await transformed(source, randomResizedCrop([6, 5]), { seed }),
        resizePart(source as ReferenceImage, box, 6, 5),
      );
    }
  });

  it('takes ranges of its own', async () => {
    const source = image([1, 16, 12]);
    const options = { scale: [0.3, 0.5], ratio: [0.5, 0.6] } as const;
    const box = part(16, 12, options.scale, options.ratio, 3);
    if (box === undefined) throw new Error('no part');
    expectClose(
      await transformed(source, randomResizedCrop(4, options), { seed: 3 }),
      resizePart(source as ReferenceImage, box, 4, 4),
    );
  });

  it('takes the middle where no part of that ratio has the area', async () => {
    // The whole area at ratio 1 does not fit into 4x10: the largest such part is 4x4, from column 3.
    const wide = image([1, 4, 10]);
    const square = { scale: [1, 1], ratio: [1, 1] } as const;
    const middle = { top: 0, left: 3, h: 4, w: 4 };
    expectClose(
      await transformed(wide, randomResizedCrop(4, square)),
      resizePart(wide as ReferenceImage, middle, 4, 4),
    );
    const tall = image([1, 11, 4]);
    const upright = { top: 3, left: 0, h: 4, w: 4 };
    expectClose(
      await transformed(tall, randomResizedCrop(3, square)),
      resizePart(tall as ReferenceImage, upright, 3, 3),
    );
  });

  it('of the whole image at its ratio is a resize', async () => {
    const source = image([1, 6, 6]);
    const whole = randomResizedCrop(4, { scale: [1, 1], ratio: [1, 1] });
    expect(await transformed(source, whole)).toEqual(await transformed(source, resize([4, 4])));
  });

  it('refuses wrong ranges', () => {
    for (const scale of [[0, 1], [0.5, 0.4], [0.5, 1.5], [1], 1, [Number.NaN, 1]]) {
      expectThrows(() => randomResizedCrop(4, { scale: scale as never }), 'ArgumentError', /scale/);
    }
    expectThrows(() => randomResizedCrop(4, { ratio: [-1, 1] }), 'ArgumentError', /ratio must be \[low, high\]/);
    expectThrows(() => randomResizedCrop(-4), 'ArgumentError', /size/);
  });
});

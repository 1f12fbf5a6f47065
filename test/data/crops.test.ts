import {
  arrayDataset,
  centerCrop,
  compose,
  DataLoader,
  moduleTransform,
  normalise,
  randomCrop,
  randomHorizontalFlip,
  repeatChannels,
  type Transform,
  toFloat,
} from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { ReferenceRandom } from '../reference/sampleRandom';
import { expectRejects, expectThrows } from '../support/errors';
import { bytes, floats, readEpoch, transformed } from '../support/images';

const small = bytes([
  [1, 2, 3, 4],
  [5, 6, 7, 8],
  [9, 10, 11, 12],
]);

/** What a transform makes of many copies of an image, each with random numbers of its own. */
async function manyTimes(transform: Transform, count: number, image = small): Promise<number[][]> {
  const size = image.data.length;
  const images = Uint8Array.from({ length: count * size }, (_, i) => image.data[i % size]);
  const dataset = arrayDataset(images, new Int32Array(count), image.shape);
  return (await readEpoch(new DataLoader(dataset, { batchSize: 1, transform, dtype: 'uint8', seed: 5 }))).images;
}

describe('centerCrop', () => {
  it('takes the middle, rounded towards the top and the left', async () => {
    expect(await transformed(small, centerCrop([1, 2]))).toEqual({ data: [6, 7], shape: [1, 1, 2] });
    expect(await transformed(small, centerCrop([2, 3]))).toEqual({ data: [1, 2, 3, 5, 6, 7], shape: [1, 2, 3] });
    expect((await transformed(small, centerCrop([3, 4]))).data).toEqual([...small.data]);
  });

  it('takes the same part of every channel, and keeps floats', async () => {
    const two = floats([[0.5, 1.5, 2.5]], [[-1, Number.NaN, Infinity]]);
    expect(await transformed(two, centerCrop(1))).toEqual({ data: [1.5, Number.NaN], shape: [2, 1, 1] });
  });

  it('refuses images that are smaller, and wrong sizes', async () => {
    const message = /centerCrop: the image \[1, 3, 4\] is smaller than the size 4x4/;
    await expectRejects(transformed(small, centerCrop(4)), 'ShapeError', message);
    expectThrows(() => centerCrop(0), 'ArgumentError', /size must be an integer >= 1/);
    expectThrows(() => centerCrop([1, 2, 3] as never), 'ArgumentError', /\[h, w\]/);
  });
});

describe('randomCrop', () => {
  it('takes a part at the place that the random numbers say', async () => {
    const transform = randomCrop([2, 3], { padding: [1, 2], fill: 200 });
    const results = await manyTimes(transform, 40);
    for (const [sample, result] of results.entries()) {
      const random = new ReferenceRandom(5, 0, sample, 0);
      const top = random.integer(0, 3 + 2 - 2) - 1;
      const left = random.integer(0, 4 + 4 - 3) - 2;
      const expected: number[] = [];
      for (let y = top; y < top + 2; y++) {
        for (let x = left; x < left + 3; x++) {
          expected.push(y < 0 || y > 2 || x < 0 || x > 3 ? 200 : small.data[4 * y + x]);
        }
      }
      expect(result, `sample ${sample}`).toEqual(expected);
    }
  });

  it('reaches every place', async () => {
    const places = new Set((await manyTimes(randomCrop(1, { padding: 1 }), 600)).map(([value]) => value));
    expect([...places].sort((a, b) => a - b)).toEqual([...new Array(13).keys()]);
  });

  it('without padding on an image of its size changes nothing', async () => {
    expect((await transformed(small, randomCrop([3, 4]))).data).toEqual([...small.data]);
  });

  it('refuses images that are too small, and wrong options', async () => {
    const message = /randomCrop: the image \[1, 3, 4\], padded to 5x4, is smaller than the size 6x4/;
    await expectRejects(transformed(small, randomCrop([6, 4], { padding: [1, 0] })), 'ShapeError', message);
    expectThrows(() => randomCrop(2, { padding: -1 }), 'ArgumentError', /padding must be an integer >= 0, given -1/);
    expectThrows(() => randomCrop(2, { fill: Number.NaN }), 'ArgumentError', /fill/);
    expectThrows(() => randomCrop(2, { pad: 1 } as never), 'ArgumentError', /unknown option 'pad'/);
  });
});

describe('randomHorizontalFlip', () => {
  it('exchanges left and right', async () => {
    const two = floats([[1, 2, 3]], [[4, 5, 6]]);
    expect((await transformed(two, randomHorizontalFlip(1))).data).toEqual([3, 2, 1, 6, 5, 4]);
    expect((await transformed(two, randomHorizontalFlip(0))).data).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await transformed(small, randomHorizontalFlip(1))).data).toEqual([4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9]);
  });

  it('does so with the probability asked for, as the random numbers say', async () => {
    const flipped = (await manyTimes(randomHorizontalFlip(0.3), 1000)).map(([first]) => first === 4);
    for (const [sample, flip] of flipped.entries()) {
      expect(flip).toBe(new ReferenceRandom(5, 0, sample, 0).uniform() < 0.3);
    }
    // Standard deviation sqrt(1000 * 0.21) = 14.5.
    expect(Math.abs(flipped.filter(Boolean).length - 300)).toBeLessThan(5 * 14.5);
  });

  it('refuses what is no probability', () => {
    for (const p of [-0.1, 1.1, Number.NaN, '1' as never]) {
      expectThrows(() => randomHorizontalFlip(p), 'ArgumentError', /p must be a finite number from 0 to 1/);
    }
  });
});

describe('repeatChannels', () => {
  it('repeats the channel of a grey image', async () => {
    const image = bytes([[1, 2, 3]]);
    expect(await transformed(image, repeatChannels())).toEqual({ data: [1, 2, 3, 1, 2, 3, 1, 2, 3], shape: [3, 1, 3] });
    expect(await transformed(image, repeatChannels(1))).toEqual({ data: [1, 2, 3], shape: [1, 1, 3] });
    const special = floats([[-0.5, Number.NaN]]);
    expect((await transformed(special, repeatChannels(2))).data).toEqual([-0.5, Number.NaN, -0.5, Number.NaN]);
  });

  it('refuses images with more channels, and numbers that are none', async () => {
    await expectRejects(transformed(bytes([[1]], [[2]]), repeatChannels()), 'ShapeError', /must have 1 channels/);
    expectThrows(() => repeatChannels(0), 'ArgumentError', /channels must be an integer >= 1, given 0/);
  });
});

describe('toFloat and normalise', () => {
  const pixels = bytes([[0, 51]], [[102, 255]]);
  const asFloats = (transform: Transform) => {
    const dataset = arrayDataset(pixels.data, [0], pixels.shape);
    return readEpoch(new DataLoader(dataset, { batchSize: 1, transform })).then(({ images }) => images[0]);
  };

  it('toFloat divides bytes by 255 and leaves floats', async () => {
    expect(await asFloats(toFloat())).toEqual([0, 0.2, 0.4, 1].map(Math.fround));
    expect(await asFloats(compose([toFloat(), toFloat()]))).toEqual([0, 0.2, 0.4, 1].map(Math.fround));
    expect((await transformed(floats([[-3, 300]]), toFloat())).data).toEqual([-3, 300]);
  });

  it('a float32 batch of bytes holds the same', async () => {
    expect(await asFloats(compose([]))).toEqual(await asFloats(toFloat()));
  });

  it('normalise subtracts the mean and divides by the deviation, of each channel', async () => {
    const expected = [(0 - 0.5) / 0.25, (0.2 - 0.5) / 0.25, (0.4 + 1) / 2, (1 + 1) / 2].map(Math.fround);
    expect(await asFloats(normalise([0.5, -1], [0.25, 2]))).toEqual(expected);
    for (const [i, value] of (await asFloats(compose([toFloat(), normalise([0.5, -1], [0.25, 2])]))).entries()) {
      expect(value).toBeCloseTo(expected[i], 6);
    }
    const both = [-0.5, -0.3, -0.1, 0.5].map((x) => Math.fround(x / 4));
    for (const [i, value] of (await asFloats(normalise(0.5, 4))).entries()) expect(value).toBeCloseTo(both[i], 7);
    expect((await transformed(floats([[1, Number.NaN]], [[2, Infinity]]), normalise(1, [1, 2]))).data).toEqual([
      0,
      Number.NaN,
      0.5,
      Infinity,
    ]);
  });

  it('normalise refuses another number of channels, and wrong numbers', async () => {
    const message = /normalise: mean and std are of 3 channels, the image has 2/;
    await expectRejects(asFloats(normalise([1, 2, 3], [1, 1, 1])), 'ShapeError', message);
    expectThrows(() => normalise([1, 2], [1, 2, 3]), 'ArgumentError', /given 2 and 3/);
    expectThrows(() => normalise(0, 0), 'ArgumentError', /std\[0\] must be > 0/);
    expectThrows(() => normalise([], 1), 'ArgumentError', /mean must be/);
    expectThrows(() => normalise([Number.NaN], 1), 'ArgumentError', /mean\[0\]/);
  });
});

describe('compose', () => {
  it('applies one after another, each with random numbers of its own place', async () => {
    const nested = compose([randomCrop(2), compose([randomHorizontalFlip(0.5), randomHorizontalFlip(0.5)])]);
    const results = await manyTimes(nested, 30);
    const flips = [1, 2].map((step) =>
      results.map((_, sample) => new ReferenceRandom(5, step, sample, 0).uniform() < 0.5),
    );
    const crops = await manyTimes(randomCrop(2), 30);
    expect(flips[0]).not.toEqual(flips[1]);
    for (const [sample, result] of results.entries()) {
      const [a, b, c, d] = crops[sample];
      expect(result).toEqual(flips[0][sample] !== flips[1][sample] ? [b, a, d, c] : [a, b, c, d]);
    }
  });

  it('takes functions, and checks what they return', async () => {
    const invert: Transform = ({ data, shape }) => ({ data: data.map((x) => 255 - x), shape });
    expect((await transformed(small, compose([invert, centerCrop(1)]))).data).toEqual([249]);
    const wrong: [Transform, RegExp, 'ArgumentError' | 'ShapeError'][] = [
      [() => undefined as never, /data must be a Uint8Array or a Float32Array, given undefined/, 'ArgumentError'],
      [({ shape }) => ({ data: [1] as never, shape }), /given \[1\]/, 'ArgumentError'],
      [({ data }) => ({ data, shape: [1, 2] as never }), /shape must be \[C, H, W\]/, 'ShapeError'],
      [({ data }) => ({ data, shape: [1, 2, 2] }), /\[1, 2, 2\] holds 4 values, but data has 12/, 'ShapeError'],
      [({ data }) => ({ data, shape: [1, -3, -4] }), /shape must be/, 'ShapeError'],
    ];
    for (const [transform, message, name] of wrong) {
      await expectRejects(transformed(small, transform), name, /^transform: the result: /, message);
    }
  });

  it('refuses what is no transform', () => {
    expectThrows(() => compose([randomCrop(2), 3 as never]), 'ArgumentError', /transforms\[1\] must be a transform/);
    expectThrows(() => compose([{ kind: 'sharpen' } as never]), 'ArgumentError', /of kind 'sharpen'/);
    expectThrows(() => compose([{ kind: 'toString' } as never]), 'ArgumentError', /of kind 'toString'/);
    expectThrows(() => compose(randomCrop(2) as never), 'ArgumentError', /an array/);
  });
});

describe('moduleTransform', () => {
  it('refuses relative names and options that cannot be sent', () => {
    expectThrows(() => moduleTransform('./invert.mjs'), 'ArgumentError', /absolute path or a file: URL/);
    expectThrows(() => moduleTransform('/invert.mjs', { f: () => 1 }), 'ArgumentError', /plain data/);
  });
});

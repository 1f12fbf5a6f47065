import { arrayDataset, channelStatistics, type Dataset } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { expectRejects } from '../support/errors';
import { Random } from '../support/random';

/** Mean and standard deviation of each channel, in two passes. */
function reference(images: readonly ArrayLike<number>[], channels: number, unit: number) {
  return Array.from({ length: channels }, (_, c) => {
    const values = images.flatMap((image) => {
      const plane = image.length / channels;
      return Array.from({ length: plane }, (__, i) => image[c * plane + i] / unit);
    });
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    return { mean, std: Math.sqrt(variance) };
  });
}

function expectClose(
  actual: { mean: readonly number[]; std: readonly number[] },
  expected: { mean: number; std: number }[],
) {
  expect(actual.mean).toHaveLength(expected.length);
  for (const [c, { mean, std }] of expected.entries()) {
    expect(actual.mean[c]).toBeCloseTo(mean, 10);
    expect(actual.std[c]).toBeCloseTo(std, 10);
  }
}

describe('channelStatistics', () => {
  const random = new Random('statistics');
  const bytes = Uint8Array.from({ length: 9 * 3 * 5 * 4 }, () => 256 * random.next());
  const image = (data: Uint8Array | Float32Array, i: number) => data.subarray(i * 60, (i + 1) * 60);

  it('are those of all pixels by channel, a byte x as x / 255', async () => {
    const dataset = arrayDataset(bytes, new Int32Array(9), [3, 5, 4]);
    const images = Array.from({ length: 9 }, (_, i) => image(bytes, i));
    expectClose(await channelStatistics(dataset), reference(images, 3, 255));
    const floats = Float32Array.from(bytes, (x) => x / 7 - 3);
    const others = Array.from({ length: 9 }, (_, i) => image(floats, i));
    expectClose(await channelStatistics(arrayDataset(floats, new Int32Array(9), [3, 5, 4])), reference(others, 3, 1));
    expectClose(await channelStatistics(arrayDataset(Uint8Array.of(0, 51, 102, 255), [0], [1, 2, 2])), [
      // Deviations -0.4, -0.2, 0, 0.6: variance 0.56 / 4.
      { mean: 0.4, std: Math.sqrt(0.14) },
    ]);
  });

  it('look at evenly spaced images where fewer are asked for', async () => {
    const dataset = arrayDataset(bytes, new Int32Array(9), [3, 5, 4]);
    const images = [0, 2, 4, 6].map((i) => image(bytes, i));
    expectClose(await channelStatistics(dataset, { samples: 4 }), reference(images, 3, 255));
    expect(await channelStatistics(dataset, { samples: 100 })).toEqual(await channelStatistics(dataset));
  });

  it('keep a channel of one colour finite', async () => {
    expect((await channelStatistics(arrayDataset(new Uint8Array(12).fill(7), [0, 0], [1, 2, 3]))).std).toEqual([1]);
    expect((await channelStatistics(arrayDataset(new Float32Array(12).fill(0.1), [0, 0], [1, 2, 3]))).std).toEqual([1]);
    expect((await channelStatistics(arrayDataset(new Uint8Array(12), [0, 0], [1, 2, 3]))).std).toEqual([1]);
  });

  it('refuse what has none', async () => {
    const empty = arrayDataset(new Uint8Array(0), [], [1, 2, 2]);
    await expectRejects(channelStatistics(empty), 'ArgumentError', /^channelStatistics: the data set is empty$/);
    const mixed: Dataset = {
      length: 2,
      get: (i) => ({ data: new Uint8Array(4 * (i + 1)), shape: [i + 1, 2, 2], label: 0 }),
    };
    await expectRejects(
      channelStatistics(mixed),
      'ShapeError',
      /sample 1 has shape \[2, 2, 2\], sample 0 has 1 channels/,
    );
    await expectRejects(channelStatistics(mixed, { samples: 0 }), 'ArgumentError', /samples must be an integer >= 1/);
    await expectRejects(channelStatistics(mixed, { size: 1 } as never), 'ArgumentError', /unknown option 'size'/);
  });
});

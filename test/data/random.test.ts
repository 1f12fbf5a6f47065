import { arrayDataset, compose, DataLoader, type HostImage, type SampleRandom } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { ReferenceRandom, referenceOrder } from '../reference/sampleRandom';
import { readEpoch } from '../support/images';

/** Draws that a transform makes for sample `sample` in step `step` of epoch `epoch`. */
async function draws<T>(
  draw: (random: SampleRandom) => T,
  { seed = 0, step = 0, sample = 0, epoch = 0 } = {},
): Promise<T> {
  let result: T | undefined;
  const dataset = arrayDataset(new Uint8Array(sample + 1), new Int32Array(sample + 1), [1, 1, 1]);
  const loader = new DataLoader(dataset, {
    batchSize: sample + 1,
    seed,
    transform: compose(
      Array.from({ length: step + 1 }, (_, i) => (image: HostImage, random: SampleRandom) => {
        // The last sample to come is the one that is asked for.
        if (i === step) result = draw(random);
        return image;
      }),
    ),
  });
  await readEpoch(loader, epoch);
  return result as T;
}

const first = (count: number) => (random: SampleRandom) => Array.from({ length: count }, () => random.uint32());

describe('SampleRandom', () => {
  // Known answers of Random123 1.14 (Salmon et al.), file kat_vectors: philox4x32 10, zero counter and key.
  it('is Philox-4x32-10: the known answer for zeros', async () => {
    expect(await draws(first(4))).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  it.each([
    { seed: 1, step: 0, sample: 0, epoch: 0 },
    { seed: 2 ** 53 - 1, step: 2, sample: 5, epoch: 7 },
    { seed: 2 ** 32, step: 1, sample: 3, epoch: 2 ** 32 - 1 },
    { seed: 0xdeadbeef, step: 0, sample: 9, epoch: 12345 },
  ])('is a function of $seed, $step, $sample, $epoch, as the reference has it', async (key) => {
    const reference = new ReferenceRandom(key.seed, key.step, key.sample, key.epoch);
    const expected = Array.from({ length: 11 }, () => reference.uint32());
    expect(await draws(first(11), key)).toEqual(expected);
  });

  it('draws uniform, integer and normal numbers by their formulas', async () => {
    const key = { seed: 77, step: 1, sample: 2, epoch: 3 };
    const draw = (random: Pick<SampleRandom, 'uniform' | 'integer' | 'normal'>) => [
      random.uniform(-3, 5),
      random.integer(-2, 9),
      random.integer(0, 2 ** 32 - 1),
      random.integer(4, 4),
      random.normal(1, 0.5),
    ];
    const expected = draw(new ReferenceRandom(77, 1, 2, 3) as unknown as SampleRandom);
    const actual = await draws(draw, key);
    for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i], 12);
  });

  it('draws integers that are equally frequent', async () => {
    const counts = await draws((random) => {
      const result = [0, 0, 0, 0, 0];
      for (let i = 0; i < 20_000; i++) result[random.integer(-2, 2) + 2]++;
      return result;
    });
    // Binomial with p = 1/5: standard deviation 57.
    for (const count of counts) expect(Math.abs(count - 4000)).toBeLessThan(5 * 57);
  });

  it('draws normal numbers of the mean and deviation asked for', async () => {
    const values = await draws((random) => Array.from({ length: 20_000 }, () => random.normal(3, 2)));
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    // Standard errors: 2 / sqrt(20000) = 0.014 and 4 * sqrt(2 / 20000) = 0.04.
    expect(Math.abs(mean - 3)).toBeLessThan(5 * 0.0142);
    expect(Math.abs(variance - 4)).toBeLessThan(5 * 0.04);
  });
});

describe('the order of an epoch', () => {
  const order = async (length: number, seed: number, epoch: number): Promise<number[]> => {
    const dataset = arrayDataset(new Uint8Array(length), new Int32Array(length), [1, 1, 1]);
    const { indices } = await readEpoch(new DataLoader(dataset, { batchSize: 64, shuffle: true, seed }), epoch);
    return indices.flat();
  };

  it.each([
    [1, 0, 0],
    [2, 3, 1],
    [100, 1, 0],
    [3000, 2 ** 40 + 5, 17],
  ])('of %i samples is the permutation of the reference, by seed %i and epoch %i', async (length, seed, epoch) => {
    const actual = await order(length, seed, epoch);
    expect(actual).toEqual(referenceOrder(length, seed, epoch));
    expect([...actual].sort((a, b) => a - b)).toEqual([...new Array(length).keys()]);
  });

  it('depends on seed and epoch', async () => {
    const once = await order(100, 1, 0);
    expect(await order(100, 1, 0)).toEqual(once);
    expect(await order(100, 2, 0)).not.toEqual(once);
    expect(await order(100, 1, 1)).not.toEqual(once);
    expect(await order(100, 1 + 2 ** 32, 0)).not.toEqual(once);
  });

  it('puts every sample at every place equally often', async () => {
    const size = 5;
    const trials = 1000;
    const dataset = arrayDataset(new Uint8Array(size), new Int32Array(size), [1, 1, 1]);
    const loader = new DataLoader(dataset, { batchSize: size, shuffle: true, seed: 7 });
    const counts = new Float64Array(size * size);
    for (let trial = 0; trial < trials; trial++) {
      const { indices } = await readEpoch(loader, trial);
      for (const [place, element] of indices[0].entries()) counts[place * size + element]++;
    }
    // Binomial with p = 1/5: standard deviation sqrt(1000 * 0.2 * 0.8) = 12.6; five of them in 25 cells.
    for (const count of counts) expect(Math.abs(count - trials / size)).toBeLessThan(5 * 12.65);
  });
});

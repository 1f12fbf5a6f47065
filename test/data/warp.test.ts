import { type HostImage, lensDistortion, randomRotation } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { distort, type ReferenceImage, rotate } from '../reference/images';
import { ReferenceRandom } from '../reference/sampleRandom';
import { expectThrows } from '../support/errors';
import { bytes, floats, transformed } from '../support/images';
import { Random } from '../support/random';

const source = new Random('warp');
const image = (shape: readonly [number, number, number]): HostImage & ReferenceImage => ({
  data: Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => source.uniform(-1, 1)),
  shape,
});

function expectClose(actual: readonly number[], expected: readonly number[], bound = 1e-6): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) expect(Math.abs(value - expected[i]), `value ${i}`).toBeLessThan(bound);
}

/** A seed whose first number, between -limit and limit, is within `near` of `wanted`. */
function seedFor(wanted: number, limit: number, near: number): number {
  for (let seed = 0; ; seed++) {
    if (Math.abs(new ReferenceRandom(seed, 0, 0, 0).uniform(-limit, limit) - wanted) < near) return seed;
  }
}

describe('randomRotation', () => {
  it('turns counter-clockwise where the angle is positive', async () => {
    // Nearly a quarter: the top row comes to stand at the left, read from below.
    const seed = seedFor(90, 180, 0.2);
    const turned = await transformed(
      bytes([
        [10, 20, 30],
        [40, 50, 60],
        [70, 80, 90],
      ]),
      randomRotation(180),
      { seed },
    );
    expectClose(turned.data, [30, 60, 90, 20, 50, 80, 10, 40, 70], 3);
  });

  it('is as the reference has it, on any shape', async () => {
    for (const shape of [
      [1, 5, 7],
      [3, 6, 4],
      [2, 1, 9],
      [1, 1, 1],
    ] as const) {
      const given = image(shape);
      for (let seed = 0; seed < 6; seed++) {
        const degrees = new ReferenceRandom(seed, 0, 0, 0).uniform(-150, 150);
        const { data } = await transformed(given, randomRotation(150, { fill: -2 }), { seed });
        expectClose(data, rotate(given, degrees, -2));
      }
    }
  });

  it('by 0 degrees changes nothing', async () => {
    const given = image([2, 4, 3]);
    expect((await transformed(given, randomRotation(0))).data).toEqual([...given.data]);
  });

  it('refuses wrong angles', () => {
    for (const degrees of [-1, 181, Number.NaN]) {
      expectThrows(() => randomRotation(degrees), 'ArgumentError', /degrees must be a finite number from 0 to 180/);
    }
    expectThrows(() => randomRotation(1, { fill: Infinity }), 'ArgumentError', /fill/);
    expectThrows(() => randomRotation(1, { expand: true } as never), 'ArgumentError', /'expand'/);
  });
});

describe('lensDistortion', () => {
  it('leaves the middle and moves a place at distance r to r * (1 + k r^2)', async () => {
    const random = new ReferenceRandom(1, 0, 0, 0);
    const k = random.uniform(-0.3, 0.3);
    // A ramp shows where each value comes from: one row, its corner at distance 4.
    const ramp = floats([[0, 1, 2, 3, 4, 5, 6, 7, 8]]);
    const { data } = await transformed(ramp, lensDistortion(0.3), { seed: 1 });
    expect(data[4]).toBe(4);
    const place = (x: number) => 4 + (x - 4) * (1 + k * ((x - 4) / 4) ** 2);
    for (const x of [1, 2, 3, 5, 6, 7]) expect(data[x]).toBeCloseTo(place(x), 5);
  });

  it('is as the reference has it', async () => {
    const given = image([2, 6, 9]);
    for (let seed = 0; seed < 6; seed++) {
      const k = new ReferenceRandom(seed, 0, 0, 0).uniform(-0.2, 0.2);
      expectClose(
        (await transformed(given, lensDistortion(undefined, { fill: 3 }), { seed })).data,
        distort(given, k, 3),
      );
    }
  });

  it('of strength 0 and of a single pixel changes nothing', async () => {
    const given = image([1, 3, 4]);
    expect((await transformed(given, lensDistortion(0))).data).toEqual([...given.data]);
    expect((await transformed(floats([[0.25]]), lensDistortion(0.3))).data).toEqual([0.25]);
  });

  it('refuses strengths at which the image would fold', () => {
    for (const strength of [-0.1, 0.34]) expectThrows(() => lensDistortion(strength), 'ArgumentError', /strength/);
  });
});

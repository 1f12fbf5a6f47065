import { colorCast, colorJitter, type HostImage, lightingJitter, type Transform, vignette } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import * as reference from '../reference/images';
import { ReferenceRandom } from '../reference/sampleRandom';
import { expectRejects, expectThrows } from '../support/errors';
import { bytes, floats, transformed } from '../support/images';
import { Random } from '../support/random';

type ReferenceImage = reference.ReferenceImage;

const source = new Random('colour');
const image = (shape: readonly [number, number, number]): HostImage & ReferenceImage => ({
  data: Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => source.uniform(0, 1)),
  shape,
});
const rgb = image([3, 4, 5]);
/** The same in bytes, and what those stand for. */
const rgbBytes: HostImage = { data: Uint8Array.from(rgb.data, (x) => Math.round(x * 255)), shape: rgb.shape };
const rgbSteps: ReferenceImage = { data: Array.from(rgbBytes.data, (x) => x / 255), shape: rgb.shape };

/** Equal up to the roundings of float32. */
function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) expect(Math.abs(value - expected[i]), `value ${i}`).toBeLessThan(1e-6);
}

/** Bytes, which are the nearest to what is expected; at ties either. */
function expectNearest(actual: readonly number[], expected: readonly number[]): void {
  for (const [i, value] of actual.entries()) {
    const exact = Math.min(255, Math.max(0, expected[i] * 255));
    expect(Math.abs(value - exact), `value ${i}`).toBeLessThan(0.5 + 1e-4);
  }
}

describe('colorJitter', () => {
  const pixel = (r: number, g: number, b: number) => floats([[r]], [[g]], [[b]]);

  it.each<[string, Transform, HostImage, number[]]>([
    ['brightness', colorJitter({ brightness: [1.5, 1.5] }), pixel(0.2, 0.5, 0.8), [0.3, 0.75, 1]],
    // Greys 0.299 and 0.587, mean 0.443: 2 * 1 - 0.443 is clamped, 2 * 0 - 0.443 too.
    [
      'contrast',
      colorJitter({ contrast: [0.5, 0.5] }),
      floats([[1, 0]], [[0, 1]], [[0, 0]]),
      [0.7215, 0.2215, 0.2215, 0.7215, 0.2215, 0.2215],
    ],
    // Grey 0.299 * 1 + 0.587 * 0.5 = 0.5925.
    ['saturation', colorJitter({ saturation: [0.5, 0.5] }), pixel(1, 0.5, 0), [0.79625, 0.54625, 0.29625]],
    ['saturation 0', colorJitter({ saturation: [0, 0] }), pixel(1, 0.5, 0), [0.5925, 0.5925, 0.5925]],
    ['hue, a third of the circle', colorJitter({ hue: [1 / 3, 1 / 3] }), pixel(1, 0.5, 0.25), [0.25, 1, 0.5]],
    ['hue, half of it', colorJitter({ hue: [-0.5, -0.5] }), pixel(1, 0, 0), [0, 1, 1]],
  ])('%s by the formula', async (_, transform, given, expected) => {
    expectClose((await transformed(given, transform)).data, expected);
  });

  it.each(['brightness', 'contrast', 'saturation', 'hue'] as const)('%s is as the reference has it', async (name) => {
    for (const amount of name === 'hue' ? [-0.5, -0.21, 0.07, 0.5] : [0, 0.3, 1, 1.7]) {
      const transform = colorJitter({ [name]: [amount, amount] });
      expectClose((await transformed(rgb, transform)).data, reference.colour[name](rgb, amount));
      expectNearest((await transformed(rgbBytes, transform)).data, reference.colour[name](rgbSteps, amount));
    }
  });

  it('draws amounts and order from the random numbers', async () => {
    const transform = colorJitter({ brightness: 0.4, contrast: 0.5, saturation: [0.2, 1.8], hue: 0.1 });
    for (let seed = 0; seed < 10; seed++) {
      const random = new ReferenceRandom(seed, 0, 0, 0);
      const steps = [
        ['brightness', random.uniform(0.6, 1.4)],
        ['contrast', random.uniform(0.5, 1.5)],
        ['saturation', random.uniform(0.2, 1.8)],
        ['hue', random.uniform(-0.1, 0.1)],
      ] as const;
      const order = [0, 1, 2, 3];
      for (let last = 3; last > 0; last--) {
        const other = random.integer(0, last);
        [order[last], order[other]] = [order[other], order[last]];
      }
      let expected: ReferenceImage = rgb;
      for (const i of order) {
        const [name, amount] = steps[i];
        expected = { data: reference.colour[name](expected, amount), shape: rgb.shape };
      }
      const { data } = await transformed(rgb, transform, { seed });
      for (const [i, value] of data.entries()) expect(Math.abs(value - expected.data[i])).toBeLessThan(1e-5);
    }
  });

  it('of a number more than 1 begins at 0', async () => {
    const random = new ReferenceRandom(4, 0, 0, 0);
    const factor = random.uniform(0, 4);
    const { data } = await transformed(rgb, colorJitter({ brightness: 3 }), { seed: 4 });
    expectClose(data, reference.colour.brightness(rgb, factor));
  });

  it('leaves grey images their grey', async () => {
    const grey = image([1, 2, 3]);
    const colours = colorJitter({ saturation: [0.2, 0.2], hue: [0.3, 0.3] });
    expectClose((await transformed(grey, colours)).data, [...grey.data]);
    const contrast = (await transformed(grey, colorJitter({ contrast: [2, 2] }))).data;
    expectClose(contrast, reference.colour.contrast(grey, 2));
    expect((await transformed(rgb, colorJitter({}))).data).toEqual([...rgb.data]);
  });

  it('refuses other numbers of channels, and wrong amounts', async () => {
    const two = image([2, 3, 3]);
    await expectRejects(
      transformed(two, colorJitter({ hue: 0.1 })),
      'ShapeError',
      /1 or 3 channels, given \[2, 3, 3\]/,
    );
    expectThrows(() => colorJitter({ brightness: -1 }), 'ArgumentError', /brightness/);
    expectThrows(() => colorJitter({ contrast: [1, 0.5] }), 'ArgumentError', /contrast must be \[low, high\]/);
    expectThrows(() => colorJitter({ saturation: [-1, 2] }), 'ArgumentError', /saturation\[0\]/);
    expectThrows(() => colorJitter({ hue: 0.6 }), 'ArgumentError', /hue .*from 0 to 0.5/);
    expectThrows(() => colorJitter({ hue: [0, 0.6] }), 'ArgumentError', /hue\[1\]/);
    expectThrows(() => colorJitter({ gamma: 1 } as never), 'ArgumentError', /'gamma'/);
  });
});

describe('lightingJitter', () => {
  it('adds the principal colours, each by its own amount', async () => {
    const values = [0.2175, 0.0188, 0.0045];
    const vectors = [
      [-0.5675, 0.7192, 0.4009],
      [-0.5808, -0.0045, -0.814],
      [-0.5836, -0.6948, 0.4203],
    ];
    const random = new ReferenceRandom(6, 0, 0, 0);
    const amounts = values.map(() => random.normal(0, 0.1));
    const shift = vectors.map((row) => row.reduce((sum, p, j) => sum + p * amounts[j] * values[j], 0));
    const plane = rgb.shape[1] * rgb.shape[2];
    const { data } = await transformed(rgb, lightingJitter(), { seed: 6 });
    expectClose(
      data,
      Array.from(rgb.data, (x, i) => x + shift[Math.floor(i / plane)]),
    );
    const asBytes = (await transformed(rgbBytes, lightingJitter(), { seed: 6 })).data;
    expectNearest(
      asBytes,
      Array.from(rgbSteps.data, (x, i) => x + shift[Math.floor(i / plane)]),
    );
    // Vectors of unit length, each orthogonal to the others: what principal components are.
    for (const a of [0, 1, 2]) {
      for (const b of [0, 1, 2]) {
        const product = vectors.reduce((sum, row) => sum + row[a] * row[b], 0);
        expect(Math.abs(product - (a === b ? 1 : 0))).toBeLessThan(2e-3);
      }
    }
  });

  it('of deviation 0 changes nothing, and refuses other than three channels', async () => {
    expect((await transformed(rgb, lightingJitter(0))).data).toEqual([...rgb.data]);
    await expectRejects(transformed(image([1, 2, 2]), lightingJitter()), 'ShapeError', /3 channels/);
    expectThrows(() => lightingJitter(-1), 'ArgumentError', /std/);
  });
});

describe('colorCast', () => {
  it('adds whole steps of 1/255 to the channels that a coin chooses', async () => {
    const chosen = new Set<boolean>();
    for (let seed = 0; seed < 8; seed++) {
      const random = new ReferenceRandom(seed, 0, 0, 0);
      const shifts = [0, 1].map(() => (random.uniform() < 0.5 ? random.integer(-30, 30) : 0));
      for (const shift of shifts) chosen.add(shift !== 0);
      const two = bytes([[10, 100]], [[250, 128]]);
      const expected = [10 + shifts[0], 100 + shifts[0], 250 + shifts[1], 128 + shifts[1]];
      const clamped = expected.map((x) => Math.min(255, Math.max(0, x)));
      expect((await transformed(two, colorCast(30), { seed })).data).toEqual(clamped);
      const { data } = await transformed(floats([[0.5]], [[2]]), colorCast(30), { seed });
      expectClose(data, [0.5 + shifts[0] / 255, 2 + shifts[1] / 255]);
    }
    expect([...chosen].sort()).toEqual([false, true]);
  });

  it('refuses wrong levels', () => {
    for (const levels of [-1, 1.5, 256]) expectThrows(() => colorCast(levels), 'ArgumentError', /from 0 to 255/);
  });
});

describe('vignette', () => {
  it('keeps the middle and darkens the corners', async () => {
    const random = new ReferenceRandom(2, 0, 0, 0);
    const strength = random.uniform(0, 1);
    const radius = random.uniform(0.25, 1);
    const white = floats([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]);
    const { data } = await transformed(white, vignette({ strength: 1, radius: 0.25 }), { seed: 2 });
    expect(data[4]).toBe(1);
    // The corner lies at distance 1, the middle of an edge at sqrt(1/2).
    const edge = 1 - strength * (Math.max(0, Math.SQRT1_2 - radius) / (1 - radius)) ** 2;
    expectClose(data, [1 - strength, edge, 1 - strength, edge, 1, edge, 1 - strength, edge, 1 - strength]);
  });

  it('is as the reference has it', async () => {
    for (let seed = 0; seed < 5; seed++) {
      const random = new ReferenceRandom(seed, 0, 0, 0);
      const expected = reference.vignette(rgb, random.uniform(0, 0.5), random.uniform(0.5, 1));
      expectClose((await transformed(rgb, vignette(), { seed })).data, expected);
      const steps = new ReferenceRandom(seed, 0, 0, 0);
      const inBytes = reference.vignette(rgbSteps, steps.uniform(0, 0.5), steps.uniform(0.5, 1));
      expectNearest((await transformed(rgbBytes, vignette(), { seed })).data, inBytes);
    }
  });

  it('of radius 1 and of a single pixel changes nothing', async () => {
    expect((await transformed(rgb, vignette({ radius: 1, strength: 1 }))).data).toEqual([...rgb.data]);
    expect((await transformed(floats([[0.5]]), vignette({ radius: 0, strength: 1 }))).data).toEqual([0.5]);
  });

  it('refuses wrong options', () => {
    expectThrows(() => vignette({ strength: 2 }), 'ArgumentError', /strength/);
    expectThrows(() => vignette({ radius: -1 }), 'ArgumentError', /radius/);
    expectThrows(() => vignette({ size: 1 } as never), 'ArgumentError', /'size'/);
  });
});

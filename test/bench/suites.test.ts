import { describe, expect, it } from 'vitest';
import { type Layer, parseLayer, shapeText } from '../../bench/conv/notation';
import { elements, operations, tensorShapes } from '../../bench/conv/shape';
import { suites, withBatch } from '../../bench/suites';
import { googlenet } from '../../bench/suites/networks';

const total = (layers: readonly Layer[], of: (layer: Layer) => number): number =>
  layers.reduce((sum, layer) => sum + layer.repeats * of(layer), 0);
const count = (layers: readonly Layer[]): number => total(layers, () => 1);
/** Multiplications and additions in pairs. */
const macs = (layers: readonly Layer[]): number => total(layers, ({ shape }) => operations(shape) / 2);
const weights = (layers: readonly Layer[]): number =>
  total(layers, ({ shape }) => elements(tensorShapes(shape).weight));

describe('suites of published networks', () => {
  it('alexnet: five layers in two columns', () => {
    // Output pixels x filters x taps of each layer; layers 2, 4 and 5 see half of the channels.
    const byHand = [
      55 ** 2 * 96 * (3 * 11 ** 2),
      27 ** 2 * 256 * (48 * 5 ** 2),
      13 ** 2 * 384 * (256 * 3 ** 2),
      13 ** 2 * 384 * (192 * 3 ** 2),
      13 ** 2 * 256 * (192 * 3 ** 2),
    ];
    expect(suites.alexnet.map(({ shape }) => operations(shape))).toEqual(byHand.map((pairs) => 2 * pairs));
    expect(macs(suites.alexnet)).toBe(665_784_864);
  });

  it('vgg_16: 13 layers, 15.35 G multiply-adds, 14.7 M weights', () => {
    expect(count(suites.vgg_16)).toBe(13);
    expect(macs(suites.vgg_16)).toBe(15_346_630_656);
    expect(weights(suites.vgg_16)).toBe(14_710_464);
  });

  it('resnet_50: 53 layers, 3.86 G multiply-adds, 23.45 M weights', () => {
    expect(count(suites.resnet_50)).toBe(53);
    // The paper's 3.8e9, which includes 2048 x 1000 of the dense layer.
    expect(macs(suites.resnet_50) + 2_048_000).toBe(3_857_973_248);
    expect(weights(suites.resnet_50)).toBe(23_454_912);
  });

  it('googlenet_v1: 57 layers, multiply-adds of each module as in table 1 of the paper', () => {
    expect(count(suites.googlenet_v1)).toBe(57);
    // Millions. The 54 of module 5a do not follow from the filters that the same row states, which give 51.
    const published = [128, 304, 73, 88, 100, 119, 170, 51, 71];
    const modules = published.map((_, i) => macs(googlenet.slice(3 + 6 * i, 9 + 6 * i)) / 1e6);
    for (const [i, number] of modules.entries()) expect(Math.abs(number - published[i]), `module ${i}`).toBeLessThan(1);
    expect(Math.abs(macs(googlenet.slice(1, 3)) / 1e6 - 360)).toBeLessThan(1);
    expect(weights(suites.googlenet_v1)).toBe(weights(googlenet));
    expect(macs(suites.googlenet_v1)).toBe(macs(googlenet));
  });

  it('deepbench: 42 geometries in 63 cases, 11 with a remainder', () => {
    expect(suites.deepbench.length).toBe(63);
    const geometries = withBatch(suites.deepbench, 1);
    expect(geometries.length).toBe(42);
    expect(count(geometries)).toBe(42);
    const uneven = geometries.filter(({ shape: { h, w, kernel, stride, padding } }) =>
      [h, w].some((extent, i) => (extent + 2 * padding[i] - kernel[i]) % stride[i] !== 0),
    );
    expect(uneven.length).toBe(11);
    const device = suites.deepbench.at(-1)?.shape;
    expect(device).toMatchObject({ n: 1, h: 40, w: 151, kernel: [5, 20], stride: [2, 8], padding: [8, 8] });
    expect(suites.deepbench[0].shape).toMatchObject({ n: 4, c: 1, h: 161, w: 700, k: 32, kernel: [5, 20] });
  });

  it('convnet: five layers of batch 128', () => {
    const sizes = suites.convnet.map(({ shape }) => [shape.n, ...tensorShapes(shape).output.slice(1)]);
    expect(sizes).toEqual([
      [128, 96, 118, 118],
      [128, 128, 56, 56],
      [128, 128, 24, 24],
      [128, 128, 10, 10],
      [128, 384, 11, 11],
    ]);
    expect(operations(suites.convnet[0].shape)).toBe(2 * 128 * 96 * 118 ** 2 * 3 * 11 ** 2);
  });

  it('mobilenet_v2: ten depthwise layers, 9 multiply-adds for each output', () => {
    expect(suites.mobilenet_v2.length).toBe(10);
    for (const { shape } of suites.mobilenet_v2) {
      expect([shape.k, shape.groups]).toEqual([shape.c, shape.c]);
      expect(operations(shape)).toBe(2 * 9 * elements(tensorShapes(shape).output));
      expect(tensorShapes(shape).output[2]).toBe(shape.h / shape.stride[0]);
    }
  });

  it('peers: 15 layers', () => {
    expect(suites.peers.length).toBe(15);
  });

  it('have no layer twice, and read back as they are written', () => {
    for (const [name, layers] of Object.entries(suites)) {
      const texts = layers.map(({ shape }) => shapeText(shape));
      expect(new Set(texts).size, name).toBe(texts.length);
      expect(texts.map((text) => parseLayer(text).shape)).toEqual(layers.map(({ shape }) => shape));
    }
  });
});

describe('the notation', () => {
  it('has a pair or one number for both', () => {
    expect(parseLayer('N16 64@56x40->128 k3x5 s2x1 p1x2 g4 x3')).toEqual({
      shape: { n: 16, c: 64, h: 56, w: 40, k: 128, kernel: [3, 5], stride: [2, 1], padding: [1, 2], groups: 4 },
      repeats: 3,
    });
    expect(parseLayer('3@7->8').shape).toMatchObject({
      n: 1,
      h: 7,
      w: 7,
      kernel: [1, 1],
      stride: [1, 1],
      padding: [0, 0],
    });
  });

  it.each([
    ['k3', /channels, size and filters are missing/],
    ['3@7->8 q4', /'q4' is not expected/],
    ['3@7->8 k3 k5', /'k5' is not expected/],
    ['3@7->8 s0', /only the padding may be 0/],
    ['3@7->8 g2', /2 groups do not divide/],
    ['3@7->8 k9', /the kernel is larger/],
    ['3@7->8 N2x2', /N is one number/],
  ])('refuses %s', (text, message) => {
    expect(() => parseLayer(text)).toThrow(message);
  });
});

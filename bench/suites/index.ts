import { type Layer, parseLayers, shapeText } from '../conv/notation';
import { deepbench } from './deepbench';
import { alexnet, convnet, googlenet, mobilenetV2, resnet50, vgg16 } from './networks';

/** Layers of the networks above that other runtimes publish figures for, and a depthwise one. */
const peers = parseLayers(`
  64@27->192 k5 p2 | 192@13->384 k3 p1
  3@224->64 k3 p1 | 64@224->64 k3 p1 | 128@112->128 k3 p1 | 256@56->256 k3 p1 | 512@28->512 k3 p1 | 512@14->512 k3 p1
  3@224->64 k7 s2 p3 | 64@56->64 k1 | 64@56->256 k1 | 128@56->128 k3 s2 p1 | 1024@14->256 k1 | 512@7->512 k3 p1
  192@56->192 k3 p1 g192`);

function merged(layers: readonly Layer[], repeats: (a: number, b: number) => number): Layer[] {
  const byText = new Map<string, Layer>();
  for (const layer of layers) {
    const text = shapeText(layer.shape);
    const before = byText.get(text);
    byText.set(text, before === undefined ? layer : { ...layer, repeats: repeats(before.repeats, layer.repeats) });
  }
  return [...byText.values()];
}

/** Equal layers as one. */
const distinct = (layers: readonly Layer[]): Layer[] => merged(layers, (a, b) => a + b);

/** The problem sets, by the names that --suite takes. */
export const suites: Readonly<Record<string, readonly Layer[]>> = {
  alexnet,
  vgg_16: vgg16,
  resnet_50: resnet50,
  googlenet_v1: distinct(googlenet),
  deepbench,
  convnet,
  mobilenet_v2: mobilenetV2,
  peers,
};

/**
 * The layers with another batch. A set that lists a geometry at several batches does not have it more often for that.
 */
export function withBatch(layers: readonly Layer[], n: number): Layer[] {
  return merged(
    layers.map(({ shape, repeats }) => ({ shape: { ...shape, n }, repeats })),
    Math.max,
  );
}

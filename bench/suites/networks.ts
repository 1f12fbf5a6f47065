// Convolutions of published networks, batch 1. Pooling, dense layers and shortcuts without weights are left out.
import { type Layer, parseLayers } from '../conv/notation';

/**
 * AlexNet as published, in two columns (Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep CNNs, 2012).
 */
export const alexnet: readonly Layer[] = parseLayers(`
  3@227->96 k11 s4
  96@27->256 k5 p2 g2
  256@13->384 k3 p1
  384@13->384 k3 p1 g2
  384@13->256 k3 p1 g2`);

/** VGG-16, configuration D (Simonyan, Zisserman: Very Deep Convolutional Networks, 2014). */
export const vgg16: readonly Layer[] = parseLayers(`
  3@224->64 k3 p1   | 64@224->64 k3 p1
  64@112->128 k3 p1 | 128@112->128 k3 p1
  128@56->256 k3 p1 | 256@56->256 k3 p1 x2
  256@28->512 k3 p1 | 512@28->512 k3 p1 x2
  512@14->512 k3 p1 x3`);

/** ResNet-50 v1, where the first 1x1 of a stage has the stride (He et al.: Deep Residual Learning, 2015). */
export const resnet50: readonly Layer[] = parseLayers(`
  3@224->64 k7 s2 p3
  64@56->256 k1 x4 | 64@56->64 k1 | 64@56->64 k3 p1 x3 | 256@56->64 k1 x2
  256@56->512 k1 s2 | 256@56->128 k1 s2 | 128@28->128 k3 p1 x4 | 128@28->512 k1 x4 | 512@28->128 k1 x3
  512@28->1024 k1 s2 | 512@28->256 k1 s2 | 256@14->256 k3 p1 x6 | 256@14->1024 k1 x6 | 1024@14->256 k1 x5
  1024@14->2048 k1 s2 | 1024@14->512 k1 s2 | 512@7->512 k3 p1 x3 | 512@7->2048 k1 x3 | 2048@7->512 k1 x2`);

/**
 * An inception module: 1x1, reduced 3x3, reduced 5x5 and the projection behind the pool, filters in the paper's order.
 */
function inception(
  channels: number,
  size: number,
  [one, reduce3, three, reduce5, five, projection]: readonly [number, number, number, number, number, number],
): string {
  return [
    ...[one, reduce3, reduce5, projection].map((filters) => `${channels}@${size}->${filters} k1`),
    `${reduce3}@${size}->${three} k3 p1`,
    `${reduce5}@${size}->${five} k5 p2`,
  ].join('|');
}

/** GoogLeNet without the auxiliary classifiers (Szegedy et al.: Going Deeper with Convolutions, 2014, table 1). */
export const googlenet: readonly Layer[] = parseLayers(
  [
    '3@224->64 k7 s2 p3 | 64@56->64 k1 | 64@56->192 k3 p1',
    inception(192, 28, [64, 96, 128, 16, 32, 32]),
    inception(256, 28, [128, 128, 192, 32, 96, 64]),
    inception(480, 14, [192, 96, 208, 16, 48, 64]),
    inception(512, 14, [160, 112, 224, 24, 64, 64]),
    inception(512, 14, [128, 128, 256, 24, 64, 64]),
    inception(512, 14, [112, 144, 288, 32, 64, 64]),
    inception(528, 14, [256, 160, 320, 32, 128, 128]),
    inception(832, 7, [256, 160, 320, 32, 128, 128]),
    inception(832, 7, [384, 192, 384, 48, 128, 128]),
  ].join('|'),
);

/** convnet-benchmarks' five layers, whose batch is 128. */
export const convnet: readonly Layer[] = parseLayers(`
  N128 3@128->96 k11 | N128 64@64->128 k9 | N128 128@32->128 k9 | N128 128@16->128 k7 | N128 384@13->384 k3`);

/** Depthwise layers of MobileNetV2 (Sandler et al., 2018): channels@size, and the stride where it is 2. */
export const mobilenetV2: readonly Layer[] = parseLayers(
  ['32@112', '96@112 s2', '144@56', '144@56 s2', '192@28', '192@28 s2', '384@14', '576@14', '576@14 s2', '960@7']
    .map((text) => text.replace(/^(\d+)@(\d+)/, '$1@$2->$1 k3 p1 g$1'))
    .join('|'),
);

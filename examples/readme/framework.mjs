// For authors of frameworks: a small network with explicit kernels and gradients. No tape: what backward needs has a name.
// The task: are an image's stripes vertical (label 0) or horizontal (label 1)?
import * as r from 'receptive';

r.manualSeed(1);
const weight = r.mul(r.randn([4, 1, 3, 3]), 0.3);
const mix = r.mul(r.randn([2, 4, 1, 1]), 0.3);
const velocities = [r.zeros(weight.shape), r.zeros(mix.shape)];

const labels = r.tensor(Int32Array.from({ length: 32 }, (_, n) => n % 2));
const stripes = (n, y, x) => (((n % 2 === 0 ? x : y) + n) % 4 < 2 ? 1 : -1);
const pixels = Float32Array.from({ length: 32 * 8 * 8 }, (_, i) => stripes(i >> 6, (i >> 3) & 7, i & 7));
const images = r.tensor(pixels, { shape: [32, 1, 8, 8] });

/** One step of training; returns the loss before it. Everything else made here is freed by tidy(). */
const step = () =>
  r.tidy(() => {
    const features = r.relu(r.conv2d(images, weight, { padding: 1 })); // [32, 4, 8, 8]
    const maps = r.conv2d(features, mix); // [32, 2, 8, 8]
    const logits = r.globalAvgPool2d(maps).reshape([32, 2]);
    const loss = r.crossEntropy(logits, labels);

    const gradLogits = r.grad.crossEntropy(r.tensor(1), logits, labels);
    const gradMaps = r.grad.globalAvgPool2d(gradLogits.reshape([32, 2, 1, 1]), maps.shape);
    const gradFeatures = r.grad.conv2dInput(features.shape, mix, gradMaps);
    const gradConv = r.grad.relu(gradFeatures, features);
    const gradWeight = r.grad.conv2dWeight(images, weight.shape, gradConv, { padding: 1 });
    const gradMix = r.grad.conv2dWeight(features, mix.shape, gradMaps);
    r.sgdStep_(weight, gradWeight, { learningRate: 0.1, momentum: 0.9, velocity: velocities[0] });
    r.sgdStep_(mix, gradMix, { learningRate: 0.1, momentum: 0.9, velocity: velocities[1] });
    return loss;
  });

for (let i = 0; i <= 100; i++) {
  const loss = step();
  if (i % 20 === 0) console.log(`step ${i}: loss ${(await loss.data())[0].toFixed(4)}`);
  loss.dispose();
}

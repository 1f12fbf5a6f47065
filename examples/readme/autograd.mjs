// The same network as in framework.mjs, with the tape: operations on tensors that require grad are recorded, and backward() fills
// in their gradients.
import * as r from 'receptive';

r.manualSeed(1);
const weight = r.randn([4, 1, 3, 3], { std: 0.3, requiresGrad: true });
const mix = r.randn([2, 4, 1, 1], { std: 0.3, requiresGrad: true });
const velocities = [r.zeros(weight.shape), r.zeros(mix.shape)];

const labels = r.tensor(Int32Array.from({ length: 32 }, (_, n) => n % 2));
const stripes = (n, y, x) => (((n % 2 === 0 ? x : y) + n) % 4 < 2 ? 1 : -1);
const pixels = Float32Array.from({ length: 32 * 8 * 8 }, (_, i) => stripes(i >> 6, (i >> 3) & 7, i & 7));
const images = r.tensor(pixels, { shape: [32, 1, 8, 8] });

function predict(input) {
  const features = r.conv2d(input, weight, { padding: 1, activation: 'relu' });
  return r.globalAvgPool2d(r.conv2d(features, mix)).reshape([input.shape[0], 2]);
}

/** One step of training; returns the loss before it. */
function step() {
  const loss = r.tidy(() => r.crossEntropy(predict(images), labels)); // what backward needs outlives the scope
  loss.backward();
  r.noGrad(() => {
    for (const [i, parameter] of [weight, mix].entries()) {
      r.sgdStep_(parameter, parameter.grad, { learningRate: 0.1, momentum: 0.9, velocity: velocities[i] });
      parameter.grad.dispose();
      parameter.grad = null;
    }
  });
  return loss;
}

for (let i = 0; i <= 100; i++) {
  const loss = step();
  if (i % 20 === 0) console.log(`step ${i}: loss ${(await loss.data())[0].toFixed(4)}`);
  loss.dispose();
}
console.log(`tensors left: ${r.memoryStats().tensors}`);

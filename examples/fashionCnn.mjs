/**
 * A small convolutional network with batch normalisation, for `npx receptive train --model examples/fashionCnn.mjs`: a module's
 * default export makes the model for the classes and images of the data set.
 */
import { BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from 'receptive/nn';

/**
 * A convolution of 3x3 without bias, which the normalisation would take away again.
 * @param {number} input channels
 * @param {number} output channels
 * @param {boolean} [pool] halves height and width; before the normalisation, which then has a quarter of the work
 */
function block(input, output, pool = false) {
  return new Sequential([
    new Conv2d(input, output, 3, { padding: 1, bias: false }),
    ...(pool ? [new MaxPool2d(2)] : []),
    new BatchNorm2d(output),
    new ReLU(),
  ]);
}

/** @param {{ classes: number, inputShape: readonly [number, number, number] }} request */
export default function fashionCnn({ classes, inputShape: [channels, height, width] }) {
  return new Sequential({
    block1: block(channels, 32, true),
    block2: block(32, 64),
    block3: block(64, 64, true),
    block4: block(64, 128, true),
    flatten: new Flatten(),
    classifier: new Linear(128 * Math.floor(height / 8) * Math.floor(width / 8), classes),
  });
}

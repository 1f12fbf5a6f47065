// A small network with all that a checkpoint has to hold: running statistics, and dropout that draws random numbers in each step.
import { BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from 'receptive/nn';

export default function tinyNet({ classes, inputShape: [channels, height, width] }) {
  return new Sequential([
    new Conv2d(channels, 4, 3, { padding: 1, bias: false }),
    new BatchNorm2d(4),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Dropout(0.2),
    new Linear(4 * Math.floor(height / 2) * Math.floor(width / 2), classes),
  ]);
}

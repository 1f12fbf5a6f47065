// A small network in which no sample influences another one, and whose dropout draws random numbers in each step.
import { Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from 'receptive/nn';

export default function dropoutNet({ classes, inputShape: [channels, height, width] }) {
  return new Sequential([
    new Conv2d(channels, 4, 3, { padding: 1 }),
    new ReLU(),
    new Dropout(0.3),
    new MaxPool2d(2),
    new Flatten(),
    new Dropout(0.3),
    new Linear(4 * Math.floor(height / 2) * Math.floor(width / 2), classes),
  ]);
}

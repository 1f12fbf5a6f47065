// The two sides of the comparison: engineered features with a linear classifier, and features that are learned with it.
import { hingeLoss, manualSeed, mul, oneHot, type Tensor, tidy } from 'receptive';
import { type ChannelStatistics, fashionMnistClasses, type MemoryDataset, normalise } from 'receptive/data';
import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  init,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from 'receptive/nn';
import type { Candidate, Method } from './contest';
import { hogDataset } from './hog';

const classes = fashionMnistClasses.length;

export interface Images {
  readonly train: MemoryDataset<Uint8Array>;
  readonly test: MemoryDataset<Uint8Array>;
}

/**
 * Support vector machines, one for each class against all others: the sum over the classes of max(0, 1 - t s), the mean of it
 * over the images. With weight decay 1 / (C N) this is C. Cortes' and V. Vapnik's objective for N images.
 */
export function oneVersusRest(scores: Tensor, labels: Tensor<'int32'>): Tensor {
  return tidy(() => mul(hingeLoss(scores, oneHot(labels, classes, { on: 1, off: -1 })), classes));
}

function linearModel(features: number): Module {
  const classifier = new Linear(features, classes);
  for (const values of classifier.parameters()) init.constant_(values, 0);
  return new Sequential({ flatten: new Flatten(), classifier });
}

/** Histograms of oriented gradients and a linear support vector machine; the features of all candidates are computed here. */
export async function engineered({ train, test }: Images): Promise<Method> {
  const candidates: Candidate[] = [];
  for (const cellSize of [4, 7]) {
    const started = performance.now();
    const images = { train: await hogDataset(train, { cellSize }), test: await hogDataset(test, { cellSize }) };
    const featureSeconds = (performance.now() - started) / 1000;
    const [features] = images.train.shape;
    for (const cost of [0.1, 1, 10]) {
      candidates.push({
        text: `cells of ${cellSize}x${cellSize}, C = ${cost}`,
        ...images,
        makeModel: () => linearModel(features),
        loss: oneVersusRest,
        learningRate: 0.1,
        weightDecay: 1 / (cost * train.length),
        features,
        featureSeconds,
      });
    }
  }
  return { name: 'HOG + linear SVM', candidates };
}

/** What the network's last layer, a linear classifier too, sees of an image. */
const learnedFeatures = 48 * 7 * 7;

/** Two convolutions that learn features, and a linear classifier. */
export function smallNetwork(seed: number): Module {
  manualSeed(seed);
  return new Sequential({
    conv1: new Conv2d(1, 16, 3, { padding: 1, bias: false }),
    norm1: new BatchNorm2d(16),
    relu1: new ReLU(),
    pool1: new MaxPool2d(2),
    conv2: new Conv2d(16, 48, 3, { padding: 1, bias: false }),
    norm2: new BatchNorm2d(48),
    relu2: new ReLU(),
    pool2: new MaxPool2d(2),
    flatten: new Flatten(),
    dropout: new Dropout(0.25),
    classifier: new Linear(learnedFeatures, classes),
  });
}

/** A network that learns its features. `pixels`: mean and standard deviation of the training images. */
export function learned({ train, test }: Images, pixels: ChannelStatistics, seed: number): Method {
  const candidates = [0.002, 0.005, 0.01, 0.02].map((learningRate) => ({
    text: `learning rate ${learningRate}`,
    train,
    test,
    transform: normalise(pixels.mean, pixels.std),
    makeModel: () => smallNetwork(seed),
    learningRate,
    weightDecay: 5e-4,
    features: learnedFeatures,
    featureSeconds: 0,
  }));
  return { name: 'CNN', candidates };
}

/** Running the network over a split without training: loss, accuracy, confusion matrix, predictions. */
import { crossEntropy, softmax, tidy } from 'receptive';
import { DataLoader, fashionMnistClasses, normalise } from 'receptive/data';
import { confusionMatrix, largest } from './confusion.mjs';
import { forward } from './network.mjs';

// Large enough to fill the machine, small enough that activations stay below 100 MB.
const BATCH_SIZE = 250;

/**
 * @typedef {object} Evaluation
 * @property {number} loss mean over the images
 * @property {number} accuracy 0 … 1
 * @property {Uint8Array} predictions class of each image
 * @property {Float32Array} confidences the predicted class's probability, of each image
 * @property {number[][]} confusion [actual][predicted], counts
 */

/**
 * @param {import('./network.mjs').Parameters} parameters
 * @param {import('./dataset.mjs').Split} split
 * @param {import('./trainer.mjs').Normalisation} normalisation
 * @param {AbortSignal} [signal]
 * @returns {Promise<Evaluation>}
 */
export async function evaluate(parameters, split, normalisation, signal) {
  const classes = fashionMnistClasses.length;
  const predictions = new Uint8Array(split.length);
  const confidences = new Float32Array(split.length);
  let loss = 0;
  let position = 0;
  const transform = normalise(normalisation.mean, normalisation.std);
  for await (const batch of new DataLoader(split, { batchSize: BATCH_SIZE, transform })) {
    try {
      signal?.throwIfAborted();
      const [probabilities, [batchLoss]] = await predict(parameters, batch);
      loss += batchLoss;
      for (let row = 0; row < batch.indices.length; row++, position++) {
        const best = largest(probabilities, row * classes, classes);
        predictions[position] = best;
        confidences[position] = probabilities[row * classes + best];
      }
    } finally {
      batch.dispose();
    }
  }
  const confusion = confusionMatrix(split.labels, predictions, classes);
  const correct = confusion.reduce((total, row, label) => total + row[label], 0);
  return { loss: loss / split.length, accuracy: correct / split.length, predictions, confidences, confusion };
}

/**
 * @param {import('./network.mjs').Parameters} parameters
 * @param {import('receptive/data').Batch} batch
 * @returns {Promise<[Float32Array, Float32Array]>} probabilities [count, 10]; the summed loss
 */
async function predict(parameters, { images, labels }) {
  const { probabilities, loss } = tidy(() => {
    const { logits } = forward(parameters, images);
    return {
      probabilities: softmax(logits, 1),
      loss: crossEntropy(logits, labels, { reduction: 'sum' }),
    };
  });
  const reads = Promise.all([probabilities.data(), loss.data()]);
  // A pending read has its own hold on the storage.
  probabilities.dispose();
  loss.dispose();
  return reads;
}

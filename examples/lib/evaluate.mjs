/** Running the network over a split without training: loss, accuracy, confusion matrix, predictions. */
import { crossEntropy, softmax, tensor, tidy } from 'receptive';
import { batches } from './batches.mjs';
import { confusionMatrix, largest } from './confusion.mjs';
import { CLASS_NAMES, IMAGE_SIZE } from './dataset.mjs';
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
 * @param {import('./batches.mjs').Normalisation} normalisation
 * @param {AbortSignal} [signal]
 * @returns {Promise<Evaluation>}
 */
export async function evaluate(parameters, split, normalisation, signal) {
  const classes = CLASS_NAMES.length;
  const predictions = new Uint8Array(split.count);
  const confidences = new Float32Array(split.count);
  let loss = 0;
  let position = 0;
  const order = Uint32Array.from({ length: split.count }, (_, index) => index);
  for (const batch of batches(split, order, BATCH_SIZE, normalisation)) {
    signal?.throwIfAborted();
    const [probabilities, [batchLoss]] = await predict(parameters, batch);
    loss += batchLoss;
    for (let row = 0; row < batch.count; row++, position++) {
      const best = largest(probabilities, row * classes, classes);
      predictions[position] = best;
      confidences[position] = probabilities[row * classes + best];
    }
  }
  const confusion = confusionMatrix(split.labels, predictions, classes);
  const correct = confusion.reduce((total, row, label) => total + row[label], 0);
  return { loss: loss / split.count, accuracy: correct / split.count, predictions, confidences, confusion };
}

/**
 * @param {import('./network.mjs').Parameters} parameters
 * @param {import('./batches.mjs').Batch} batch
 * @returns {Promise<[Float32Array, Float32Array]>} probabilities [count, 10]; the summed loss
 */
async function predict(parameters, batch) {
  const { probabilities, loss } = tidy(() => {
    const images = tensor(batch.images, { shape: [batch.count, 1, IMAGE_SIZE, IMAGE_SIZE] });
    const labels = tensor(batch.labels);
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

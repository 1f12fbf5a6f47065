/** Running figures of one epoch: loss, accuracy, speed, and the loss curve's points. */

const CURVE_POINTS = 40;

export class EpochMeter {
  #steps;
  #stepsDone = 0;
  #images = 0;
  #correct = 0;
  #lossSum = 0;
  #partLoss = 0;
  #partImages = 0;
  #started = performance.now();
  /** @type {number[]} */
  curve = [];

  /** @param {number} steps of the whole epoch */
  constructor(steps) {
    this.#steps = steps;
  }

  /** @param {import('./trainer.mjs').StepResult} result */
  add({ loss, correct, count }) {
    this.#stepsDone++;
    this.#images += count;
    this.#correct += correct;
    this.#lossSum += loss * count;
    this.#partLoss += loss * count;
    this.#partImages += count;
    // The epoch in equal parts: part k ends with the step that reaches k / CURVE_POINTS of it.
    if (
      Math.floor((this.#stepsDone * CURVE_POINTS) / this.#steps) >
      Math.floor(((this.#stepsDone - 1) * CURVE_POINTS) / this.#steps)
    ) {
      this.curve.push(this.#partLoss / this.#partImages);
      this.#partLoss = 0;
      this.#partImages = 0;
    }
  }

  /** Mean loss so far, each step with the weights it had. */
  get loss() {
    return this.#lossSum / this.#images;
  }

  get accuracy() {
    return this.#correct / this.#images;
  }

  get images() {
    return this.#images;
  }

  get seconds() {
    return (performance.now() - this.#started) / 1000;
  }

  get imagesPerSecond() {
    return this.#images / this.seconds;
  }
}

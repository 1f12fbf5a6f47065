// Running figures of one epoch: loss, accuracy, speed, and the loss curve's points.

/** Most points of an epoch's curve. */
const curvePoints = 40;

/** What one step gave. */
export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Images whose best answer was right. */
  readonly correct: number;
  /** Images whose five best answers had the right one; 0 if left out. */
  readonly correct5?: number;
  /** Images. */
  readonly count: number;
}

/** All that a meter knows, as plain data that JSON holds exactly. */
export type MeterState = {
  readonly steps: number;
  readonly images: number;
  readonly correct: number;
  readonly correct5: number;
  readonly lossSum: number;
  readonly partLoss: number;
  readonly partImages: number;
  readonly curve: readonly number[];
  readonly seconds: number;
};

const none: MeterState = {
  ...{ steps: 0, images: 0, correct: 0, correct5: 0, lossSum: 0, partLoss: 0, partImages: 0 },
  curve: [],
  seconds: 0,
};

export class EpochMeter {
  /** Of the whole epoch. */
  readonly steps: number;
  #state: MeterState;
  readonly #curve: number[];
  readonly #since = performance.now();

  /**
   * @param steps Of the whole epoch.
   * @param state Where another meter stopped, to continue from there.
   */
  constructor(steps: number, state: MeterState = none) {
    this.steps = steps;
    this.#state = state;
    this.#curve = [...state.curve];
  }

  add({ loss, correct, correct5 = 0, count }: StepResult): void {
    const before = this.#state;
    const partLoss = before.partLoss + loss * count;
    const partImages = before.partImages + count;
    // The epoch in equal parts: part k ends with the step that reaches k / parts of it.
    const ends = this.#part(before.steps + 1) > this.#part(before.steps);
    if (ends) this.#curve.push(partLoss / partImages);
    this.#state = {
      ...before,
      steps: before.steps + 1,
      images: before.images + count,
      correct: before.correct + correct,
      correct5: before.correct5 + correct5,
      lossSum: before.lossSum + loss * count,
      partLoss: ends ? 0 : partLoss,
      partImages: ends ? 0 : partImages,
    };
  }

  /** Parts in which the epoch's curve has a point each. */
  get parts(): number {
    return Math.min(this.steps, curvePoints);
  }

  /** Mean training loss of the parts of the epoch so far, in order. */
  get curve(): readonly number[] {
    return this.#curve;
  }

  /** Mean loss so far, each step with the weights it had. */
  get loss(): number {
    return this.#state.lossSum / this.#state.images;
  }

  get accuracy(): number {
    return this.#state.correct / this.#state.images;
  }

  get accuracy5(): number {
    return this.#state.correct5 / this.#state.images;
  }

  get images(): number {
    return this.#state.images;
  }

  get seconds(): number {
    return this.#state.seconds + (performance.now() - this.#since) / 1000;
  }

  get imagesPerSecond(): number {
    return this.images / this.seconds;
  }

  /** For another meter to continue from. */
  state(): MeterState {
    return { ...this.#state, curve: [...this.#curve], seconds: this.seconds };
  }

  #part(steps: number): number {
    return Math.floor((steps * this.parts) / this.steps);
  }
}

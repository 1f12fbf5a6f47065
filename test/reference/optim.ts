// One step of each optimiser as PyTorch documents it (torch.optim), on float64 with plain loops.

export interface SgdOptions {
  readonly learningRate: number;
  readonly momentum?: number;
  readonly dampening?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

/**
 * One step of stochastic gradient descent. The velocity starts at 0: d = g + weightDecay p; v <- momentum v + (1 -
 * dampening) d; p <- p - learningRate (nesterov ? d + momentum v : v).
 */
export function sgdStep(
  parameter: Float64Array,
  gradient: Float64Array,
  velocity: Float64Array | null,
  options: SgdOptions,
): void {
  const { learningRate, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  for (let i = 0; i < parameter.length; i++) {
    const d = gradient[i] + weightDecay * parameter[i];
    let step = d;
    if (velocity !== null) {
      velocity[i] = momentum * velocity[i] + (1 - dampening) * d;
      step = nesterov ? d + momentum * velocity[i] : velocity[i];
    }
    parameter[i] -= learningRate * step;
  }
}

export interface AdamOptions {
  readonly learningRate: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  readonly decoupled?: boolean;
}

export interface AdamState {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/**
 * One step of Adam, the t-th: d = g + weightDecay p; m <- beta1 m + (1 - beta1) d; v <- beta2 v + (1 - beta2) d^2; p <- p -
 * learningRate mHat / (sqrt(vHat) + epsilon) with mHat = m / (1 - beta1^t), vHat = v / (1 - beta2^t). Decoupled: d = g, and
 * p <- p - learningRate weightDecay p comes first.
 */
export function adamStep(
  parameter: Float64Array,
  gradient: Float64Array,
  { first, second }: AdamState,
  t: number,
  options: AdamOptions,
): void {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, decoupled = false } = options;
  for (let i = 0; i < parameter.length; i++) {
    let d = gradient[i];
    if (decoupled) parameter[i] -= learningRate * weightDecay * parameter[i];
    else d += weightDecay * parameter[i];
    first[i] = beta1 * first[i] + (1 - beta1) * d;
    second[i] = beta2 * second[i] + (1 - beta2) * d * d;
    const firstHat = first[i] / (1 - beta1 ** t);
    const secondHat = second[i] / (1 - beta2 ** t);
    parameter[i] -= (learningRate * firstHat) / (Math.sqrt(secondHat) + epsilon);
  }
}

export interface RmspropOptions {
  readonly learningRate: number;
  readonly alpha?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  readonly centered?: boolean;
}

export interface RmspropState {
  readonly square: Float64Array;
  readonly average: Float64Array;
  readonly buffer: Float64Array;
}

/**
 * One step of RMSprop: d = g + weightDecay p; s <- alpha s + (1 - alpha) d^2; centred: a <- alpha a + (1 - alpha) d and q =
 * sqrt(s - a^2), else q = sqrt(s); with a momentum b <- momentum b + d / (q + epsilon) and p <- p - learningRate b, without
 * p <- p - learningRate d / (q + epsilon).
 */
export function rmspropStep(
  parameter: Float64Array,
  gradient: Float64Array,
  { square, average, buffer }: RmspropState,
  options: RmspropOptions,
): void {
  const { learningRate, alpha = 0.99, epsilon = 1e-8, weightDecay = 0, momentum = 0, centered = false } = options;
  for (let i = 0; i < parameter.length; i++) {
    const d = gradient[i] + weightDecay * parameter[i];
    square[i] = alpha * square[i] + (1 - alpha) * d * d;
    let spread = square[i];
    if (centered) {
      average[i] = alpha * average[i] + (1 - alpha) * d;
      spread -= average[i] * average[i];
    }
    const step = d / (Math.sqrt(spread) + epsilon);
    buffer[i] = momentum * buffer[i] + step;
    parameter[i] -= learningRate * (momentum > 0 ? buffer[i] : step);
  }
}

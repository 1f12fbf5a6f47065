export interface SgdOptions {
  readonly learningRate: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

/**
 * One step of stochastic gradient descent as PyTorch defines it (without dampening). The velocity starts at 0:
 * d = g + weightDecay p; v <- momentum v + d; p <- p - learningRate (nesterov ? d + momentum v : v).
 */
export function sgdStep(
  parameter: Float64Array,
  gradient: Float64Array,
  velocity: Float64Array | null,
  options: SgdOptions,
): void {
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  for (let i = 0; i < parameter.length; i++) {
    const d = gradient[i] + weightDecay * parameter[i];
    let step = d;
    if (velocity !== null) {
      velocity[i] = momentum * velocity[i] + d;
      step = nesterov ? d + momentum * velocity[i] : velocity[i];
    }
    parameter[i] -= learningRate * step;
  }
}

import { broadcast } from './binary';
import { at, fill, map, type NdArray, ndarray, reduceTo, scalar, sizeOf, total, zip } from './ndarray';
import { logSoftmax } from './softmax';

export type Reduction = 'mean' | 'sum' | 'none';

/** Terms of a loss, reduced. */
function reduce(terms: NdArray, reduction: Reduction): NdArray {
  if (reduction === 'none') return terms;
  const sum = total(terms.data);
  return scalar(reduction === 'sum' ? sum : sum / terms.data.length);
}

/** The gradient that reaches each term of a reduced loss. */
function termGradient(g: NdArray, termShape: readonly number[], reduction: Reduction): NdArray {
  if (reduction === 'none') return g;
  const share = reduction === 'sum' ? 1 : 1 / sizeOf(termShape);
  return map(ndarray(termShape), () => g.data[0] * share);
}

/** A loss of two arrays that broadcast, with its derivative with respect to the first. */
interface PairLoss {
  readonly term: (y: number, t: number) => number;
  readonly derivative: (y: number, t: number) => number;
}

/** PyTorch bounds the logarithm from below, so that a certain but wrong prediction costs 100 and not infinity. */
const boundedLog = (x: number): number => Math.max(Math.log(x), -100);
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

export const pairLosses: Readonly<Record<string, PairLoss>> = {
  mseLoss: { term: (y, t) => (y - t) ** 2, derivative: (y, t) => 2 * (y - t) },
  sumSquaredError: { term: (y, t) => 0.5 * (y - t) ** 2, derivative: (y, t) => y - t },
  binaryCrossEntropy: {
    term: (y, t) => -(t * boundedLog(y) + (1 - t) * boundedLog(1 - y)),
    derivative: (y, t) => (y - t) / Math.max(y * (1 - y), 1e-12),
  },
  binaryCrossEntropyWithLogits: {
    term: (x, t) => (1 - t) * x + softplus(-x),
    derivative: (x, t) => 1 / (1 + Math.exp(-x)) - t,
  },
  hingeLoss: { term: (s, t) => Math.max(0, 1 - t * s), derivative: (s, t) => (1 - t * s > 0 ? -t : 0) },
};

export function pairLoss(name: string, y: NdArray, t: NdArray, reduction: Reduction): NdArray {
  return reduce(broadcast(y, t, pairLosses[name].term), reduction);
}

export function pairLossGradient(name: string, g: NdArray, y: NdArray, t: NdArray, reduction: Reduction): NdArray {
  const derivative = broadcast(y, t, pairLosses[name].derivative);
  const terms = zip(termGradient(g, derivative.shape, reduction), derivative, (a, b) => a * b);
  return reduceTo(terms, y.shape);
}

/** Shape of the labels of class scores [N, C, ...]: [N, ...]; [] for a single vector of scores [C]. */
const labelShape = (scores: readonly number[]): number[] =>
  scores.length === 1 ? [] : [scores[0], ...scores.slice(2)];
const classAxis = (scores: readonly number[]): number => (scores.length === 1 ? 0 : 1);
/** Index of class `k` at a label's position. */
const scoreIndex = (label: readonly number[], k: number, rank: number): number[] =>
  rank === 1 ? [k] : [label[0], k, ...label.slice(1)];

/** -log p[label]; log-probabilities [N, C, ...], labels [N, ...]. */
export function nllLoss(logProbabilities: NdArray, labels: NdArray, reduction: Reduction): NdArray {
  const rank = logProbabilities.shape.length;
  const terms = fill(labelShape(logProbabilities.shape), (index) => {
    return -at(logProbabilities, ...scoreIndex(index, at(labels, ...index), rank));
  });
  return reduce(terms, reduction);
}

export function nllLossGradient(g: NdArray, shape: readonly number[], labels: NdArray, reduction: Reduction): NdArray {
  const terms = termGradient(g, labelShape(shape), reduction);
  const axis = classAxis(shape);
  return fill(shape, (index) => {
    const label = index.toSpliced(axis, 1);
    return at(labels, ...label) === index[axis] ? -at(terms, ...label) : 0;
  });
}

/** -sum_k t_k log softmax(x)_k; the targets are labels [N, ...] or probabilities of the logits' shape. */
export function crossEntropy(logits: NdArray, target: NdArray, reduction: Reduction): NdArray {
  const axis = classAxis(logits.shape);
  const logP = logSoftmax(logits, axis);
  if (target.shape.length < logits.shape.length) return nllLoss(logP, target, reduction);
  const terms = fill(labelShape(logits.shape), (index) => {
    let term = 0;
    for (let k = 0; k < logits.shape[axis]; k++) {
      const position = scoreIndex(index, k, logits.shape.length);
      term -= at(target, ...position) * at(logP, ...position);
    }
    return term;
  });
  return reduce(terms, reduction);
}

/** With p = softmax(x): p_k * sum_j t_j - t_k, times the gradient of the term. */
export function crossEntropyGradient(g: NdArray, logits: NdArray, target: NdArray, reduction: Reduction): NdArray {
  const { shape } = logits;
  const axis = classAxis(shape);
  const terms = termGradient(g, labelShape(shape), reduction);
  const logP = logSoftmax(logits, axis);
  const probability = (index: readonly number[]): number => {
    if (target.shape.length === shape.length) return at(target, ...index);
    return at(target, ...index.toSpliced(axis, 1)) === index[axis] ? 1 : 0;
  };
  return fill(shape, (index) => {
    let mass = 0;
    for (let k = 0; k < shape[axis]; k++) mass += probability(index.with(axis, k));
    const p = Math.exp(at(logP, ...index));
    return at(terms, ...index.toSpliced(axis, 1)) * (p * mass - probability(index));
  });
}

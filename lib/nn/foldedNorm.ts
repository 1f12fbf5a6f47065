// A batch normalisation by running statistics is linear, so that a convolution in front of it can do its work:
//   scale = gamma / sqrt(var + epsilon),  weight'[k] = weight[k] scale[k],  bias'[k] = (bias[k] - mean[k]) scale[k] + beta[k].
import type { DType, FloatDType } from '../dtype';
import { native } from '../native';
import { add, div, mul, sub } from '../ops/binary';
import type { Layout } from '../ops/spatial';
import { sqrt } from '../ops/unary';
import { keep, tidy } from '../scope';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor, Tensor } from '../tensor';
import type { BatchNorm2d } from './norm';

/** What the folded weights follow from. */
export interface FoldSources {
  /** [K, …]. */
  readonly weight: AnyTensor;
  /** This and the following [K]. */
  readonly bias: AnyTensor | null;
  readonly gamma: AnyTensor | null;
  readonly beta: AnyTensor | null;
  readonly mean: AnyTensor;
  readonly variance: AnyTensor;
  readonly epsilon: number;
}

/** A convolution's weights, [K, …] and [K]. */
interface ConvWeights {
  readonly weight: AnyTensor;
  readonly bias: AnyTensor | null;
  readonly options: { readonly layout?: Layout };
}

/**
 * What `conv` with `norm` behind it is made of; null where one pass cannot do both, or would fail where the layers say why.
 *
 * @internal
 */
export function foldSources(conv: ConvWeights, norm: BatchNorm2d<FloatDType>): FoldSources | null {
  const { weight, bias } = conv;
  const { runningMean: mean, runningVar: variance, weight: gamma, bias: beta, options, training } = norm;
  if (training || mean === null || variance === null) return null;
  if ((options.layout ?? 'NCHW') !== (conv.options.layout ?? 'NCHW')) return null;
  const sources = { weight, bias, gamma, beta, mean, variance, epsilon: options.epsilon } as FoldSources;
  const { dtype, _device: device } = weight;
  const fits = (one: AnyTensor): boolean => !one.disposed && one.dtype === dtype && one._device === device;
  return mean.shape[0] === weight.shape[0] && tensorsOf(sources).every(fits) ? sources : null;
}

const versionOf = ({ _slot, _generation }: AnyTensor): number => native.version(_slot, _generation);

const tensorsOf = ({ weight, bias, gamma, beta, mean, variance }: FoldSources): AnyTensor[] =>
  [weight, bias, gamma, beta, mean, variance].filter((tensor) => tensor !== null);

/** Weights of a convolution with the normalisation behind it, as long as neither changes. @internal */
export class FoldedNorm {
  readonly weight: Tensor<DType>;
  readonly bias: Tensor<DType>;
  readonly #sources: readonly AnyTensor[];
  readonly #versions: readonly number[];
  readonly #epsilon: number;

  constructor(sources: FoldSources) {
    this.#sources = tensorsOf(sources);
    this.#versions = this.#sources.map(versionOf);
    this.#epsilon = sources.epsilon;
    const { weight, bias, gamma, beta, mean, variance, epsilon } = sources;
    const folded = noGrad(() =>
      tidy(() => {
        const deviation = sqrt(add(variance, epsilon));
        const scale = gamma === null ? div(1, deviation) : div(gamma, deviation);
        const shift = mul(sub(bias ?? 0, mean), scale);
        return {
          weight: mul(weight, scale.reshape([scale.size, ...weight.shape.slice(1).map(() => 1)])),
          bias: beta === null ? shift : add(shift, beta),
        };
      }),
    );
    this.weight = keep(folded.weight);
    this.bias = keep(folded.bias);
  }

  /** Whether it is made of these, and they are as they were. */
  isOf(sources: FoldSources): boolean {
    const tensors = tensorsOf(sources);
    return (
      sources.epsilon === this.#epsilon &&
      tensors.length === this.#sources.length &&
      tensors.every((tensor, i) => tensor === this.#sources[i] && versionOf(tensor) === this.#versions[i])
    );
  }

  dispose(): void {
    this.weight.dispose();
    this.bias.dispose();
  }
}

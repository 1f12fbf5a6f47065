// Every public operation; a new family adds a line here, and its gradients one in gradients.ts.
export {
  elu,
  type GeluOptions,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from './activation';
export {
  type AdamOptions,
  type AdamStepSettings,
  adamStep_,
  type RmspropOptions,
  type RmspropStepSettings,
  rmspropStep_,
} from './adaptiveSteps';
export { type BatchNormOptions, batchNorm, batchNormWithStatistics } from './batchNorm';
export {
  type Arithmetic,
  add,
  type Division,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  mul,
  notEqual,
  type Operand,
  type Predicate,
  pow,
  type QuotientDType,
  sub,
} from './binary';
export { cast } from './cast';
export { crossEntropy, nllLoss } from './classLoss';
export { concat, split, stack } from './concat';
export { conv1d } from './conv1d';
export { conv2d } from './conv2d';
export { conv3d } from './conv3d';
export type { Conv3dOptions } from './conv3dPlan';
export type { ConvAlgorithmName, PlannedAlgorithmName, WinogradVariant } from './convAlgorithm';
export type { Conv1dOptions, Conv2dOptions, ConvActivation, ConvOptions } from './convPlan';
export {
  type ConvSearchResult,
  clearConvSearchResults,
  convSearchResults,
  loadConvSearchResults,
} from './convSearch';
export {
  type ConvAlgorithm,
  type ConvAlgorithmsOptions,
  type ConvCandidate,
  convAlgorithms,
  convOutputSize,
  type DeclinedConvAlgorithm,
} from './convSizes';
export { type ConvTranspose2dOptions, convTranspose2d } from './convTranspose2d';
export { clone, type Paddings, pad, permute, slice, transpose } from './copy';
export { type DropoutOptions, dropout } from './dropout';
export { gather, gatherElements } from './gather';
export { type Col2imOptions, col2im, type Im2colOptions, im2col } from './im2col';
export { type LayerNormOptions, layerNorm, layerNormWithStatistics } from './layerNorm';
export { linear } from './linear';
export { type LocalResponseNormOptions, localResponseNorm } from './localResponseNorm';
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  hingeLoss,
  type LossOptions,
  mseLoss,
  type Reduction,
  sumSquaredError,
} from './loss';
export { type MatmulOptions, matmul } from './matmul';
export type { MatmulBackend, MatmulBackendOptions } from './matmulBackend';
export { type OneHotOptions, oneHot } from './oneHot';
export { type SgdOptions, scale_, sgdStep_ } from './optim';
export {
  type AvgPoolOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
  type LayoutOptions,
  maxPool2d,
  maxPool2dWithIndices,
  type PoolOptions,
} from './pool';
export { type AvgPool1dOptions, avgPool1d, maxPool1d, maxPool1dWithIndices, type Pool1dOptions } from './pool1d';
export { prelu } from './prelu';
export {
  argmax,
  argmin,
  type MeanDType,
  max,
  mean,
  min,
  type ReduceOptions,
  type SumDType,
  sum,
  sumSquares,
  type VarianceOptions,
  variance,
} from './reduce';
export { logSoftmax, softmax } from './softmax';
export type { Layout, Layout1d } from './spatial';
export { type TopkOptions, topk } from './topk';
export {
  abs,
  ceil,
  clamp,
  exp,
  floor,
  log,
  logicalNot,
  neg,
  reciprocal,
  round,
  rsqrt,
  sign,
  sqrt,
  square,
} from './unary';
export type { TripleOption, VolumePadding, VolumeWindowOptions } from './volumeWindow';
export { where } from './where';
export type { Padding, Padding1d, PairOption, WindowOptions, WindowOptions1d } from './window';

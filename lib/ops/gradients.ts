// The namespace `grad`: the gradient kernels under the names of their forward ops. Arguments are the output's gradient,
// what the forward op saved, then its options; `conv2dInput` and `conv2dWeight` name a shape first.
export {
  eluGradient as elu,
  geluGradient as gelu,
  hardSigmoidGradient as hardSigmoid,
  hardSwishGradient as hardSwish,
  leakyReluGradient as leakyRelu,
  mishGradient as mish,
  relu6Gradient as relu6,
  reluGradient as relu,
  seluGradient as selu,
  sigmoidGradient as sigmoid,
  siluGradient as silu,
  softplusGradient as softplus,
  tanhGradient as tanh,
} from './activation';
export { type BatchNormGradientOptions, batchNormGradient as batchNorm } from './batchNormGradient';
export {
  addGradient as add,
  type BinaryGradients,
  divGradient as div,
  maximumGradient as maximum,
  minimumGradient as minimum,
  mulGradient as mul,
  powGradient as pow,
  subGradient as sub,
} from './binaryGradients';
export { crossEntropyGradient as crossEntropy, nllLossGradient as nllLoss } from './classLoss';
export { concatGradient as concat, splitGradient as split, stackGradient as stack } from './concat';
export {
  type Conv1dGradientOptions,
  conv1dBiasGradient as conv1dBias,
  conv1dGradient as conv1d,
  conv1dInputGradient as conv1dInput,
  conv1dWeightGradient as conv1dWeight,
} from './conv1d';
export {
  type Conv3dGradientOptions,
  conv3dBiasGradient as conv3dBias,
  conv3dGradient as conv3d,
  conv3dInputGradient as conv3dInput,
  conv3dWeightGradient as conv3dWeight,
  type VolumeGradientOptions,
} from './conv3dGradients';
export {
  type Conv2dGradientOptions,
  type ConvGradientOptions,
  conv2dBiasGradient as conv2dBias,
  conv2dGradient as conv2d,
  conv2dInputGradient as conv2dInput,
  conv2dWeightGradient as conv2dWeight,
} from './convGradients';
export {
  type ConvTranspose2dGradientOptions,
  convTranspose2dBiasGradient as convTranspose2dBias,
  convTranspose2dGradient as convTranspose2d,
  convTranspose2dInputGradient as convTranspose2dInput,
  convTranspose2dWeightGradient as convTranspose2dWeight,
} from './convTranspose2d';
export {
  padGradient as pad,
  permuteGradient as permute,
  sliceGradient as slice,
  transposeGradient as transpose,
} from './copy';
export { dropoutGradient as dropout } from './dropout';
export { gatherElementsGradient as gatherElements, gatherGradient as gather } from './gather';
export { col2imGradient as col2im, im2colGradient as im2col } from './im2col';
export { type LayerNormGradientOptions, layerNormGradient as layerNorm } from './layerNorm';
export { linearGradient as linear } from './linear';
export { localResponseNormGradient as localResponseNorm } from './localResponseNorm';
export {
  binaryCrossEntropyGradient as binaryCrossEntropy,
  binaryCrossEntropyWithLogitsGradient as binaryCrossEntropyWithLogits,
  hingeLossGradient as hingeLoss,
  mseLossGradient as mseLoss,
  sumSquaredErrorGradient as sumSquaredError,
} from './loss';
export { matmulGradient as matmul } from './matmul';
export { avgPool1dGradient as avgPool1d, maxPool1dGradient as maxPool1d } from './pool1d';
export {
  adaptiveAvgPool2dGradient as adaptiveAvgPool2d,
  avgPool2dGradient as avgPool2d,
  globalAvgPool2dGradient as globalAvgPool2d,
  maxPool2dGradient as maxPool2d,
} from './poolGradients';
export { preluGradient as prelu } from './prelu';
export {
  maxGradient as max,
  meanGradient as mean,
  minGradient as min,
  sumGradient as sum,
  sumSquaresGradient as sumSquares,
  varianceGradient as variance,
} from './reduceGradients';
export { logSoftmaxGradient as logSoftmax, softmaxGradient as softmax } from './softmax';
export { topkGradient as topk } from './topk';
export {
  absGradient as abs,
  clampGradient as clamp,
  expGradient as exp,
  logGradient as log,
  negGradient as neg,
  reciprocalGradient as reciprocal,
  rsqrtGradient as rsqrt,
  sqrtGradient as sqrt,
  squareGradient as square,
} from './unary';
export { whereGradient as where } from './where';

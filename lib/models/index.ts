// Known networks: `receptive/models`.
export { type AlexNetOptions, alexnet } from './alexnet';
export { bnInception } from './bnInception';
export type { DenseModelOptions } from './denseHead';
export { GoogLeNet, type GoogLeNetOptions, type GoogLeNetOutputs, googlenet } from './googlenet';
export { MultiHeadModule, type TrainingHead, trainingLogits, weightedLoss } from './heads';
export { type LeNet5Options, lenet5 } from './lenet5';
export { type MobileNetV2Options, mobilenetV2 } from './mobilenetV2';
export type { DropoutModelOptions, ModelOptions } from './options';
export { preluNet } from './preluNet';
export { createModel, type ModelInfo, type ModelName, modelNames, models } from './registry';
export { resnet18, resnet50 } from './resnet';
export { SpatialPyramidPool } from './spatialPyramidPool';
export { type SqueezeNetOptions, squeezenet } from './squeezenet';
export { vgg16, vgg19 } from './vgg';
export { zfnet } from './zfnet';

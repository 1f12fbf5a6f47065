// Known networks: `receptive/models`.
export { MultiHeadModule, type TrainingHead, trainingLogits, weightedLoss } from './heads';
export { type LeNet5Options, lenet5 } from './lenet5';
export type { DropoutModelOptions, ModelOptions } from './options';
export { createModel, type ModelInfo, type ModelName, modelNames, models } from './registry';

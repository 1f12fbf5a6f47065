// Layers and models: `receptive/nn`.
export {
  ELU,
  GELU,
  HardSigmoid,
  HardSwish,
  LeakyReLU,
  LogSoftmax,
  Mish,
  ReLU,
  ReLU6,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from './activations';
export { Checkpoint, Concat, Residual } from './branches';
export {
  Conv1d,
  type Conv1dLayerOptions,
  Conv2d,
  type Conv2dLayerOptions,
  Conv3d,
  type Conv3dLayerOptions,
} from './conv';
export { ConvTranspose2d, type ConvTranspose2dLayerOptions } from './convTranspose';
export { Dropout } from './dropout';
export type { FanMode } from './fans';
export type { Field, FieldAxis } from './field';
export type { GainOptions, HeOptions } from './init';
export * as init from './init';
export { Linear } from './linear';
export { type AnyModule, type ForwardHook, Module } from './module';
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormLayerOptions,
  LayerNorm,
  type LayerNormLayerOptions,
  LocalResponseNorm,
} from './norm';
export { parameter } from './parameter';
export { AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d } from './pool';
export { PReLU, type PReLUOptions } from './prelu';
export { type ReceptiveField, receptiveField } from './receptiveField';
export { Sequential } from './sequential';
export { Flatten, Identity } from './shaping';
export { skipInit } from './skipInit';
export type { LoadedNames, LoadOptions, ModuleState, NamedTensors } from './state';
export { type Summary, type SummaryRow, summary } from './summary';
export type { ParameterOptions, WeightOptions } from './weights';

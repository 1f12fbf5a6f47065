// The public API. What is not exported here or from a subpath is internal.
export {
  type BackwardOptions,
  checkpoint,
  customGradient,
  type GradientsOptions,
  gradients,
  noGrad,
  type SaveForBackward,
} from './autograd';
export {
  arange,
  type CreationOptions,
  eye,
  full,
  linspace,
  type NumberDType,
  ones,
  type TensorOptions,
  tensor,
  zeros,
} from './creation';
export {
  devices,
  getDefaultDevice,
  getMatmulPrecision,
  getNumThreads,
  type MatmulPrecision,
  setDefaultDevice,
  setMatmulPrecision,
  setNumThreads,
  synchronize,
  withDevice,
} from './device';
export type { DType, FloatDType, TypedArrayOf } from './dtype';
export {
  AddonError,
  ArgumentError,
  CommunicationError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  DTypeError,
  FormatError,
  GraphError,
  IndexError,
  OutOfMemoryError,
  ReceptiveError,
  ShapeError,
  UnsupportedError,
} from './errors';
export { emptyCache, memoryStats, resetPeakMemory, setMemoryLimit } from './memory';
export type { DeviceInfo, DeviceLibraries, LibraryInfo, MemoryStats } from './nativeTypes';
export * as grad from './ops/gradients';
export * from './ops/index';
export { type ChromeTrace, chromeTrace, type Profile, type ProfileEvent, profile } from './profile';
export {
  getRngState,
  manualSeed,
  type RngState,
  type SampleRange,
  setRngState,
  withSampleRange,
} from './random';
export { rand, randint, randn } from './randomTensors';
export { keep, tidy } from './scope';
export { type NestedArray, Tensor } from './tensor';
export type { DTypeOf, NestedValues, TensorValues, ValueArray } from './values';

// The subpath `receptive/optim`: optimisers, schedules of their learning rates, clipping of gradients.
export { Adam, type AdamSettings, AdamW } from './adam';
export { clipGradNorm, clipGradValue } from './clip';
export type { OptimizerParameters, OptimizerSettings, ParameterGroup, ParameterGroupOptions } from './groups';
export { Optimizer } from './optimizer';
export { type PlateauOptions, type PlateauValues, ReduceOnPlateau } from './plateau';
export { RMSprop, type RmspropSettings } from './rmsprop';
export { LrScheduler, type LrSchedulerValues, type SchedulerState } from './scheduler';
export {
  constantLr,
  cosineLr,
  exponentialLr,
  multiStepLr,
  polynomialLr,
  type Schedule,
  stepLr,
  warmup,
} from './schedules';
export { SGD, type SgdSettings } from './sgd';
export type { OptimizerState, ParameterState, SavedParameter } from './state';

// The tape's public functions; lib/tape has how it works.
export { type BackwardOptions, type GradientsOptions, gradients } from './tape/backward';
export { checkpoint } from './tape/checkpoint';
export { customGradient, type SaveForBackward } from './tape/custom';
export { noGrad } from './tape/noGrad';

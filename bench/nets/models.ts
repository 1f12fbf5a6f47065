import { manualSeed } from 'receptive';
import {
  alexnet,
  createModel,
  googlenet,
  type ModelName,
  mobilenetV2,
  preluNet,
  squeezenet,
  vgg16,
  vgg19,
  zfnet,
} from 'receptive/models';
import type { Module } from 'receptive/nn';
import type { NetMode } from './task';

/** Models that have dropout, without it. */
const withoutDropout: Partial<Record<ModelName, () => Module>> = {
  alexnet: () => alexnet({ dropout: 0 }),
  zfnet: () => zfnet({ dropout: 0 }),
  vgg16: () => vgg16({ dropout: 0 }),
  vgg19: () => vgg19({ dropout: 0 }),
  preluNet: () => preluNet({ dropout: 0 }),
  squeezenet: () => squeezenet({ dropout: 0 }),
  mobilenetV2: () => mobilenetV2({ dropout: 0 }),
  googlenet: () => googlenet({ dropout: 0, auxiliary: false }),
};

/** The model that a task is about, the same in every process. */
export function makeModel(name: ModelName, mode: NetMode, seed: number): Module {
  manualSeed(seed);
  const model = (withoutDropout[name] ?? (() => createModel(name)))();
  return model.train(mode === 'training');
}

// What determines a training run, apart from the machine: the same settings and data give the same weights.

export const optimizerNames = ['sgd', 'adam', 'adamw', 'rmsprop'] as const;
export type OptimizerName = (typeof optimizerNames)[number];

export const scheduleNames = ['constant', 'step', 'cosine'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

/** Plain data, saved with every checkpoint. */
export type TrainSettings = {
  /** Name of a model of `receptive/models`, or the absolute path of a module. */
  readonly model: string;
  /** `fashion-mnist:DIR`, `images:DIR` or `module:FILE`, with absolute paths. */
  readonly data: string;
  readonly epochs: number;
  readonly batch: number;
  readonly optimizer: OptimizerName;
  /** Of the first step after the warmup. */
  readonly learningRate: number;
  /** Of `sgd` and `rmsprop`. */
  readonly momentum: number;
  readonly weightDecay: number;
  readonly schedule: ScheduleName;
  /** Epochs between two falls of the schedule `step`. */
  readonly stepEpochs: number;
  /** The factor of a fall. */
  readonly stepFactor: number;
  /** Epochs of warmup, with parts. */
  readonly warmup: number;
  /** As given; `augmentation()` reads it. */
  readonly augment: string;
  /** Whether images are scaled to zero mean and unit variance. */
  readonly normalise: boolean;
  /** Whether images are brought to the size and channels that the model was made for. */
  readonly resize: boolean;
  readonly seed: number;
  /** Part of the training images that is held back for validation; 0: the data's own test split is used. */
  readonly valSplit: number;
};

/** What optimisers take where nothing is said. */
export const optimizerDefaults: Readonly<
  Record<OptimizerName, { readonly learningRate: number; readonly momentum: number; readonly weightDecay: number }>
> = {
  sgd: { learningRate: 0.05, momentum: 0.9, weightDecay: 5e-4 },
  adam: { learningRate: 1e-3, momentum: 0, weightDecay: 0 },
  adamw: { learningRate: 1e-3, momentum: 0, weightDecay: 0.01 },
  rmsprop: { learningRate: 1e-3, momentum: 0, weightDecay: 0 },
};

// From settings to a model, its data and what trains it.
import { DataLoader } from '../data/dataLoader';
import type { Dataset } from '../data/dataset';
import { checkImage, type ImageShape } from '../data/sample';
import { type ChannelStatistics, channelStatistics } from '../data/statistics';
import { repeatChannels } from '../data/transforms/channels';
import { resize } from '../data/transforms/resize';
import { compose, type Transform } from '../data/transforms/transform';
import { normalise } from '../data/transforms/values';
import { ArgumentError, FormatError } from '../errors';
import type { Module } from '../nn/module';
import type { Optimizer } from '../optim/optimizer';
import { LrScheduler } from '../optim/scheduler';
import { manualSeed } from '../random';
import { parseAugment } from './augment';
import type { RunContext, SavedRun } from './checkpoints';
import { openData, splitForValidation } from './dataSource';
import { makeFittingModel, openModel } from './modelSource';
import { makeOptimizer, makeSchedule } from './optimization';
import type { TrainSettings } from './settings';
import { alone, type Team } from './team';

/** Images looked at for mean and standard deviation: they differ by less than a hundredth from those of all. */
const statisticsSamples = 2000;

/** Everything that a `Trainer` works with, ready to begin. */
export interface PreparedRun {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly scheduler: LrScheduler;
  readonly train: DataLoader;
  readonly validation: DataLoader;
  /** The data's own test images, where others validate. */
  readonly test: DataLoader | undefined;
  readonly context: RunContext;
  /** For people. */
  readonly titles: { readonly model: string; readonly data: string };
  /** [C, H, W] of the images that the model gets. */
  readonly inputShape: ImageShape;
  /** Number of the model's parameters. */
  readonly parameters: number;
}

/**
 * Opens data and model, which then has the weights of the seed.
 *
 * @param workers Threads that prepare batches.
 * @param saved The run to continue, whose normalisation is taken over; its checkpoint is to be restored afterwards.
 * @param team Whose part of each batch the loaders have: the batch must be a multiple of its processes.
 * @throws Typed errors that name option or file, by rejection: what the images are and what the model takes, among others.
 */
export async function prepareRun(
  settings: TrainSettings,
  workers: number,
  saved?: Pick<SavedRun, 'data' | 'statistics'>,
  team: Pick<Team, 'index' | 'count'> = alone,
): Promise<PreparedRun> {
  const source = await openModel(settings.model);
  const augmentations = parseAugment(settings.augment);
  const wanted = settings.resize ? source.inputShape : undefined;
  if (settings.resize && wanted === undefined) {
    throw new ArgumentError(`train: --resize needs a model that says what it was made for; ${source.title} does not`);
  }
  const size = wanted && ([wanted[1], wanted[2]] as const);
  const data = await openData(settings.data, { trainSize: augmentations.sizes ? undefined : size, testSize: size });
  const { train, validation, heldBack } = await splitForValidation(data, settings.valSplit, settings.seed);
  const statistics = await statisticsOf(train, settings, saved);
  const context: RunContext = {
    settings,
    data: { train: train.length, validation: validation.length, classes: data.classes },
    statistics,
  };
  expectSameData(context, saved);

  const imageShape = await shapeOfImages(train);
  const inputShape = wanted === undefined ? imageShape : resizedShape(imageShape, wanted);
  const side = [inputShape[1], inputShape[2]] as const;
  const toSize = size === undefined ? [] : [resize(size)];
  const toModel: Transform[] = [
    ...(inputShape[0] === imageShape[0] ? [] : [repeatChannels(inputShape[0])]),
    ...(statistics === null ? [] : [normalise(statistics.mean, statistics.std)]),
  ];
  const { seed } = settings;
  const part = { batchSize: settings.batch / team.count, shard: { index: team.index, count: team.count }, workers };
  const augmented = [...(augmentations.sizes ? [] : toSize), ...augmentations.transforms(side), ...toModel];
  const plain = { ...part, transform: compose([...toSize, ...toModel]) };
  const loaders = {
    train: new DataLoader(train, { ...part, seed, shuffle: true, transform: compose(augmented) }),
    validation: new DataLoader(validation, plain),
    test: heldBack && data.test !== undefined ? new DataLoader(data.test, plain) : undefined,
  };

  manualSeed(seed);
  const model = await makeFittingModel(source, { classes: data.classes.length, inputShape });
  const optimizer = makeOptimizer(model.parameters(), settings);
  const scheduler = new LrScheduler(optimizer, makeSchedule(settings, loaders.train.wholeLength));
  const titles = { model: source.title, data: data.description };
  const parameters = model.parameters().reduce((sum, { size: elements }) => sum + elements, 0);
  return { model, optimizer, scheduler, ...loaders, context, titles, inputShape, parameters };
}

async function shapeOfImages(dataset: Dataset): Promise<ImageShape> {
  const image = await dataset.get(0);
  checkImage('sample 0', image);
  return image.shape;
}

/** The size that the model was made for; a grey image gets its channels, others keep theirs. */
function resizedShape([channels]: ImageShape, [modelChannels, height, width]: ImageShape): ImageShape {
  return [channels === 1 ? modelChannels : channels, height, width];
}

async function statisticsOf(
  train: Dataset,
  { normalise: wanted }: TrainSettings,
  saved: Pick<SavedRun, 'statistics'> | undefined,
): Promise<ChannelStatistics | null> {
  if (!wanted) return null;
  return saved?.statistics ?? channelStatistics(train, { samples: statisticsSamples });
}

function expectSameData({ data }: RunContext, saved: Pick<SavedRun, 'data'> | undefined): void {
  if (saved === undefined || JSON.stringify(saved.data) === JSON.stringify(data)) return;
  const text = ({ train, validation, classes }: RunContext['data']): string =>
    `${train} training and ${validation} validation images of ${classes.length} classes`;
  throw new FormatError(
    `train: the run to be resumed had ${text(saved.data)}, now there are ${text(data)}: these are other data`,
  );
}

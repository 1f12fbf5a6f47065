// What normalisation needs to know of a data set.
import { expectInteger, expectPlainOptions } from '../checkValues';
import { ArgumentError, ShapeError } from '../errors';
import { shapeText } from '../shape';
import { type Dataset, expectDataset } from './dataset';
import { checkImage, type HostImage } from './sample';
import { TimeSlices } from './timeSlices';
import { unitOf } from './transforms/pixels';

/** Options of `channelStatistics()`. */
export interface ChannelStatisticsOptions {
  /** Most images looked at, evenly spaced through the data set; all if left out. */
  samples?: number;
}

/** What `channelStatistics()` gives: one number per channel each, as `normalise()` takes them. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Mean and standard deviation of the pixels of each channel, in units where a byte x counts as x / 255. A channel of
 * one colour has no scale: its `std` is 1, so that normalised values stay finite. The work is divided, so that other events
 * have their turn.
 *
 * @param options `samples`: an integer >= 1.
 * @throws ArgumentError, also for a data set without images; ShapeError for images of unequal numbers of channels; what the
 *   data set throws. All by rejection.
 * @example const { mean, std } = await channelStatistics(train); const transform = normalise(mean, std);
 */
export async function channelStatistics(
  dataset: Dataset,
  options?: ChannelStatisticsOptions,
): Promise<ChannelStatistics> {
  const op = 'channelStatistics';
  expectDataset(op, 'dataset', dataset);
  const { samples = dataset.length } = expectPlainOptions(op, options, ['samples']);
  if (dataset.length === 0) throw new ArgumentError(`${op}: the data set is empty`);
  const looked = Math.min(expectInteger(op, 'samples', samples, 1), dataset.length);
  const slices = new TimeSlices();
  let channels: ChannelSums[] | undefined;
  for (let i = 0; i < looked; i++) {
    if (slices.due()) await slices.rest();
    const index = Math.floor((i * dataset.length) / looked);
    const image = await dataset.get(index);
    checkImage(`sample ${index}`, image);
    channels ??= Array.from({ length: image.shape[0] }, () => new ChannelSums());
    if (channels.length !== image.shape[0]) {
      throw new ShapeError(
        `${op}: sample ${index} has shape ${shapeText(image.shape)}, sample 0 has ${channels.length} channels`,
      );
    }
    for (const [c, sums] of channels.entries()) sums.add(image, c);
  }
  const all = channels ?? [];
  return { mean: all.map((sums) => sums.mean), std: all.map((sums) => sums.std) };
}

/** A variance below this part of the mean square is rounding. */
const leastVariance = 1e-10;

/** Sums over a channel's values. */
class ChannelSums {
  private sum = 0;
  private squares = 0;
  private count = 0;

  add(image: HostImage, channel: number): void {
    const { data, shape } = image;
    const plane = shape[1] * shape[2];
    const unit = unitOf(image);
    const end = (channel + 1) * plane;
    let sum = 0;
    let squares = 0;
    for (let i = channel * plane; i < end; i++) {
      sum += data[i];
      squares += data[i] * data[i];
    }
    this.sum += sum / unit;
    this.squares += squares / (unit * unit);
    this.count += plane;
  }

  get mean(): number {
    return this.sum / this.count;
  }

  get std(): number {
    const meanSquare = this.squares / this.count;
    const variance = meanSquare - this.mean * this.mean;
    return variance > leastVariance * meanSquare ? Math.sqrt(variance) : 1;
  }
}

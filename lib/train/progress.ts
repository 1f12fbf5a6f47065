// Progress of a training run: a bar on a terminal; elsewhere nothing moves.
import { loadOptional } from '../optionalPackage';
import { count, duration, percent } from '../report/text';
import type { EpochMeter } from './meter';

export interface Progress {
  /** @param epoch Counted from 1. */
  startEpoch(epoch: number, images: number): void;
  /** @param more Shown at the end of the line. */
  step(meter: EpochMeter, more?: string): void;
  /** Removes the bar; lines may be printed until the next epoch starts. */
  endEpoch(): void;
}

const noProgress: Progress = { startEpoch() {}, step() {}, endEpoch() {} };

/**
 * A bar by the package cli-progress where `stream` is a terminal.
 *
 * @param options `lastEpoch` counts from 1; `stream` is the standard error if left out.
 * @throws UnsupportedError, by rejection, where there is a terminal, but no cli-progress.
 */
export async function createProgress({
  lastEpoch,
  stream = process.stderr,
}: {
  readonly lastEpoch: number;
  readonly stream?: NodeJS.WriteStream;
}): Promise<Progress> {
  if (!stream.isTTY) return noProgress;
  const use = 'the progress of the training is shown by';
  const { SingleBar } = (await loadOptional('cli-progress', use, () => import('cli-progress'))).default;
  const bar = new SingleBar({
    stream,
    format: 'epoch {epoch} {bar} {percentage}%  loss {loss}  acc {accuracy}  {speed} images/s  ETA {left}{more}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    // The line without `more` fits 80 columns; a narrow terminal cuts the rest off.
    barsize: 12,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  });
  let images = 0;
  let epochNumber = 0;
  return {
    startEpoch(epoch, total) {
      images = total;
      epochNumber = epoch;
      bar.start(total, 0, {
        ...{ epoch: `${epoch}/${lastEpoch}`, loss: '-', accuracy: '-', speed: '-', left: '-', more: '' },
      });
    },
    step(meter, more = '') {
      // cli-progress estimates one bar's end; people wait for the last epoch's.
      const remaining = images - meter.images + (lastEpoch - epochNumber) * images;
      bar.update(meter.images, {
        loss: meter.loss.toFixed(4),
        accuracy: percent(meter.accuracy),
        speed: count(meter.imagesPerSecond),
        left: duration(remaining / meter.imagesPerSecond),
        more: more === '' ? '' : `  ${more}`,
      });
    },
    endEpoch() {
      bar.stop();
    },
  };
}

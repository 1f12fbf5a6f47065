/** Progress of a training run: a bar on a terminal; elsewhere nothing moves, and one line per epoch is printed. */
import cliProgress from 'cli-progress';
import { count, duration, percent } from './text.mjs';

/**
 * @typedef {object} Progress
 * @property {(epoch: number, images: number) => void} startEpoch epoch counted from 1
 * @property {(meter: import('./meter.mjs').EpochMeter) => void} step
 * @property {() => void} endEpoch removes the bar; lines may be printed until the next epoch starts
 */

/**
 * @param {object} run
 * @param {number} run.lastEpoch counted from 1
 * @param {NodeJS.WriteStream} [run.stream]
 * @returns {Progress}
 */
export function createProgress({ lastEpoch, stream = process.stderr }) {
  if (!stream.isTTY) return { startEpoch() {}, step() {}, endEpoch() {} };
  const bar = new cliProgress.SingleBar({
    stream,
    format: 'epoch {epoch} {bar} {percentage}%  loss {loss}  acc {accuracy}  {speed} images/s  ETA {left}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    // The line fits 80 columns.
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
      bar.start(total, 0, { epoch: `${epoch}/${lastEpoch}`, loss: '-', accuracy: '-', speed: '-', left: '-' });
    },
    step(meter) {
      // cli-progress estimates one bar's end; people wait for the last epoch's.
      const remaining = images - meter.images + (lastEpoch - epochNumber) * images;
      bar.update(meter.images, {
        loss: meter.loss.toFixed(4),
        accuracy: percent(meter.accuracy),
        speed: count(meter.imagesPerSecond),
        left: duration(remaining / meter.imagesPerSecond),
      });
    },
    endEpoch() {
      bar.stop();
    },
  };
}

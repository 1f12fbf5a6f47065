// What a training run prints, as lines of text.
import type { DeviceInfo } from '../nativeTypes';
import { count, duration, percent, plural } from '../report/text';
import type { EpochMeter } from '../train/meter';
import type { PreparedRun } from '../train/prepare';
import type { EpochRecord, Evaluation } from '../train/records';
import type { TrainSettings } from '../train/settings';
import type { RunSnapshot } from './trainSnapshot';

const figures = ({ loss, accuracy, accuracy5 }: Evaluation): string =>
  `loss ${loss.toFixed(4)}  top-1 ${percent(accuracy)}  top-5 ${percent(accuracy5)}`;

/** A learning rate, to three digits. */
export const rate = (value: number): string => String(Number(value.toPrecision(3)));

/** What is to be done, before it is done. */
export function headLines(prepared: PreparedRun, device: DeviceInfo, processes: number): string[] {
  const { titles, train, context, inputShape, parameters } = prepared;
  const { settings } = context;
  return [
    `data      ${titles.data}: ${imagesText(prepared)} of ${count(context.data.classes.length)} classes`,
    `model     ${titles.model}: ${count(parameters)} parameters, images [${inputShape.join(', ')}]`,
    `device    ${deviceText(device)}`,
    ...(processes === 1
      ? []
      : [`processes ${processes}, each with ${plural(settings.batch / processes, 'image')} of a batch`]),
    `training  ${plural(settings.epochs, 'epoch')} of ${plural(train.wholeLength, 'step')}: ${optimizerText(settings)}`,
  ];
}

/** What a signal does. */
export function signalLine(name: string, processes: number): string {
  const done = `${name}: the step is finished and saved`;
  // mpirun sends the same signal to those that are left when one has failed.
  return `${done}${processes === 1 ? '' : ', if all processes are there'}; once more ends at once`;
}

function imagesText({ train, validation, test }: PreparedRun): string {
  const parts = [`${count(train.dataset.length)} training`, `${count(validation.dataset.length)} validation`];
  if (test !== undefined) parts.push(`${count(test.dataset.length)} test`);
  return `${parts.join(', ')} images`;
}

export function deviceText({ id, name, target, threads }: DeviceInfo): string {
  return `${id} (${name}, ${target}, ${plural(threads, 'thread')})`;
}

export function optimizerText(settings: TrainSettings): string {
  const { optimizer, learningRate, momentum, weightDecay, schedule, batch } = settings;
  return [
    `${optimizer}, learning rate ${rate(learningRate)} (${schedule})`,
    ...(momentum === 0 ? [] : [`momentum ${momentum}`]),
    ...(weightDecay === 0 ? [] : [`weight decay ${weightDecay}`]),
    `batches of ${batch}`,
  ].join(', ');
}

export function epochLine(record: EpochRecord, epochs: number, best: EpochRecord | null): string {
  const { epoch, train, validation, learningRate, seconds, imagesPerSecond } = record;
  const mark = best?.epoch === epoch ? ' (best)' : '';
  return (
    `epoch ${epoch}/${epochs}  ${figures(train)}  validation ${figures(validation)}${mark}  ` +
    `lr ${rate(learningRate)}  ${count(imagesPerSecond)} images/s  ${duration(seconds)}`
  );
}

/** A line within an epoch, where there is no bar. */
export function stepLine(epoch: number, epochs: number, meter: EpochMeter, images: number, lr: number): string {
  return (
    `epoch ${epoch}/${epochs}  at ${percent(meter.images / images)}  ${figures(meter)}  ` +
    `lr ${rate(lr)}  ${count(meter.imagesPerSecond)} images/s`
  );
}

/** What came of it, after the last epoch. */
export function endLines({ state, status, test, checkpoint }: RunSnapshot): string[] {
  const { best, history } = state;
  const why = status === 'patience' ? '; the validation loss fell no more' : '';
  const lines = [`done      ${plural(history.length, 'epoch')}${why}`];
  if (best !== null) lines.push(`best      epoch ${best.epoch}: validation ${figures(best.validation)}`);
  if (test !== null) lines.push(`test      ${figures(test)}, weights of epoch ${test.epoch}`);
  if (checkpoint !== null) lines.push(`saved     ${checkpoint.last}`, `          ${checkpoint.best} (best)`);
  return lines;
}

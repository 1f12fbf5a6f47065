// What is known of a training run at a moment, and the plain data that is written of it.
import { basename } from 'node:path';
import type { DeviceInfo } from '../nativeTypes';
import { percent, plural } from '../report/text';
import type { EpochMeter } from '../train/meter';
import type { PreparedRun } from '../train/prepare';
import type { Evaluation, RunState } from '../train/records';
import type { CurrentEpoch, ReportData } from '../train/report/reportData';
import type { TrainerEnd } from '../train/trainer';
import { deviceText, optimizerText } from './trainOutput';

/** Figures of the data's own test images. */
export interface TestResult extends Evaluation {
  /** Whose weights they are of, counted from 1. */
  readonly epoch: number;
}

export interface RunSnapshot {
  /** That train together. */
  readonly processes: number;
  readonly prepared: PreparedRun;
  readonly device: DeviceInfo;
  /** Of this package. */
  readonly version: string;
  readonly state: RunState;
  /** Of the epoch under way. */
  readonly meter: EpochMeter;
  readonly status: 'running' | TrainerEnd;
  readonly test: TestResult | null;
  /** Paths. */
  readonly checkpoint: { readonly last: string; readonly best: string } | null;
}

/** What `--json` writes. */
export function jsonOf({ processes, prepared, device, version, state, status, test, checkpoint }: RunSnapshot): object {
  const { context, titles, inputShape, parameters } = prepared;
  const { settings, data, statistics } = context;
  return {
    receptive: version,
    status,
    settings,
    data: { title: titles.data, ...data, test: prepared.test?.dataset.length ?? null, statistics },
    model: { title: titles.model, parameters, inputShape },
    device: { id: device.id, name: device.name, target: device.target, threads: device.threads },
    processes,
    history: state.history,
    best: state.best,
    test,
    checkpoint,
  };
}

/** What `--report` shows. */
export function reportOf(snapshot: RunSnapshot): ReportData {
  const { prepared, state, status, test } = snapshot;
  const { titles, context, train } = prepared;
  const { history, best } = state;
  const running = status === 'running';
  return {
    title: `Training of ${basename(titles.model)}`,
    summary: titles.data,
    running,
    status: statusText(snapshot),
    epochs: context.settings.epochs,
    history,
    current: state.meter === null ? null : currentOf(snapshot.meter, train.dataset.length),
    best,
    test,
    validation: validationText(prepared),
    settings: settingRows(snapshot),
  };
}

function statusText({ state, status, meter, prepared }: RunSnapshot): string {
  if (status !== 'running')
    return { finished: 'finished', patience: 'ended early', interrupted: 'interrupted' }[status];
  if (state.meter === null) return 'running';
  return `running, ${percent(meter.images / prepared.train.dataset.length)} of epoch ${state.epoch + 1}`;
}

function validationText({ test, context: { settings } }: PreparedRun): string {
  return test === undefined && settings.valSplit === 0
    ? 'the data’s own test images, after each epoch'
    : `${percent(settings.valSplit)} of the training images, held back`;
}

function currentOf(meter: EpochMeter, totalImages: number): CurrentEpoch {
  const { images, imagesPerSecond, loss, accuracy, curve, parts } = meter;
  return { images, totalImages, imagesPerSecond, loss, accuracy, curve, parts };
}

function settingRows({ processes, prepared, device, checkpoint }: RunSnapshot): [string, string][] {
  const { titles, context, inputShape, parameters, train, validation } = prepared;
  const { settings, statistics, data } = context;
  const numbers = (values: readonly number[]): string => values.map((value) => value.toFixed(4)).join(', ');
  return [
    ['data', titles.data],
    ['images', `${train.dataset.length} training, ${validation.dataset.length} validation, [${inputShape.join(', ')}]`],
    [
      'classes',
      `${data.classes.length}: ${data.classes.slice(0, 20).join(', ')}${data.classes.length > 20 ? ' …' : ''}`,
    ],
    ['model', `${titles.model}, ${parameters.toLocaleString('en-GB')} parameters`],
    ['optimiser', optimizerText(settings)],
    ['warmup', settings.warmup === 0 ? 'none' : plural(settings.warmup, 'epoch')],
    ['augmentation', settings.augment],
    [
      'normalisation',
      statistics === null ? 'none' : `mean ${numbers(statistics.mean)}; standard deviation ${numbers(statistics.std)}`,
    ],
    ['seed', String(settings.seed)],
    ['device', deviceText(device)],
    ['processes', String(processes)],
    ['checkpoints', checkpoint === null ? 'none' : checkpoint.last],
  ];
}

// From a command line to a run that is ready to begin or to continue.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { devices, getDefaultDevice, setDefaultDevice, setNumThreads } from '../device';
import { ArgumentError } from '../errors';
import type { DeviceInfo } from '../nativeTypes';
import { parseAugment } from '../train/augment';
import { CheckpointFolder, type SavedRun } from '../train/checkpoints';
import { normalDataName } from '../train/dataSource';
import { normalModelName } from '../train/modelSource';
import { checkWritable } from '../train/outputFile';
import { type PreparedRun, prepareRun } from '../train/prepare';
import type { TrainSettings } from '../train/settings';
import { packageFolder } from './packageFolder';
import { checkedNames, newSettings, type RunOptions, resumedSettings, type TrainCommandLine } from './trainOptions';

export interface OpenRun {
  readonly prepared: PreparedRun;
  readonly run: RunOptions;
  readonly checkpoints: CheckpointFolder | undefined;
  /** The run that is continued. */
  readonly saved: SavedRun | undefined;
  readonly device: DeviceInfo;
  /** Of this package. */
  readonly version: string;
}

/**
 * @throws UsageError for names of the command line that stand for nothing; errors that name file or option for what is missing,
 *   does not fit, or cannot be written.
 */
export async function openRun({ given, run }: TrainCommandLine): Promise<OpenRun> {
  const named = checkedNames(given, { model: normalModelName, data: normalDataName, augment: parseAugment });
  const checkpoints = run.checkpoint === undefined ? undefined : new CheckpointFolder(run.checkpoint);
  const saved = run.resume ? await checkpoints?.read() : undefined;
  const settings: TrainSettings = saved === undefined ? newSettings(named) : resumedSettings(named, saved.settings);
  if (saved === undefined && !run.overwrite) expectNoRun(checkpoints);
  for (const file of [run.report, run.json]) if (file !== undefined) checkWritable(file);
  await checkpoints?.create();
  if (run.device !== undefined) setDefaultDevice(run.device);
  if (run.threads !== undefined) setNumThreads(run.threads);
  const prepared = await prepareRun(settings, run.workers, saved);
  if (saved !== undefined) await checkpoints?.restore(prepared);
  return { prepared, run, checkpoints, saved, device: currentDevice(), version: packageVersion() };
}

function expectNoRun(checkpoints: CheckpointFolder | undefined): void {
  if (checkpoints === undefined || !checkpoints.hasRun) return;
  throw new ArgumentError(
    `train: ${checkpoints.folder} has a run already: --resume continues it, --overwrite begins anew, --checkpoint DIR keeps both`,
  );
}

function currentDevice(): DeviceInfo {
  const id = getDefaultDevice();
  return devices().find((device) => device.id === id) as DeviceInfo;
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string }).version;
}

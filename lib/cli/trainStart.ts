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
import type { Team } from '../train/team';
import { packageFolder } from './packageFolder';
import {
  checkedNames,
  expectDivisible,
  newSettings,
  type RunOptions,
  resumedSettings,
  type TrainCommandLine,
} from './trainOptions';

export interface OpenRun {
  readonly team: Team;
  readonly prepared: PreparedRun;
  /** Of a process that does not lead: without files to write. */
  readonly run: RunOptions;
  readonly checkpoints: CheckpointFolder | undefined;
  /** The run that is continued. */
  readonly saved: SavedRun | undefined;
  readonly device: DeviceInfo;
  /** Of this package. */
  readonly version: string;
}

/**
 * What each process of a team does by itself, before any of them waits for another.
 *
 * @throws UsageError for names of the command line that stand for nothing; errors that name file or option for what is missing,
 *   does not fit, or cannot be written.
 */
export async function openRun({ given, run: asked }: TrainCommandLine, team: Team): Promise<OpenRun> {
  const run = team.leads ? asked : { ...asked, report: undefined, json: undefined };
  const named = checkedNames(given, { model: normalModelName, data: normalDataName, augment: parseAugment });
  const checkpoints = run.checkpoint === undefined ? undefined : new CheckpointFolder(run.checkpoint);
  const saved = run.resume ? await checkpoints?.read() : undefined;
  const settings: TrainSettings = saved === undefined ? newSettings(named) : resumedSettings(named, saved.settings);
  expectDivisible(settings.batch, team.count);
  if (saved === undefined && !run.overwrite) expectNoRun(checkpoints);
  for (const file of [run.report, run.json]) if (file !== undefined) checkWritable(file);
  if (team.leads) await checkpoints?.create();
  if (run.device !== undefined) setDefaultDevice(run.device);
  if (run.threads !== undefined) setNumThreads(run.threads);
  const prepared = await prepareRun(settings, run.workers, saved, team);
  if (saved !== undefined) await checkpoints?.restore(prepared);
  return { team, prepared, run, checkpoints, saved, device: currentDevice(), version: packageVersion() };
}

/** @throws ArgumentError, by rejection, where the processes of the team have opened different runs. */
export function joinRun({ team, prepared, saved }: OpenRun): Promise<void> {
  return team.join(prepared.model, JSON.stringify([prepared.context, saved?.state]));
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

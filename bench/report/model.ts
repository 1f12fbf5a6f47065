import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { devices } from 'receptive';
import type { Absent } from '../contenders/contenders';
import type { CaseResult, Settings } from '../conv/measureCase';
import { repository } from '../paths';
import type { Spread } from '../statistics';

/** The machine and the versions that figures belong to. */
export interface Facts {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Mean number of running processes over the minute before: others disturb what is measured. */
  readonly load: number;
  readonly platform: string;
  readonly node: string;
  readonly receptive: string;
  /** CPU target of receptive's kernels. */
  readonly target: string;
}

export function collectFacts(): Facts {
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    load: loadavg()[0],
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    receptive: version,
    target: devices()[0].target,
  };
}

/** All of a run, which is also its JSON form. */
export interface Report {
  readonly command: string;
  readonly facts: Facts;
  readonly settings: Settings;
  /** Peers that take part, in the order of the tables. */
  readonly peers: readonly string[];
  /** Those asked for that are not there. */
  readonly absent: readonly Absent[];
  /** Bandwidth of a copy beyond the caches, bytes read and written, by all threads; null where it was not measured. */
  readonly copyGbPerSecond: Spread | null;
  readonly results: readonly CaseResult[];
}

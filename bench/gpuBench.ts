import { writeFileSync } from 'node:fs';
import {
  type DeviceInfo,
  devices,
  getMatmulPrecision,
  manualSeed,
  setDefaultDevice,
  UnsupportedError,
} from 'receptive';
import { table } from '../lib/report/text';
import type { BenchCase } from './benchCase';
import type { CommandLine } from './commandLine';
import type { Absent } from './contenders/contenders';
import { casesOf } from './conv/cases';
import type { ConvCase } from './conv/measureCase';
import { shapeText } from './conv/notation';
import { operations } from './conv/shape';
import { families } from './families';
import { type GpuConvResult, type GpuRemark, type GpuSettings, measureOnGpu, whyNot } from './gpu/convCase';
import { type DeviceTimes, deviceTimes, flushBytes, flushes } from './gpu/deviceTimes';
import { expectCorrect } from './measure';
import { startProgress } from './progress';
import { randomIntegers } from './random';
import { collectFacts } from './report/model';
import type { Spread } from './statistics';

interface ConvRow extends GpuConvResult {
  readonly layer: string;
  readonly direction: string;
  readonly operations: number;
}

interface FamilyRow {
  readonly family: string;
  readonly name: string;
  readonly unit: string;
  /** Operations or bytes of a run. */
  readonly amount: number;
  readonly times: DeviceTimes | null;
  /** Why there are no times, else none. */
  readonly remarks: readonly GpuRemark[];
}

function find(id: string): DeviceInfo {
  const all = devices();
  const device = all.find((one) => one.id === id);
  if (device?.available) return device;
  const list = all.map((one) => (one.available ? one.id : `${one.id} (${one.reason})`)).join(', ');
  throw new Error(`--device: there is no ${id} here; the devices are ${list}`);
}

const microseconds = ({ median, deviation }: Spread): string => `${median.toFixed(1)} ± ${deviation.toFixed(1)}`;
/** Thousands of millions in a second. */
const rate = (amount: number, { median }: Spread): string => (amount / median / 1e3).toFixed(1);

function printRemarks(what: string, remarks: readonly GpuRemark[]): void {
  for (const { name, reason, failed } of remarks) {
    console.log(`${name} ${failed ? 'FAILED' : 'declines'} (${reason}): ${what}`);
  }
}

function printConvolutions(rows: readonly ConvRow[], peers: readonly string[]): void {
  const columns = peers.flatMap((peer) => [`${peer} cold µs`, `${peer} hot µs`, `cold/${peer}`, `hot/${peer}`]);
  const head = [
    'convolution',
    'direction',
    'algorithm',
    'cold µs',
    'hot µs',
    'cold GFLOP/s',
    'hot GFLOP/s',
    ...columns,
  ];
  const lines = rows.flatMap(({ layer, direction, operations: count, ours, peers: scores }) => {
    if (ours === null) return [];
    const { algorithm, cold, hot } = ours;
    const own = [microseconds(cold), microseconds(hot), rate(count, cold), rate(count, hot)];
    const others = peers.flatMap((peer) => {
      const score = scores.find(({ name }) => name === peer);
      if (score === undefined) return ['-', '-', '-', '-'];
      const faster = [score.cold.median / cold.median, score.hot.median / hot.median].map((r) => `${r.toFixed(2)}x`);
      return [microseconds(score.cold), microseconds(score.hot), ...faster];
    });
    return [[layer, direction, algorithm ?? '-', ...own, ...others]];
  });
  console.log(
    table(
      head,
      lines,
      head.map((_, i) => (i < 3 ? 'left' : 'right')),
    ),
  );
  for (const { layer, direction, remarks } of rows) printRemarks(`${direction} ${layer}`, remarks);
}

async function convolutions(cases: readonly ConvCase[], settings: GpuSettings): Promise<ConvRow[]> {
  const progress = startProgress(cases.length);
  const rows: ConvRow[] = [];
  try {
    for (const benchCase of cases) {
      const { layer, direction } = benchCase;
      const text = shapeText(layer.shape);
      progress.next(`${direction} ${text}`);
      const measured = await measureOnGpu(benchCase, settings);
      rows.push({ layer: text, direction, operations: operations(layer.shape), ...measured });
    }
  } finally {
    progress.stop();
  }
  return rows;
}

async function ofFamily(family: string, benchCase: BenchCase, rounds: number, bytes: number): Promise<FamilyRow> {
  const { name, unit, amount } = benchCase;
  const row = { family, name, unit, amount };
  const prepared = benchCase.prepare();
  try {
    await expectCorrect(`${family} ${name}`, prepared);
    return { ...row, times: await deviceTimes(() => prepared.run(), rounds, bytes), remarks: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const remark = { name: 'receptive', reason, failed: !(error instanceof UnsupportedError) };
    return { ...row, times: null, remarks: [remark] };
  } finally {
    for (const input of prepared.inputs) input.dispose();
  }
}

async function ofFamilies({ families: names, extra, filter, seed, rounds }: CommandLine, bytes: number) {
  const random = randomIntegers(seed);
  const cases = names.flatMap((family) =>
    families[family](random, extra)
      .filter(({ name }) => name.includes(filter))
      .map((benchCase) => ({ family, benchCase })),
  );
  const progress = startProgress(cases.length);
  const rows: FamilyRow[] = [];
  try {
    for (const { family, benchCase } of cases) {
      progress.next(family);
      rows.push(await ofFamily(family, benchCase, rounds, bytes));
    }
  } finally {
    progress.stop();
  }
  return rows;
}

function printFamilies(rows: readonly FamilyRow[]): void {
  const head = ['family', 'case', 'cold µs', 'hot µs', 'cold rate', 'hot rate', 'unit'];
  const lines = rows.flatMap(({ family, name, times, amount, unit }) => {
    if (times === null) return [];
    const { cold, hot } = times;
    return [[family, name, microseconds(cold), microseconds(hot), rate(amount, cold), rate(amount, hot), unit]];
  });
  console.log(
    table(
      head,
      lines,
      head.map((_, i) => (i < 2 || i === 6 ? 'left' : 'right')),
    ),
  );
  for (const { family, name, remarks } of rows) printRemarks(`${family} ${name}`, remarks);
}

/** Peers that decline all cases for one reason: that is said once. */
function absentPeers(peers: readonly string[], cases: readonly ConvCase[], device: string): Absent[] {
  return peers.flatMap((name) => {
    const reasons = new Set(cases.map((one) => whyNot(name, one, device)));
    const [reason = null] = reasons;
    return reasons.size === 1 && reason !== null ? [{ name, absent: reason }] : [];
  });
}

/**
 * Checks and times convolutions, or the cases of op families, on a GPU: by the device's events, cold and hot. Returns whether
 * every answer was right.
 */
export async function gpuBench(options: CommandLine, command: string): Promise<boolean> {
  const { algorithm, rounds, seed, json } = options;
  const device = find(options.device as string);
  const emulated = device.name.startsWith('emulated');
  const bytes = emulated ? 2 ** 16 : flushBytes;
  const facts = { ...collectFacts(), device: `${device.name} (${device.id}, ${device.target})` };
  const precision = getMatmulPrecision();
  setDefaultDevice(device.id);
  manualSeed(seed);
  console.log(`${facts.device}, receptive ${facts.receptive}, seed ${seed}, ${rounds} rounds`);
  console.log(
    `Microseconds by the device's events, median ± median deviation. Baseline: receptive, float32, matmul precision ` +
      `'${precision}'; cold: after ${bytes / 2 ** 20} MiB were written ${flushes} times, hot: right after another run.`,
  );
  if (emulated) console.log(`${device.id} is emulated on the CPU: its times mean nothing.`);
  const cases = options.mode === 'convolutions' ? casesOf(options) : [];
  const absent = absentPeers(options.peers, cases, device.id);
  for (const { name, absent: reason } of absent) console.log(`${name} is skipped: ${reason}`);
  console.log();
  const peers = options.peers.filter((name) => !absent.some((one) => one.name === name));
  const settings = { device: device.id, algorithm, peers, rounds, seed, flushBytes: bytes };
  const rows = options.mode === 'convolutions' ? await convolutions(cases, settings) : await ofFamilies(options, bytes);
  if (options.mode === 'convolutions') printConvolutions(rows as ConvRow[], peers);
  else printFamilies(rows as FamilyRow[]);
  if (json !== undefined) {
    const report = { command, facts, emulated, precision, settings, absent, results: rows };
    writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  return !rows.some(({ remarks }) => remarks.some(({ failed }) => failed));
}

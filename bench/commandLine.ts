import { parseArgs } from 'node:util';
import { convAlgorithms } from 'receptive';
import { type ModelName, modelNames } from 'receptive/models';
import { netPeers, peers } from './contenders/contenders';
import { parseLayer } from './conv/notation';
import { type Direction, directions } from './conv/shape';
import { families } from './families';
import { type NetMode, netModes } from './nets/task';
import { suites } from './suites';

const algorithmNames = [
  ...new Set([
    'auto',
    ...convAlgorithms([1, 1, 3, 3], [1, 1, 3, 3]).flatMap(({ name, variant }) => [name, variant ?? name]),
  ]),
];

/** Algorithms that are somebody else's, which a GPU's own are compared with. */
const gpuPeers = ['cudnn'];

export const usage = `Measures convolutions, and compares with other runtimes on the same machine in turn.

usage: npm run bench -- [options]        (or: npx receptive bench [options])

Convolutions
  --suite NAME       ${Object.keys(suites).join(' ')} (default peers)
  --shape TEXT       one convolution instead, such as "N2 64@56x56->128 k3x3 s1 p1 g1"; what is left out is 1, the padding 0
  --filter TEXT      only cases whose text contains TEXT
  --dir LIST         ${directions.join(',')} (default fwd)
  --batch N          this batch instead of the suite's
  --algorithm NAME   ${algorithmNames.join(' ')} (default auto)
  --peers LIST       ${Object.keys(peers).join(',')} or none (default all); one that is not there is named and skipped
  --html FILE        results as a page with a roofline plot
  --markdown FILE    results as a table for bench/RESULTS.md

Whole nets
  --nets LIST        ${modelNames.join(' ')}
  --mode NAME        ${netModes.join(' or ')} (default inference)
  --batch N          images of a run (default 1)
  --size N           side of the images (default: as published)
  --peers LIST       ${Object.keys(netPeers).join(',')} or none (default all)

Other operations
  --family LIST      ${Object.keys(families).join(' ')}, or all
  --filter TEXT      only cases whose name contains TEXT
  --extra N          seeded random shapes in conv2d and pool (default 50)
  --calls            the cost of a call on 16 floats

On a GPU, by its own clock, cold and hot (see bench/CUDA.md)
  --device cuda[:N]  convolutions, or --family; answers are compared with the CPU's
  --peers LIST       ${gpuPeers.join(',')} or none: other algorithms of this build (default all)

All
  --threads N        compute threads, ours and the peers' (default 1)
  --rounds N         counted rounds of about 20 ms per case (default 9; of nets one run or more)
  --seed N           seed of shapes and numbers (default: from the clock, printed)
  --json FILE        results as JSON
  --help             this text`;

/** A wrong command line. */
export class UsageError extends Error {}

/** `values` of a list option, each of them known. */
function known(option: string, values: readonly string[], names: readonly string[]): readonly string[] {
  const unknown = values.find((value) => !names.includes(value));
  if (unknown !== undefined) throw new UsageError(`--${option}: there is no '${unknown}', only ${names.join(', ')}`);
  return values;
}

function wholeNumber(option: string, text: string | undefined, fallback: number, low: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isSafeInteger(value) || value < low) {
    throw new UsageError(`--${option} must be a whole number >= ${low}, given '${text}'`);
  }
  return value;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const names = ['suite', 'shape', 'filter', 'dir', 'batch', 'algorithm', 'peers', 'html', 'markdown'] as const;
  const ofNets = ['nets', 'mode', 'size'] as const;
  const others = ['family', 'extra', 'device', 'threads', 'rounds', 'seed', 'json'] as const;
  const options = Object.fromEntries([...names, ...ofNets, ...others].map((name) => [name, text])) as Record<
    (typeof names)[number] | (typeof ofNets)[number] | (typeof others)[number],
    typeof text
  >;
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, calls: { type: 'boolean' }, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export interface CommandLine {
  readonly mode: 'help' | 'calls' | 'families' | 'convolutions' | 'nets';
  readonly suite: string;
  /** One convolution in place of a suite. */
  readonly shape: string | undefined;
  readonly filter: string;
  readonly directions: readonly Direction[];
  readonly batch: number | undefined;
  readonly algorithm: string;
  readonly peers: readonly string[];
  readonly families: readonly string[];
  /** `cuda:N`; the CPU, beside its peers, if left out. */
  readonly device: string | undefined;
  readonly nets: readonly ModelName[];
  readonly netMode: NetMode;
  /** Side of the images instead of the published one. */
  readonly size: number | undefined;
  readonly extra: number;
  readonly threads: number;
  readonly rounds: number;
  readonly seed: number;
  readonly json: string | undefined;
  readonly html: string | undefined;
  readonly markdown: string | undefined;
}

function modeOf({ help, calls, family, nets }: ReturnType<typeof parse>): CommandLine['mode'] {
  if (help) return 'help';
  if (nets !== undefined) return 'nets';
  if (calls) return 'calls';
  return family === undefined ? 'convolutions' : 'families';
}

/** The device with its number. */
function gpuOf({ device, html, markdown }: ReturnType<typeof parse>, mode: CommandLine['mode']): string | undefined {
  if (device === undefined) return undefined;
  const wrong = (what: string): UsageError => new UsageError(`--device: ${what}`);
  if (!/^cuda(:\d+)?$/.test(device)) throw wrong(`cuda or cuda:N, given '${device}'`);
  if (mode === 'nets' || mode === 'calls') throw wrong(`convolutions and --family only, not --${mode}`);
  if (html !== undefined || markdown !== undefined) throw wrong('results as --json only, not as --html or --markdown');
  return device === 'cuda' ? 'cuda:0' : device;
}

function peersOf(mode: CommandLine['mode'], device: string | undefined): readonly string[] {
  if (device !== undefined) return gpuPeers;
  return Object.keys(mode === 'nets' ? netPeers : peers);
}

/**
 * @throws UsageError naming the option, what was given and what is allowed.
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const given = parse(args);
  const list = (option: 'dir' | 'peers' | 'family' | 'nets', fallback: string): string[] =>
    (given[option] ?? fallback).split(',').filter((part) => part !== '');
  const all = Object.keys(families);
  const wanted = list('family', 'all');
  const mode = modeOf(given);
  const device = gpuOf(given, mode);
  const knownPeers = peersOf(mode, device);
  const wantedPeers = list('peers', knownPeers.join(','));
  if (given.shape !== undefined) {
    try {
      parseLayer(given.shape);
    } catch (error) {
      throw new UsageError(`--shape: ${(error as Error).message}`);
    }
  }
  return {
    mode,
    suite: known('suite', [given.suite ?? 'peers'], Object.keys(suites))[0],
    shape: given.shape,
    filter: given.filter ?? '',
    directions: known('dir', list('dir', 'fwd'), directions) as readonly Direction[],
    batch: given.batch === undefined ? undefined : wholeNumber('batch', given.batch, 1, 1),
    algorithm: known('algorithm', [given.algorithm ?? 'auto'], algorithmNames)[0],
    peers: wantedPeers.join() === 'none' ? [] : known('peers', wantedPeers, knownPeers),
    device,
    families: wanted.join() === 'all' ? all : known('family', wanted, all),
    nets: known('nets', list('nets', ''), modelNames) as readonly ModelName[],
    netMode: known('mode', [given.mode ?? 'inference'], netModes)[0] as NetMode,
    size: given.size === undefined ? undefined : wholeNumber('size', given.size, 1, 1),
    extra: wholeNumber('extra', given.extra, 50, 0),
    threads: wholeNumber('threads', given.threads, 1, 1),
    rounds: wholeNumber('rounds', given.rounds, 9, 1),
    seed: wholeNumber('seed', given.seed, Date.now() % 2 ** 31, 0),
    json: given.json,
    html: given.html,
    markdown: given.markdown,
  };
}

// The figures as tables of text, the same for the terminal, for HTML and for Markdown.
import type { Spread } from '../statistics';
import type { Report } from './model';
import { comparisons } from './summary';

export interface Table {
  readonly head: string[];
  readonly rows: string[][];
}

const fixed = ({ median, deviation }: Spread, digits: number): string =>
  `${median.toFixed(digits)} ±${deviation.toFixed(digits)}`;

function bytes(count: number | null): string {
  if (count === null) return '';
  if (count < 1024) return `${count} B`;
  return count < 2 ** 20 ? `${(count / 1024).toFixed(0)} KiB` : `${(count / 2 ** 20).toFixed(1)} MiB`;
}

const percent = (share: Spread | null): string => (share === null ? '' : `${(share.median * 100).toFixed(0)}%`);

/** A row for each case; a peer has two columns, its rate and the ratio of our speed to its. */
export function caseTable({ peers, results }: Report): Table {
  const own = ['convolution', 'direction', 'algorithm', 'workspace', 'GFLOP/s', 'of peak'];
  return {
    head: [...own, ...peers.flatMap((peer) => [peer, 'ratio'])],
    rows: results.map(({ layer, repeats, direction, ours, peers: scores }) => [
      repeats === 1 ? layer : `${layer} x${repeats}`,
      direction,
      ours?.algorithm ?? '-',
      bytes(ours?.workspaceBytes ?? null),
      ours === null ? '-' : fixed(ours.gflops, 1),
      percent(ours?.ofPeak ?? null),
      ...peers.flatMap((peer) => {
        const score = scores.find(({ name }) => name === peer);
        return score === undefined ? ['-', ''] : [score.gflops.median.toFixed(1), fixed(score.ratio, 2)];
      }),
    ]),
  };
}

/** A row for each peer and direction. */
export function summaryTable(report: Report): Table {
  return {
    head: ['against', 'direction', 'cases', 'geometric mean', 'lowest', 'in', 'all layers, ms', 'peer, ms'],
    rows: comparisons(report).map(({ peer, direction, cases, mean, lowest, ours, theirs }) => [
      peer,
      direction,
      String(cases),
      mean.toFixed(2),
      lowest.ratio.toFixed(2),
      lowest.layer,
      ours.toPrecision(3),
      theirs.toPrecision(3),
    ]),
  };
}

/** Machine, versions and settings. */
export function factTable({ command, facts, settings, copyGbPerSecond, results }: Report): Table {
  const versions = new Map(results.flatMap(({ peers }) => peers.map(({ name, version }) => [name, version] as const)));
  const peak = results.find(({ peakGflops }) => peakGflops !== null)?.peakGflops;
  return {
    head: ['fact', 'value'],
    rows: [
      ['command', command],
      ['date', facts.date],
      ['processor', `${facts.processor}, ${facts.cores} cores, ${(facts.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
      ['load before', `${facts.load.toFixed(1)} running processes`],
      ['platform', `${facts.platform}, Node.js ${facts.node}`],
      ['receptive', `${facts.receptive}, target ${facts.target}, threads: ${settings.threads}`],
      ...(peak ? [['arithmetic peak', `${fixed(peak, 1)} GFLOP/s, measured beside the first case`]] : []),
      ...(copyGbPerSecond ? [['copy bandwidth', `${fixed(copyGbPerSecond, 1)} GB/s, bytes read and written`]] : []),
      ['peers', [...versions].map(([name, version]) => `${name} ${version}`).join(', ') || 'none'],
      ['rounds', `${settings.rounds}, seed ${settings.seed}`],
    ],
  };
}

/** How to read the figures. */
export const legend: readonly string[] = [
  'Operations are 2 N K OH OW (C/groups) R S, taps in the padding included.',
  'Ours and the peers run in turn, each in its own process; ratio is our speed over the peer’s in the same round.',
  'Values are medians over the rounds, ± the median absolute deviation.',
  'Weights packed beforehand count as packed, ours and a peer’s; oneDNN has all operands in the layouts it prefers.',
];

import type { CaseResult } from '../conv/measureCase';
import { type Direction, directions } from '../conv/shape';
import { geometricMean } from '../statistics';
import type { Report } from './model';

/** receptive against one peer in one direction, over the cases that both computed. */
export interface Comparison {
  readonly peer: string;
  readonly direction: Direction;
  readonly cases: number;
  /** Geometric mean of the ratios of speed. */
  readonly mean: number;
  readonly lowest: { readonly layer: string; readonly ratio: number };
  /** Milliseconds of all layers, as often as the network has them. */
  readonly ours: number;
  readonly theirs: number;
}

function compare(peer: string, direction: Direction, results: readonly CaseResult[]): Comparison[] {
  const pairs = results.flatMap(({ ours, peers, layer, repeats, direction: own }) => {
    const theirs = peers.find(({ name }) => name === peer);
    return ours !== null && theirs !== undefined && own === direction ? [{ layer, repeats, ours, theirs }] : [];
  });
  if (pairs.length === 0) return [];
  const total = (who: 'ours' | 'theirs'): number =>
    pairs.reduce((sum, pair) => sum + pair.repeats * pair[who].secondsPerRun.median * 1e3, 0);
  const ratios = pairs.map(({ layer, theirs }) => ({ layer, ratio: theirs.ratio.median }));
  return [
    {
      peer,
      direction,
      cases: pairs.length,
      mean: geometricMean(ratios.map(({ ratio }) => ratio)),
      lowest: ratios.reduce((a, b) => (b.ratio < a.ratio ? b : a)),
      ours: total('ours'),
      theirs: total('theirs'),
    },
  ];
}

export function comparisons({ peers, results }: Report): Comparison[] {
  return directions.flatMap((direction) => peers.flatMap((peer) => compare(peer, direction, results)));
}

/** What is missing from the figures and why, each once. */
export function remarks({ absent, results }: Report): string[] {
  const missing = absent.map(({ name, absent: reason }) => `${name} is skipped: ${reason}`);
  const cases = new Map<string, string[]>();
  for (const { layer, direction, remarks: own } of results) {
    for (const { name, reason, failed } of own) {
      const text = `${name} ${failed ? 'FAILED' : 'declines'} (${reason})`;
      cases.set(text, [...(cases.get(text) ?? []), `${direction} ${layer}`]);
    }
  }
  const declined = [...cases].map(([text, list]) => {
    const shown = list.length > 4 ? [...list.slice(0, 3), `${list.length - 3} more`] : list;
    return `${text}: ${shown.join('; ')}`;
  });
  return [...missing, ...declined];
}

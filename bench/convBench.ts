import { writeFileSync } from 'node:fs';
import { table } from '../lib/report/text';
import type { CommandLine } from './commandLine';
import { type Absent, type Contender, machineLimit, peers as peerTable, receptive } from './contenders/contenders';
import { ContenderProcess } from './contenders/process';
import { casesOf } from './conv/cases';
import { type CaseResult, type Contenders, type ConvCase, measureCase, type Settings } from './conv/measureCase';
import { shapeText } from './conv/notation';
import { startProgress } from './progress';
import { htmlReport } from './report/html';
import { markdownReport } from './report/markdown';
import { collectFacts, type Report } from './report/model';
import { remarks } from './report/summary';
import { caseTable, factTable, legend, summaryTable, type Table } from './report/tables';
import { type Spread, spread } from './statistics';

const isThere = (contender: Contender | Absent): contender is Contender => !('absent' in contender);

const copiesPerRound = 3;

/** Bandwidth of the machine's copy by so many threads; null where it cannot be measured. */
async function copyBandwidth(copy: Contender | Absent, { threads, rounds }: Settings): Promise<Spread | null> {
  if (!isThere(copy)) return null;
  const process = await ContenderProcess.spawn(copy, [`threads=${threads}`]);
  try {
    const rates: number[] = [];
    for (let round = 0; round < rounds; ++round) {
      const seconds = (await process.run(copiesPerRound)) / copiesPerRound;
      rates.push((process.ready.operations ?? 0) / seconds / 1e9);
    }
    return spread(rates);
  } finally {
    await process.close();
  }
}

async function measureAll(cases: readonly ConvCase[], settings: Settings, who: Contenders): Promise<CaseResult[]> {
  const progress = startProgress(cases.length);
  try {
    const results: CaseResult[] = [];
    for (const benchCase of cases) {
      progress.next(`${benchCase.direction} ${shapeText(benchCase.layer.shape)}`);
      results.push(await measureCase(benchCase, settings, who));
    }
    return results;
  } finally {
    progress.stop();
  }
}

async function print(report: Report): Promise<void> {
  const show = ({ head, rows }: Table, texts: readonly string[]): void =>
    console.log(
      `${table(
        head,
        rows,
        head.map((title) => (texts.includes(title) ? 'left' : 'right')),
      )}\n`,
    );
  show(factTable(report), ['fact', 'value']);
  show(caseTable(report), ['convolution', 'direction', 'algorithm']);
  if (report.results.some(({ peers }) => peers.length > 0)) show(summaryTable(report), ['against', 'direction', 'in']);
  for (const text of [...legend, ...remarks(report)]) console.log(text);
}

/**
 * Checks and times convolutions beside the peers, and writes the reports asked for. Returns whether every answer was
 * right.
 */
export async function convBench(options: CommandLine, command: string): Promise<boolean> {
  const { algorithm, threads, rounds, seed } = options;
  const settings: Settings = { algorithm, threads, rounds, seed };
  const facts = collectFacts();
  const found = options.peers.map((name) => peerTable[name](name));
  const limits = { fma: machineLimit('fma', facts.target), copy: machineLimit('copy', facts.target) };
  const absent = [...found, limits.fma].filter((contender): contender is Absent => !isThere(contender));
  const peers = found.filter(isThere);
  const copyGbPerSecond = await copyBandwidth(limits.copy, settings);
  const peak = isThere(limits.fma) ? limits.fma : null;
  const results = await measureAll(casesOf(options), settings, { ours: receptive, peers, peak });
  const names = peers.map(({ name }) => name);
  const report: Report = { command, facts, settings, peers: names, absent, copyGbPerSecond, results };
  await print(report);
  const { json, html: page, markdown } = options;
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  if (page !== undefined) writeFileSync(page, await htmlReport(report));
  if (markdown !== undefined) writeFileSync(markdown, markdownReport(report));
  return !results.some((result) => result.remarks.some(({ failed }) => failed));
}

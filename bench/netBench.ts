import { writeFileSync } from 'node:fs';
import { models } from 'receptive/models';
import { table } from '../lib/report/text';
import type { CommandLine } from './commandLine';
import { type Absent, type Contender, netPeers, receptiveNet } from './contenders/contenders';
import { measureNet, type NetResult } from './nets/measureNet';
import { startProgress } from './progress';
import { collectFacts } from './report/model';

const milliseconds = (seconds: number): string => (seconds * 1e3).toPrecision(4);
const mebibytes = (bytes: number | null): string => (bytes === null ? '' : (bytes / 2 ** 20).toFixed(0));

/** A row for each contender of each net. */
function rows(results: readonly NetResult[]): string[][] {
  return results.flatMap(({ net: { model, mode, batch, size }, multiplyAdds, scores }) =>
    scores.map(({ name, version, secondsPerRun: { median, deviation }, ratio, peakBytes, scriptShare }, i) => [
      i === 0 ? `${model} ${mode}, ${batch} x ${size}²` : '',
      `${name} ${version}`,
      `${milliseconds(median)} ±${milliseconds(deviation)}`,
      i === 0 ? '' : `${ratio.median.toFixed(2)} ±${ratio.deviation.toFixed(2)}`,
      i === 0 && mode === 'inference' ? ((2e-9 * batch * multiplyAdds) / median).toFixed(1) : '',
      mebibytes(peakBytes),
      scriptShare === null ? '' : `${(scriptShare * 100).toFixed(1)}%`,
    ]),
  );
}

/** Times whole nets beside the peers. Returns whether every answer was right. */
export async function netBench(options: CommandLine, command: string): Promise<boolean> {
  const { threads, rounds, seed, nets, netMode: mode, batch = 1, size } = options;
  const facts = collectFacts();
  const found = options.peers.map((name) => netPeers[name](name, mode));
  const isThere = (contender: Contender | Absent): contender is Contender => !('absent' in contender);
  const peers = found.filter(isThere);
  const progress = startProgress(nets.length);
  const results: NetResult[] = [];
  try {
    for (const model of nets) {
      progress.next(model);
      const net = { model, mode, batch, size: size ?? models[model].inputSize };
      results.push(await measureNet(net, { threads, rounds, seed }, receptiveNet, peers));
    }
  } finally {
    progress.stop();
  }
  const head = ['net', 'runtime', 'ms', 'ratio', 'GFLOP/s', 'peak MiB', 'JavaScript'];
  console.log(`${facts.processor}, target ${facts.target}, threads ${threads}, load before ${facts.load.toFixed(1)}\n`);
  console.log(table(head, rows(results), ['left', 'left', 'right', 'right', 'right', 'right', 'right']));
  console.log(
    '\nratio: its time over ours in the same round; medians, ± the median absolute deviation. Peak: resident memory.',
  );
  for (const contender of found) if ('absent' in contender) console.log(`${contender.name}: ${contender.absent}`);
  const remarks = results.flatMap((result) => result.remarks.map((remark) => ({ ...remark, model: result.net.model })));
  for (const { model, name, reason } of remarks) console.log(`${model}, ${name}: ${reason}`);
  if (options.json !== undefined) {
    const settings = { threads, rounds, seed };
    writeFileSync(options.json, `${JSON.stringify({ command, facts, settings, results }, null, 2)}\n`);
  }
  return !remarks.some(({ failed }) => failed);
}

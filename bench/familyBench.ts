import { writeFileSync } from 'node:fs';
import { manualSeed, setNumThreads } from 'receptive';
import type { CommandLine } from './commandLine';
import { families } from './families';
import { type Measurement, measure } from './measure';
import { startProgress } from './progress';
import { randomIntegers } from './random';
import { collectFacts } from './report/model';

/** Checks and times the cases of op families. */
export async function familyBench(options: CommandLine): Promise<void> {
  const { threads, rounds, seed } = options;
  const { processor, target } = collectFacts();
  setNumThreads(threads);
  manualSeed(seed);
  console.log(`${processor}, target ${target}, ${threads} threads, seed ${seed}`);
  const random = randomIntegers(seed);
  const cases = options.families.flatMap((family) =>
    families[family](random, options.extra)
      .filter(({ name }) => name.includes(options.filter))
      .map((benchCase) => ({ family, benchCase })),
  );
  const progress = startProgress(cases.length);
  const results: ({ family: string; name: string; unit: string } & Measurement)[] = [];
  for (const { family, benchCase } of cases) {
    progress.next(family);
    const measured = await measure(family, benchCase, rounds);
    results.push({ family, name: benchCase.name, unit: benchCase.unit, ...measured });
  }
  progress.stop();
  for (const { family, name, unit, median, deviation, microseconds } of results) {
    const rate = `${median.toFixed(1).padStart(8)} ${unit.padEnd(7)} +- ${deviation.toFixed(1).padStart(6)}`;
    console.log(`${rate} ${microseconds.toFixed(1).padStart(10)} us  ${family.padEnd(10)} ${name}`);
  }
  if (options.json !== undefined) {
    const facts = { processor, target, threads, seed, rounds };
    writeFileSync(options.json, `${JSON.stringify({ facts, results }, null, 2)}\n`);
  }
}

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { devices, manualSeed, setNumThreads } from 'receptive';
import { callOverhead } from './calls';
import { families } from './families';
import { type Measurement, measure } from './measure';
import { randomIntegers } from './random';

const usage = `usage: npm run bench -- [options]
  --family NAMES   ${Object.keys(families).join(' ')} (comma-separated; default all)
  --filter TEXT    only cases whose name contains TEXT
  --threads N      compute threads (default 1)
  --rounds N       counted rounds of about 20 ms per case (default 9)
  --extra N        seeded random shapes in conv2d and pool (default 50)
  --seed N         seed of shapes and numbers (default: from the clock, printed)
  --calls          the cost of a call on 16 floats instead
  --json FILE      results as JSON`;

function wholeNumber(name: string, text: string | undefined, fallback: number, low: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isSafeInteger(value) || value < low)
    throw new Error(`--${name} must be a whole number >= ${low}, given ${text}`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      family: { type: 'string' },
      filter: { type: 'string', default: '' },
      threads: { type: 'string' },
      rounds: { type: 'string' },
      extra: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'string' },
      calls: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const names = values.family?.split(',') ?? Object.keys(families);
  const unknown = names.find((name) => !(name in families));
  if (unknown !== undefined) throw new Error(`--family: there is no ${unknown}\n${usage}`);
  const threads = wholeNumber('threads', values.threads, 1, 1);
  const rounds = wholeNumber('rounds', values.rounds, 9, 1);
  const extra = wholeNumber('extra', values.extra, 50, 0);
  const seed = wholeNumber('seed', values.seed, Date.now() % 2 ** 31, 0);
  setNumThreads(threads);
  manualSeed(seed);
  console.log(
    `${cpus()[0]?.model ?? 'unknown processor'}, target ${devices()[0].target}, ${threads} threads, seed ${seed}`,
  );
  if (values.calls) return callOverhead();

  const random = randomIntegers(seed);
  const cases = names.flatMap((family) =>
    families[family](random, extra)
      .filter(({ name }) => name.includes(values.filter))
      .map((benchCase) => ({ family, benchCase })),
  );
  const bar = new SingleBar({ format: '{bar} {value}/{total} {family}', hideCursor: true });
  if (process.stdout.isTTY) bar.start(cases.length, 0, { family: '' });
  const results: ({ family: string; name: string; unit: string } & Measurement)[] = [];
  for (const { family, benchCase } of cases) {
    const measured = await measure(family, benchCase, rounds);
    results.push({ family, name: benchCase.name, unit: benchCase.unit, ...measured });
    if (process.stdout.isTTY) bar.increment({ family });
  }
  bar.stop();
  for (const { family, name, unit, median, deviation, microseconds } of results) {
    const rate = `${median.toFixed(1).padStart(8)} ${unit.padEnd(7)} +- ${deviation.toFixed(1).padStart(6)}`;
    console.log(`${rate} ${microseconds.toFixed(1).padStart(10)} us  ${family.padEnd(10)} ${name}`);
  }
  if (values.json !== undefined) {
    const facts = { processor: cpus()[0]?.model, target: devices()[0].target, threads, seed, rounds };
    writeFileSync(values.json, `${JSON.stringify({ facts, results }, null, 2)}\n`);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

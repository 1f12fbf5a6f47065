import { synchronize } from 'receptive';
import type { AnyTensor, BenchCase, Prepared } from './benchCase';
import { sampleIndices } from './sampling';
import { type Spread, spread } from './statistics';

/** Rates of all rounds. */
export interface Measurement extends Spread {
  readonly microseconds: number;
}

const checkedElements = 12;
const roundMs = 20;

function disposeAll(tensors: readonly AnyTensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

/** Runs a case once and compares samples of its answer with the independent computation. */
export async function expectCorrect(name: string, prepared: Prepared): Promise<void> {
  const outputs = prepared.run();
  const values = await outputs[0].data();
  for (const index of sampleIndices(values.length, checkedElements)) {
    const want = prepared.expected(index);
    const got = Number(values[index]);
    const same = Object.is(got, want) || Math.abs(got - want) <= prepared.tolerance * (1 + Math.abs(want));
    if (!same) throw new Error(`${name}: element ${index} is ${got}, expected ${want}`);
  }
  disposeAll(outputs);
}

/** Enqueues the work so often, drops its outputs, and waits for the end of it all. */
export async function enqueue(run: () => readonly AnyTensor[], times: number): Promise<void> {
  for (let i = 0; i < times; ++i) disposeAll(run());
  await synchronize();
}

async function microseconds(prepared: Prepared, times: number): Promise<number> {
  const start = process.hrtime.bigint();
  await enqueue(() => prepared.run(), times);
  return Number(process.hrtime.bigint() - start) / 1e3;
}

/**
 * How many runs of so many seconds make a round, which is long beside the clock's resolution and short beside drifts.
 */
export function runsPerRound(secondsOfOne: number): number {
  return Math.max(1, Math.min(2000, Math.round(roundMs / 1e3 / secondsOfOne)));
}

/**
 * Checks a case's answer, then times it: rounds of about 20 ms of enqueued runs, each round ended by synchronize(). The
 * first round warms up and is not counted.
 */
export async function measure(family: string, benchCase: BenchCase, rounds: number): Promise<Measurement> {
  const prepared = benchCase.prepare();
  try {
    await expectCorrect(`${family} ${benchCase.name}`, prepared);
    const times = runsPerRound((await microseconds(prepared, 1)) / 1e6);
    const rates: number[] = [];
    for (let round = 0; round <= rounds; ++round) {
      const us = (await microseconds(prepared, times)) / times;
      if (round > 0) rates.push((benchCase.amount / us) * 1e-3);
    }
    const rate = spread(rates);
    return { ...rate, microseconds: (benchCase.amount / rate.median) * 1e-3 };
  } finally {
    disposeAll(prepared.inputs);
  }
}

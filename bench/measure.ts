import { synchronize } from 'receptive';
import type { AnyTensor, BenchCase, Prepared } from './benchCase';

/** Middle value and median absolute deviation of the rates of all rounds. */
export interface Measurement {
  readonly median: number;
  readonly deviation: number;
  readonly microseconds: number;
}

const checkedElements = 12;
const roundMs = 20;

function disposeAll(tensors: readonly AnyTensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

async function expectCorrect(name: string, prepared: Prepared): Promise<void> {
  const outputs = prepared.run();
  const values = await outputs[0].data();
  for (let i = 0; i < checkedElements; ++i) {
    const index = Math.floor((i / (checkedElements - 1)) * (values.length - 1));
    const want = prepared.expected(index);
    const got = Number(values[index]);
    const same = Object.is(got, want) || Math.abs(got - want) <= prepared.tolerance * (1 + Math.abs(want));
    if (!same) throw new Error(`${name}: element ${index} is ${got}, expected ${want}`);
  }
  disposeAll(outputs);
}

async function runFor(prepared: Prepared, times: number): Promise<number> {
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; ++i) disposeAll(prepared.run());
  await synchronize();
  return Number(process.hrtime.bigint() - start) / 1e3;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Checks a case's answer, then times it: rounds of about 20 ms of enqueued runs, each round ended by synchronize(). The first round
 * warms up and is not counted.
 */
export async function measure(family: string, benchCase: BenchCase, rounds: number): Promise<Measurement> {
  const prepared = benchCase.prepare();
  try {
    await expectCorrect(`${family} ${benchCase.name}`, prepared);
    const once = Math.max(await runFor(prepared, 1), 0.5);
    const times = Math.max(1, Math.min(2000, Math.round((roundMs * 1e3) / once)));
    const rates: number[] = [];
    for (let round = 0; round <= rounds; ++round) {
      const us = (await runFor(prepared, times)) / times;
      if (round > 0) rates.push((benchCase.amount / us) * 1e-3);
    }
    const middle = median(rates);
    return {
      median: middle,
      deviation: median(rates.map((rate) => Math.abs(rate - middle))),
      microseconds: (benchCase.amount / middle) * 1e-3,
    };
  } finally {
    disposeAll(prepared.inputs);
  }
}

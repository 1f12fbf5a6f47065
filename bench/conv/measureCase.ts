import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Contender } from '../contenders/contenders';
import { ContenderProcess, DeclinedError } from '../contenders/process';
import type { Task } from '../contenders/protocol';
import { runsPerRound } from '../measure';
import { uniforms } from '../random';
import { sampleIndices } from '../sampling';
import { type Spread, spread } from '../statistics';
import { withTemporaryFolder } from '../temporaryFolder';
import { type Layer, shapeText } from './notation';
import { referenceElement } from './reference';
import { type ConvTensors, type Direction, elements, leastBytes, operations, resultOf, tensorShapes } from './shape';

/** What is measured: one convolution in one direction. */
export interface ConvCase {
  readonly layer: Layer;
  readonly direction: Direction;
}

export interface Settings {
  readonly algorithm: string;
  readonly threads: number;
  /** Counted turns of each contender. */
  readonly rounds: number;
  readonly seed: number;
}

/** Who takes part. */
export interface Contenders {
  readonly ours: Contender;
  readonly peers: readonly Contender[];
  /** Sets the measure of "percent of peak"; null where it cannot be measured. */
  readonly peak: Contender | null;
}

/** What was measured of one contender. */
export interface Score {
  readonly name: string;
  readonly version: string;
  readonly algorithm: string;
  readonly workspaceBytes: number | null;
  readonly secondsPerRun: Spread;
  readonly gflops: Spread;
  /** Its rate over the peak's of the same round. */
  readonly ofPeak: Spread | null;
  /** Our speed over its speed in the same round; 1 for ourselves. */
  readonly ratio: Spread;
}

/** Why a contender has no score. */
export interface Remark {
  readonly name: string;
  readonly reason: string;
  /** It gave a wrong answer or broke, instead of declining. */
  readonly failed: boolean;
}

export interface CaseResult {
  readonly layer: string;
  readonly repeats: number;
  readonly direction: Direction;
  readonly operations: number;
  readonly leastBytes: number;
  readonly peakGflops: Spread | null;
  readonly ours: Score | null;
  readonly peers: readonly Score[];
  readonly remarks: readonly Remark[];
}

const checkedElements = 24;
/**
 * Largest accepted error over the root of the sum of the squared terms: Winograd's algorithm reaches 2e-5 in float32.
 */
const tolerance = 2e-4;
/** Between two turns, so that threads that wait actively for more work have gone to sleep. */
const pauseMs = 3;

/** Writes the tensors and returns the task with the reference of its samples. */
function makeTask({ layer: { shape }, direction }: ConvCase, settings: Settings, folder: string) {
  const shapes = tensorShapes(shape);
  const make = (name: keyof typeof shapes, seed: number): [string, Float32Array] => {
    const values = uniforms(seed, elements(shapes[name]));
    const file = join(folder, name);
    writeFileSync(file, values);
    return [file, values];
  };
  const made = {
    input: make('input', settings.seed),
    weight: make('weight', settings.seed + 1),
    output: make('output', settings.seed + 2),
  };
  const each = <T>(pick: (pair: [string, Float32Array]) => T): ConvTensors<T> => ({
    input: pick(made.input),
    weight: pick(made.weight),
    output: pick(made.output),
  });
  const samples = sampleIndices(elements(shapes[resultOf[direction]]), checkedElements);
  const values = each(([, numbers]) => numbers);
  const task: Task = { shape, direction, ...settings, files: each(([file]) => file), samples };
  return { task, expected: samples.map((index) => referenceElement(shape, direction, values, index)) };
}

type Reference = ReturnType<typeof makeTask>['expected'];

function expectCorrect(samples: readonly number[], indices: readonly number[], expected: Reference): void {
  for (const [i, { value, scale }] of expected.entries()) {
    if (Math.abs(samples[i] - value) <= tolerance * scale) continue;
    throw new Error(`wrong answer: element ${indices[i]} is ${samples[i]}, expected ${value}`);
  }
}

/** A contender at work, with its seconds per run of each round. */
interface Runner {
  readonly name: string;
  readonly process: ContenderProcess;
  readonly operations: number;
  readonly times: number;
  readonly seconds: number[];
}

/** Starts a contender, checks its answer, warms it up and finds how many runs make a round. */
async function startRunner(contender: Contender, task: Task, expected: Reference | null): Promise<Runner> {
  const process = await ContenderProcess.start(contender, task);
  try {
    if (expected !== null) expectCorrect(process.ready.samples, task.samples, expected);
    await process.run(1);
    const times = runsPerRound(await process.run(1));
    const own = process.ready.operations ?? operations(task.shape);
    return { name: contender.name, process, operations: own, times, seconds: [] };
  } catch (error) {
    await process.close();
    throw error;
  }
}

const rates = ({ seconds, operations: count }: Runner): number[] => seconds.map((time) => count / time / 1e9);

function score(runner: Runner, ours: Runner, peak: Runner | undefined): Score {
  const { version, algorithm, workspaceBytes } = runner.process.ready;
  const own = rates(runner);
  const peaks = peak && rates(peak);
  return {
    name: runner.name,
    version,
    algorithm,
    workspaceBytes,
    secondsPerRun: spread(runner.seconds),
    gflops: spread(own),
    ofPeak: peaks ? spread(own.map((rate, round) => rate / peaks[round])) : null,
    ratio: spread(runner.seconds.map((time, round) => time / ours.seconds[round])),
  };
}

/** The contenders at work on one task, and why others are not. */
class Runners {
  readonly remarks: Remark[] = [];
  readonly #runners = new Map<Contender, Runner>();

  get(contender: Contender | null): Runner | undefined {
    return contender === null ? undefined : this.#runners.get(contender);
  }

  async start(contender: Contender, task: Task, expected: Reference | null): Promise<void> {
    try {
      this.#runners.set(contender, await startRunner(contender, task, expected));
    } catch (error) {
      this.#remark(contender, error);
    }
  }

  /** One turn of each. A contender that breaks takes no further part. */
  async round(): Promise<void> {
    for (const [contender, { process, times, seconds }] of this.#runners) {
      try {
        seconds.push((await process.run(times)) / times);
      } catch (error) {
        this.#remark(contender, error);
        this.#runners.delete(contender);
      }
      await pause(pauseMs);
    }
  }

  async close(): Promise<void> {
    for (const { process } of this.#runners.values()) await process.close();
  }

  #remark({ name }: Contender, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.remarks.push({ name, reason, failed: !(error instanceof DeclinedError) });
  }
}

/**
 * Checks the answers of all contenders against the reference, then times them in turn. Each has a process of its own,
 * started for this case; a round is one turn of each.
 */
export function measureCase(benchCase: ConvCase, settings: Settings, who: Contenders): Promise<CaseResult> {
  return withTemporaryFolder(async (folder) => {
    const runners = new Runners();
    try {
      const { task, expected } = makeTask(benchCase, settings, folder);
      await runners.start(who.ours, task, expected);
      // Without ours there is nothing to compare with.
      const others = runners.get(who.ours) === undefined ? [] : who.peers;
      for (const peer of others) await runners.start(peer, task, expected);
      if (who.peak !== null) await runners.start(who.peak, task, null);
      for (let round = 0; runners.get(who.ours) !== undefined && round < settings.rounds; ++round)
        await runners.round();
      const ours = runners.get(who.ours);
      const peak = runners.get(who.peak);
      const { layer, direction } = benchCase;
      return {
        layer: shapeText(layer.shape),
        repeats: layer.repeats,
        direction,
        operations: operations(layer.shape),
        leastBytes: leastBytes(layer.shape),
        peakGflops: peak === undefined || ours === undefined ? null : spread(rates(peak)),
        ours: ours === undefined ? null : score(ours, ours, peak),
        peers: others.flatMap((peer) => {
          const runner = runners.get(peer);
          return runner === undefined || ours === undefined ? [] : [score(runner, ours, peak)];
        }),
        remarks: runners.remarks,
      };
    } finally {
      await runners.close();
    }
  });
}

import { setTimeout as pause } from 'node:timers/promises';
import { type ModelName, models } from 'receptive/models';
import { type Module, summary } from 'receptive/nn';
import type { Contender } from '../contenders/contenders';
import type { OnnxWeight } from '../contenders/onnxModel';
import { ContenderProcess, DeclinedError } from '../contenders/process';
import { elements } from '../conv/shape';
import { runsPerRound } from '../measure';
import { uniforms } from '../random';
import { sampleIndices } from '../sampling';
import { type Spread, spread } from '../statistics';
import { withTemporaryFolder } from '../temporaryFolder';
import { graphOf } from './graph';
import { makeModel } from './models';
import { type NetMode, type NetTask, netArguments, writeNet } from './task';

/** What is measured: a model in one mode on batches of square images. */
export interface NetCase {
  readonly model: ModelName;
  readonly mode: NetMode;
  readonly batch: number;
  readonly size: number;
}

export interface NetSettings {
  readonly threads: number;
  readonly rounds: number;
  readonly seed: number;
}

export interface NetScore {
  readonly name: string;
  readonly version: string;
  readonly secondsPerRun: Spread;
  /** Our speed over its speed in the same round; 1 for ourselves. */
  readonly ratio: Spread;
  /** Most memory that its process had resident; null where it does not say. */
  readonly peakBytes: number | null;
  /** Share of the time during which JavaScript ran; null where it does not say. */
  readonly scriptShare: number | null;
}

export interface NetResult {
  readonly net: NetCase;
  readonly multiplyAdds: number;
  readonly scores: readonly NetScore[];
  /** Why others have none. */
  readonly remarks: readonly { readonly name: string; readonly reason: string; readonly failed: boolean }[];
}

const checkedElements = 16;
/** Of the largest answer; sums of some thousand products in other orders, and Winograd's algorithm, differ by less. */
const tolerance = 2e-3;
const pauseMs = 20;

/** Writes what the contenders load. */
async function prepareTask({ model: name, mode, batch, size }: NetCase, settings: NetSettings, folder: string) {
  const model: Module = makeModel(name, mode, settings.seed);
  const inputShape = [batch, models[name].channels, size, size];
  const graph = graphOf(model.eval(), inputShape);
  const weights: OnnxWeight[] = [];
  for (const [tensorName, tensor] of [...model.namedParameters(), ...model.namedBuffers()]) {
    weights.push({ name: tensorName, shape: tensor.shape, data: (await tensor.data()) as Float32Array });
  }
  const { multiplyAdds } = summary(model, [1, ...inputShape.slice(1)]).total;
  model.dispose();
  const input = uniforms(settings.seed, elements(inputShape));
  const classes = graph.outputShape[1];
  writeNet(
    folder,
    graph,
    weights,
    input,
    Int32Array.from({ length: batch }, (_, i) => (7 * i) % classes),
  );
  const { threads, seed } = settings;
  const samples = sampleIndices(batch * classes, checkedElements);
  return { multiplyAdds, task: { model: name, mode, threads, seed, folder, samples } };
}

/** A contender at work. */
interface Runner {
  readonly name: string;
  readonly process: ContenderProcess;
  readonly times: number;
  readonly seconds: number[];
  peakBytes: number | null;
  scriptSeconds: number | null;
}

async function startRunner(contender: Contender, task: NetTask, expected: readonly number[] | null): Promise<Runner> {
  const process = await ContenderProcess.spawn(contender, netArguments(task), {
    OMP_NUM_THREADS: String(task.threads),
  });
  try {
    const { samples } = process.ready;
    const scale = Math.max(...samples.map(Math.abs));
    const wrong = samples.findIndex((value, i) => !(Math.abs(value - (expected?.[i] ?? value)) <= tolerance * scale));
    if (wrong !== -1) throw new Error(`wrong answer: number ${wrong} is ${samples[wrong]}, ours ${expected?.[wrong]}`);
    const times = runsPerRound(await process.run(1));
    return { name: contender.name, process, times, seconds: [], peakBytes: null, scriptSeconds: null };
  } catch (error) {
    await process.close();
    throw error;
  }
}

async function turn(runner: Runner): Promise<void> {
  const { seconds, peakBytes = null, scriptSeconds = null } = await runner.process.time(runner.times);
  runner.seconds.push(seconds / runner.times);
  runner.peakBytes = peakBytes;
  runner.scriptSeconds = scriptSeconds === null ? null : scriptSeconds / runner.times;
}

function score(runner: Runner, ours: Runner): NetScore {
  const { name, process, seconds, peakBytes, scriptSeconds } = runner;
  const secondsPerRun = spread(seconds);
  return {
    name,
    version: process.ready.version,
    secondsPerRun,
    ratio: spread(seconds.map((time, round) => time / ours.seconds[round])),
    peakBytes,
    scriptShare: scriptSeconds === null ? null : scriptSeconds / secondsPerRun.median,
  };
}

/**
 * Compares the contenders' answers with ours, then times all in turn. Each has a process of its own.
 */
export function measureNet(
  net: NetCase,
  settings: NetSettings,
  ours: Contender,
  peers: readonly Contender[],
): Promise<NetResult> {
  return withTemporaryFolder(async (folder) => {
    const runners: Runner[] = [];
    const remarks: { name: string; reason: string; failed: boolean }[] = [];
    const { multiplyAdds, task } = await prepareTask(net, settings, folder);
    try {
      for (const contender of [ours, ...peers]) {
        try {
          runners.push(await startRunner(contender, task, runners[0]?.process.ready.samples ?? null));
        } catch (error) {
          const failed = !(error instanceof DeclinedError);
          remarks.push({ name: contender.name, reason: (error as Error).message, failed });
          if (contender === ours) break;
        }
      }
      for (let round = 0; round < settings.rounds; ++round) {
        for (const runner of runners) {
          await turn(runner);
          await pause(pauseMs);
        }
      }
      const [own] = runners;
      return { net, multiplyAdds, scores: runners.map((runner) => score(runner, own)), remarks };
    } finally {
      for (const { process } of runners) await process.close();
    }
  });
}

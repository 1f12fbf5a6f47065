import {
  type ConvAlgorithmsOptions,
  convAlgorithms,
  type Tensor,
  tensor,
  UnsupportedError,
  withDevice,
} from 'receptive';
import type { ConvCase } from '../conv/measureCase';
import { type ConvAlgorithm, convRun } from '../conv/run';
import { type ConvTensors, elements, operations, resultOf, tensorShapes } from '../conv/shape';
import { uniforms } from '../random';
import { type DeviceTimes, deviceTimes } from './deviceTimes';

export interface GpuSettings {
  readonly device: string;
  readonly algorithm: string;
  /** Algorithms to compare with. */
  readonly peers: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly flushBytes: number;
}

export interface GpuScore extends DeviceTimes {
  readonly name: string;
}

export interface GpuRemark {
  readonly name: string;
  readonly reason: string;
  /** It gave a wrong answer, instead of declining. */
  readonly failed: boolean;
}

export interface GpuConvResult {
  readonly ours: GpuScore | null;
  readonly peers: readonly GpuScore[];
  readonly remarks: readonly GpuRemark[];
}

const directionNames = { fwd: 'forward', bwd_d: 'input', bwd_w: 'weight' } as const;

/** Largest accepted difference over the root of the sum of the squared terms, as in ../conv/measureCase.ts. */
const tolerance = 2e-4;

/** Why an algorithm does not compute a case, as `convAlgorithms()` has it; null where it does. */
export function whyNot(name: string, { layer: { shape }, direction }: ConvCase, device: string): string | null {
  const { input, weight } = tensorShapes(shape);
  const { stride, padding, groups } = shape;
  const options: ConvAlgorithmsOptions = { stride, padding, groups, direction: directionNames[direction] };
  const listed = withDevice(device, () => convAlgorithms(input, weight, options));
  const entry = listed.find((algorithm) => (algorithm.name as string) === name);
  return entry === undefined ? `convAlgorithms() does not list it on ${device}` : entry.declined;
}

function makeTensors(shapes: ConvTensors<number[]>, seed: number, device: string): ConvTensors<Tensor> {
  const make = (shape: readonly number[], offset: number): Tensor =>
    tensor(uniforms(seed + offset, elements(shape)), { shape, device });
  return { input: make(shapes.input, 0), weight: make(shapes.weight, 1), output: make(shapes.output, 2) };
}

function release(tensors: ConvTensors<Tensor>): void {
  for (const each of Object.values(tensors)) each.dispose();
}

/** The answer of the CPU. */
function onCpu({ layer: { shape }, direction }: ConvCase, seed: number): Float32Array {
  const tensors = makeTensors(tensorShapes(shape), seed, 'cpu');
  const result = convRun(shape, direction, 'auto', tensors)();
  const values = result.dataSync();
  result.dispose();
  release(tensors);
  return values;
}

function expectSame(actual: Float32Array, expected: Float32Array, bound: number): void {
  for (let i = 0; i < expected.length; ++i) {
    if (Math.abs(actual[i] - expected[i]) <= bound) continue;
    throw new Error(`wrong answer: element ${i} is ${actual[i]}, on the CPU ${expected[i]}`);
  }
}

/** Checks our answer and those of the peers on the GPU against the CPU's, then times each, cold and hot. */
export async function measureOnGpu(benchCase: ConvCase, settings: GpuSettings): Promise<GpuConvResult> {
  const { layer, direction } = benchCase;
  const { device, seed, rounds } = settings;
  const expected = onCpu(benchCase, seed);
  // The terms are products of two numbers uniform in [-1, 1): the mean of their squares is 1/9.
  const terms = operations(layer.shape) / 2 / elements(tensorShapes(layer.shape)[resultOf[direction]]);
  const bound = tolerance * Math.max(1, Math.sqrt(terms / 9));
  const tensors = makeTensors(tensorShapes(layer.shape), seed, device);
  const remarks: GpuRemark[] = [];

  async function measure(name: string, algorithm: string): Promise<GpuScore | null> {
    const run = convRun(layer.shape, direction, algorithm as ConvAlgorithm, tensors);
    try {
      const result = run();
      const values = result.dataSync();
      result.dispose();
      expectSame(values, expected, bound);
      return { name, ...(await deviceTimes(() => [run()], rounds, settings.flushBytes)) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      remarks.push({ name, reason, failed: !(error instanceof UnsupportedError) });
      return null;
    }
  }

  try {
    const ours = await measure('receptive', settings.algorithm);
    const scores: GpuScore[] = [];
    for (const peer of settings.peers) {
      const reason = whyNot(peer, benchCase, device);
      if (reason !== null) remarks.push({ name: peer, reason, failed: false });
      const score = reason === null ? await measure(peer, peer) : null;
      if (score !== null) scores.push(score);
    }
    return { ours, peers: scores, remarks };
  } finally {
    release(tensors);
  }
}

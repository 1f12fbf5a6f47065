// `algorithm: 'search'`: times the algorithms on a problem once and remembers how long each took.
import { expectInteger, expectOneOf, expectOptions } from '../check';
import { deviceTable } from '../deviceTable';
import type { Attributes } from '../dispatch';
import type { DType } from '../dtype';
import { ArgumentError, OutOfMemoryError } from '../errors';
import { native } from '../native';
import { tidy } from '../scope';
import type { Tensor } from '../tensor';
import { describe } from '../text';
import { algorithmNames } from '../trace';
import { type ConvProblem, directions, type Kernel, kernelNumber } from './convAlgorithm';
import type { Layout } from './spatial';

/** What a search measured: a convolution, where and how it ran, and what each algorithm took. */
export interface ConvSearchResult {
  /** The output, or the gradient by input or by weight. */
  readonly direction: 'forward' | 'input' | 'weight';
  readonly dtype: 'float32' | 'float64';
  /** Of the device, as `devices()` has it; results of other targets are kept, and not used. */
  readonly target: string;
  readonly threads: number;
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly layout: Layout;
  /** Rows and columns of the input. */
  readonly input: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Top, bottom, left, right. */
  readonly padding: readonly [number, number, number, number];
  /** Microseconds of a call by algorithm, or by its variant where it has some: the shortest of several. */
  readonly microseconds: Readonly<Record<string, number>>;
}

type Case = Omit<ConvSearchResult, 'microseconds'>;

const results = new Map<string, ConvSearchResult>();
const kernels = algorithmNames.map(({ kernel }) => kernel);

// In the order of the interface, so that equal cases have equal texts.
function keyOf(of: Case): string {
  const { direction, dtype, target, threads, batch, channels, filters, groups, layout } = of;
  const { input, kernel, stride, dilation, padding } = of;
  return JSON.stringify([
    ...[direction, dtype, target, threads, batch, channels, filters, groups, layout],
    ...[input, kernel, stride, dilation, padding],
  ]);
}

function caseOf(
  { direction, dtype, device, channels, filters, groups, nhwc, window }: ConvProblem,
  batch: number,
): Case {
  const { h, w } = window;
  return {
    direction,
    dtype: dtype as ConvSearchResult['dtype'],
    target: deviceTable()[device].target,
    threads: native.getNumThreads(),
    batch,
    channels,
    filters,
    groups,
    layout: nhwc ? 'NHWC' : 'NCHW',
    input: [h.input, w.input],
    kernel: [h.kernel, w.kernel],
    stride: [h.stride, w.stride],
    dilation: [h.dilation, w.dilation],
    padding: [h.before, h.after, w.before, w.after],
  };
}

/** Milliseconds that a candidate is repeated for, and how often at most. */
const enough = { milliseconds: 10, calls: 20 } as const;

function timed(run: () => Tensor<DType>): number {
  // Reading an element waits for this result alone: a failure of other work stays for who reads that.
  const call = (): number =>
    tidy(() => {
      const start = performance.now();
      const output = run();
      output.reshape([output.size]).slice(0, 1).dataSync();
      return performance.now() - start;
    });
  call(); // waits for earlier work, packs the weights, touches the memory
  let best = Infinity;
  for (let calls = 0, sum = 0; calls < enough.calls && sum < enough.milliseconds; calls++) {
    const time = call();
    sum += time;
    best = Math.min(best, time);
  }
  return best;
}

const fastest = (among: readonly Kernel[], times: Readonly<Record<string, number>>): Kernel =>
  among.reduce((best, kernel) => (times[kernel] < times[best] ? kernel : best));

/**
 * The fastest of `candidates`, by what an earlier search measured, or by timing them now: that takes some milliseconds for each,
 * in which the calling thread waits.
 *
 * @param candidates Algorithms that can compute the problem; not empty.
 * @param run Makes the result with these attributes.
 * @internal
 */
export function searchedKernel(
  problem: ConvProblem,
  batch: number,
  attributes: Attributes,
  candidates: readonly Kernel[],
  run: (attributes: Attributes) => Tensor<DType>,
): Kernel {
  const where = caseOf(problem, batch);
  const key = keyOf(where);
  const known = results.get(key)?.microseconds ?? {};
  const unknown = candidates.filter((kernel) => known[kernel] === undefined);
  if (unknown.length === 0) return fastest(candidates, known);
  const microseconds: Record<string, number> = { ...known };
  let failure: unknown;
  for (const kernel of unknown) {
    try {
      const time = timed(() => run({ ...attributes, algorithm: kernelNumber(kernel) }));
      microseconds[kernel] = Math.max(Math.round(time * 1e4) / 10, 0.1);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      failure = error; // the others may need less
    }
  }
  results.set(key, { ...where, microseconds });
  const timedOnes = candidates.filter((kernel) => microseconds[kernel] !== undefined);
  if (timedOnes.length === 0) throw failure;
  return fastest(timedOnes, microseconds);
}

/**
 * What the searches of this process have measured (`algorithm: 'search'`), and what `loadConvSearchResults` brought.
 *
 * @returns Plain data: `JSON.stringify` it to keep it.
 */
export function convSearchResults(): ConvSearchResult[] {
  return [...results.values()];
}

/** Forgets all results: the next search of a problem times it again. */
export function clearConvSearchResults(): void {
  results.clear();
}

function expectNumbers<N extends readonly number[]>(op: string, name: string, value: unknown, count: number): N {
  const numbers = Array.isArray(value) && value.length === count ? Array.from<unknown>(value) : [];
  if (numbers.length !== count || !numbers.every((v) => Number.isSafeInteger(v) && (v as number) >= 0)) {
    throw new ArgumentError(`${op}: ${name} must be ${count} integers from 0 on, given ${describe(value)}`);
  }
  return Object.freeze(numbers) as readonly number[] as N;
}

const fields = [
  'direction',
  'dtype',
  'target',
  'threads',
  'batch',
  'channels',
  'filters',
  'groups',
  'layout',
  'input',
  'kernel',
  'stride',
  'dilation',
  'padding',
  'microseconds',
] as const;

function expectResult(op: string, name: string, value: unknown): ConvSearchResult {
  const given = expectOptions(`${op}: ${name}`, (value ?? null) as ConvSearchResult, fields);
  const count = (field: 'threads' | 'batch' | 'channels' | 'filters' | 'groups'): number =>
    expectInteger(op, `${name}.${field}`, given[field], 1, Number.MAX_SAFE_INTEGER);
  const { target, microseconds } = given;
  if (typeof target !== 'string') {
    throw new ArgumentError(`${op}: ${name}.target must be a string, given ${describe(target)}`);
  }
  if (typeof microseconds !== 'object' || microseconds === null || Array.isArray(microseconds)) {
    throw new ArgumentError(`${op}: ${name}.microseconds must be an object, given ${describe(microseconds)}`);
  }
  for (const [algorithm, time] of Object.entries(microseconds)) {
    expectOneOf(op, `${name}.microseconds`, algorithm, kernels);
    if (typeof time !== 'number' || !(time > 0) || !Number.isFinite(time)) {
      throw new ArgumentError(`${op}: ${name}.microseconds.${algorithm} must be positive, given ${describe(time)}`);
    }
  }
  return {
    direction: expectOneOf(op, `${name}.direction`, given.direction, directions),
    dtype: expectOneOf(op, `${name}.dtype`, given.dtype, ['float32', 'float64'] as const),
    target,
    threads: count('threads'),
    batch: count('batch'),
    channels: count('channels'),
    filters: count('filters'),
    groups: count('groups'),
    layout: expectOneOf(op, `${name}.layout`, given.layout, ['NCHW', 'NHWC'] as const),
    input: expectNumbers(op, `${name}.input`, given.input, 2),
    kernel: expectNumbers(op, `${name}.kernel`, given.kernel, 2),
    stride: expectNumbers(op, `${name}.stride`, given.stride, 2),
    dilation: expectNumbers(op, `${name}.dilation`, given.dilation, 2),
    padding: expectNumbers(op, `${name}.padding`, given.padding, 4),
    microseconds: { ...microseconds },
  };
}

/**
 * Takes over results of `convSearchResults`, of this machine or another, in place of what is known of the same problems:
 * searches of those take no time then.
 *
 * @param saved The list, or what `JSON.parse` makes of it.
 * @throws ArgumentError naming the entry and field that are wrong; nothing is taken over then.
 */
export function loadConvSearchResults(saved: readonly ConvSearchResult[]): void {
  const op = 'loadConvSearchResults';
  if (!Array.isArray(saved)) throw new ArgumentError(`${op}: saved must be an array, given ${describe(saved)}`);
  const checked = Array.from(saved, (value, i) => expectResult(op, `saved[${i}]`, value)); // sees holes
  for (const result of checked) results.set(keyOf(result), result);
}

import { emptyCache, memoryStats, OutOfMemoryError, ReceptiveError, synchronize } from 'receptive';
import { afterEach, describe, expect, it } from 'vitest';
import { runProgram } from '../support/child';
import { inject, isEmulated } from '../support/emulation';
import { ApiCalls, tensorsIn } from '../support/programs/apiCalls.mjs';
import { testSeed } from '../support/random';

// Every public function while a call of the device's runtime fails: the first, the second, … of those that the function makes.
// It tells of that by a typed error or goes round it, holds nothing afterwards, and the next call is right.

type Function = (...args: unknown[]) => unknown;
type Outcome = ReturnType<ApiCalls['run']>;

const device = 'cuda:0';
/** More calls of one kind than any function makes here. */
const most = 60;
const calls = new ApiCalls(testSeed);

/** The call's outcome, or its error, while `fault` holds. It leaves tensors and bytes as they were. */
async function attempt(f: Function, args: unknown[], fault?: string): Promise<Outcome | ReceptiveError> {
  const moved = calls.moved(args, device);
  await synchronize(device);
  emptyCache(device);
  const { tensors, allocatedBytes } = memoryStats(device);
  let outcome: Outcome | ReceptiveError;
  inject(fault);
  try {
    outcome = calls.run(f, moved, device);
  } catch (error) {
    if (!(error instanceof ReceptiveError)) throw error;
    outcome = error;
  } finally {
    inject();
  }
  await synchronize(device);
  emptyCache(device);
  expect(memoryStats(device), fault).toMatchObject({ tensors, allocatedBytes });
  for (const t of tensorsIn(moved)) t.dispose();
  return outcome;
}

/** Kinds of failing calls, and how a function tells of one; without that it goes round the failure. */
const kinds = [
  { name: 'want of memory', fault: (n: number) => `cudaMalloc:${n}+`, told: /out of memory on cuda:0/ },
  { name: 'want of memory once', fault: (n: number) => `cudaMalloc:${n}` },
  {
    name: 'a launch',
    fault: (n: number) => `launch:${n}=cudaErrorLaunchOutOfResources`,
    told: /on device 'cuda:0': .*cudaErrorLaunchOutOfResources/,
  },
  {
    name: 'a copy',
    fault: (n: number) => `cudaMemcpyAsync:${n}`,
    told: /cudaMemcpyAsync to the .* on device 'cuda:0'/,
  },
  { name: 'the record of an event', fault: (n: number) => `cudaEventRecord:${n}` },
  { name: 'waiting for an event', fault: (n: number) => `cudaEventSynchronize:${n}` },
];
/** Functions that were told of a failure, by its kind. */
const told = new Map<string, number>();

/** Whether the n-th call of a kind may have failed: it was told as it should be, or no failure of the kind is. */
async function meets(
  kind: (typeof kinds)[number],
  n: number,
  f: Function,
  { args, expected }: { args: unknown[]; expected: Outcome },
): Promise<boolean> {
  const fault = kind.fault(n);
  const outcome = await attempt(f, args, fault);
  if (!(outcome instanceof Error)) {
    expect(outcome, fault).toEqual(expected);
    return kind.told === undefined;
  }
  if (kind.told === undefined) throw outcome;
  expect(outcome.message, fault).toMatch(kind.told);
  expect(outcome instanceof OutOfMemoryError, fault).toBe(fault.startsWith('cudaMalloc'));
  expect(await attempt(f, args), `after ${fault}`).toEqual(expected);
  return true;
}

describe.skipIf(!isEmulated(device))('failing calls within every function on cuda:0', () => {
  afterEach(() => calls.release());

  // The stream makes the events of its first tasks as it needs them, so this comes first.
  it('an event that cannot be made', async () => {
    let failures = 0;
    for (const [name, f, recipe] of calls.functions) {
      const found = calls.accepted(f, recipe, device);
      const outcome = await attempt(f, found?.args ?? [], 'cudaEventCreate:1');
      if (!(outcome instanceof Error)) continue;
      expect(outcome.message, name).toMatch(/^cudaEventCreate on device 'cuda:0': .*cudaErrorUnknown/);
      failures++;
    }
    expect(failures).toBeGreaterThan(20);
  });

  it.each(calls.functions)('%s', async (name, f, recipe) => {
    const found = calls.accepted(f, recipe, device);
    if (found === undefined) throw new Error(`no draw of ${name} is accepted`);
    for (const kind of kinds) {
      const last = kind.told === undefined ? 3 : most;
      let n = 1;
      while (n <= last && (await meets(kind, n, f, found))) n++;
      if (kind.told === undefined) continue;
      expect(n, 'calls of one kind').toBeLessThan(most);
      if (n > 1) told.set(kind.name, (told.get(kind.name) ?? 0) + 1);
    }
  });

  // A few only copy the host's values, or none.
  it('nearly all functions were told of each kind', () => {
    const least = 0.9 * calls.functions.length;
    for (const { name, told: tells } of kinds) if (tells) expect(told.get(name), name).toBeGreaterThan(least);
  });
});

interface Failure {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

interface Report {
  readonly outcomes: readonly (readonly [name: string, outcome: 'ok' | Failure])[];
  /** Of reads, an upload and synchronize() at the end. */
  readonly last: readonly ('ok' | Failure)[];
  readonly tensors: number;
  readonly allocatedBytes: number;
}

describe.skipIf(!isEmulated(device))('every function after the end of the device, on cuda:0', () => {
  it.each([
    'launch:1',
    'launch:90=cudaErrorIllegalAddress',
    'cudaMalloc:10=cudaErrorECCUncorrectable',
    'cudaMemcpyAsync:75=cudaErrorMisalignedAddress',
    'cudaEventRecord:200=cudaErrorIllegalInstruction',
    'cudaEventSynchronize:60=cudaErrorLaunchFailure',
  ])('%s', async (fault) => {
    const child = await runProgram('apiFaults.mjs', { args: [String(testSeed), device, fault] });
    expect({ code: child.code, signal: child.signal }, child.stderr).toEqual({ code: 0, signal: null });
    const { outcomes, last, tensors, allocatedBytes } = JSON.parse(child.stdout) as Report;
    const first = outcomes.findIndex(([, outcome]) => outcome !== 'ok');
    expect(first).toBeGreaterThanOrEqual(0);
    for (const [name, outcome] of [...outcomes.slice(first), ...last.map((end) => ['at last', end] as const)]) {
      expect(outcome, name).toMatchObject({ name: 'DeviceLostError', code: 'ERR_DEVICE_LOST' });
      expect((outcome as Failure).message, name).toMatch(/device 'cuda:0' is lost: .*cudaError.*new process/);
    }
    expect({ tensors, allocatedBytes }).toEqual({ tensors: 0, allocatedBytes: 0 });
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../support/child';
import { availableDevices } from '../support/devices';
import { isEmulated } from '../support/emulation';
import { temporaryFolder } from '../support/temporaryFolder';

/** Whether the CUDA runtime in this process is an emulator around it, which can make its calls fail. */
function underEmulator(): boolean {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  const runtime = maps.match(/\/\S*libcudart\S*/)?.[0];
  return runtime !== undefined && readFileSync(runtime).includes('cuemu_fail');
}

interface Failure {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

interface Outcome {
  readonly available: boolean;
  readonly reason: string;
  readonly rounds: readonly ('ok' | Failure)[];
  readonly synchronize: 'ok' | Failure;
  readonly tensors: number;
  readonly allocatedBytes: number;
}

/** Milliseconds for a child: emulated kernels are slow, and the first run of one compiles it. */
const timeout = 200_000;

// How the emulator is told what shall fail, and where it reports: one around the process, or within the addon.
const variables = !availableDevices.includes('cuda:0')
  ? undefined
  : isEmulated('cuda:0')
    ? { fail: 'RECEPTIVE_EMULATION_FAIL', report: 'RECEPTIVE_EMULATION_REPORT' }
    : underEmulator()
      ? { fail: 'CUEMU_FAIL', report: 'CUEMU_REPORT' }
      : undefined;

/** `memory:1,memory:2`: calls of a function that fail, with an error other than its usual one if given. */
const calls = (name: string, numbers: readonly number[], error?: string): string[] =>
  numbers.map((n) => `${name}:${n}${error === undefined ? '' : `=${error}`}`);

describe.skipIf(variables === undefined)('failing calls of the CUDA runtime on cuda:0', { timeout }, () => {
  const folder = temporaryFolder();
  let children = 0;

  /** Runs the program while calls fail: all of these must have happened, and nothing may be left or wrong at the end. */
  async function run(faults: readonly string[], { rounds = 8, mode = '', lost = false } = {}): Promise<Outcome> {
    const file = join(folder, `report-${children++}.json`);
    const child = await runProgram('cudaFaults.mjs', {
      args: [String(rounds), mode],
      env: { [variables?.fail ?? '']: faults.join(','), [variables?.report ?? '']: file },
      timeout,
    });
    expect({ code: child.code, signal: child.signal }, child.stderr).toEqual({ code: 0, signal: null });
    const report = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly error_count?: number;
      readonly race_count?: number;
      readonly leaked_bytes: number;
      readonly injected_faults: readonly string[];
    };
    expect(report.injected_faults.length, 'faults that happened').toBeGreaterThanOrEqual(faults.length);
    const { error_count = 0, race_count = 0, leaked_bytes } = report;
    expect({ error_count, race_count }, child.stderr).toEqual({ error_count: 0, race_count: 0 });
    if (!lost) expect(leaked_bytes).toBe(0); // the memory of a lost device cannot be given back
    return JSON.parse(child.stdout) as Outcome;
  }

  const failures = ({ rounds }: Outcome): Failure[] => rounds.filter((round) => round !== 'ok');

  /** Some rounds failed with the error, the others and all after them went well, and no memory is held. */
  function expectRecovered(outcome: Outcome, count: number | 'some', code: string, message: RegExp): void {
    for (const failure of failures(outcome)) {
      expect(failure.code, failure.message).toBe(code);
      expect(failure.message).toMatch(message);
    }
    const failed = failures(outcome).length;
    if (count === 'some') expect(failed).toBeGreaterThan(0);
    else expect(failed).toBe(count);
    expect(outcome.rounds.at(-1)).toBe('ok');
    const { synchronize, tensors, allocatedBytes } = outcome;
    expect({ synchronize, tensors, allocatedBytes }).toEqual({ synchronize: 'ok', tensors: 0, allocatedBytes: 0 });
  }

  /** Rounds went well until one met the end of the device; since then nothing works, and everybody is told why. */
  function expectLost(outcome: Outcome, message: RegExp): void {
    const first = outcome.rounds.findIndex((round) => round !== 'ok');
    expect(first).toBeGreaterThanOrEqual(0);
    for (const round of [...outcome.rounds.slice(first), outcome.synchronize]) {
      expect(round).toMatchObject({ name: 'DeviceLostError', code: 'ERR_DEVICE_LOST' });
      expect((round as Failure).message).toMatch(message);
    }
    expect({ tensors: outcome.tensors, bytes: outcome.allocatedBytes }).toEqual({ tensors: 0, bytes: 0 });
  }

  it('none: all rounds go well', async () => {
    for (const mode of ['large', 'profile', 'behind']) {
      expectRecovered(await run([], { rounds: 2, mode }), 0, '', /^/);
    }
  });

  describe('for want of memory', () => {
    it.each(['cudaMalloc', 'cudaHostAlloc'])('%s that fails once is tried again', async (name) => {
      expectRecovered(await run(calls(name, [1, 4, 7])), 0, '', /^/);
    });

    it.each([
      ['cudaMalloc', [1, 2], 1],
      ['cudaMalloc', Array.from({ length: 20 }, (_, i) => 3 + i), 'some'],
      ['cudaHostAlloc', [1, 2], 1],
      ['cudaHostAlloc', [3, 4, 6, 7], 2],
    ] as const)('%s, calls %j', async (name, numbers, count) => {
      const outcome = await run(calls(name, numbers), { rounds: 12 });
      expectRecovered(outcome, count, 'ERR_OUT_OF_MEMORY', /out of memory on cuda:0/);
    });

    it('cudaMalloc from some call on: what is cached still serves', async () => {
      const { rounds, synchronize, tensors, allocatedBytes } = await run(['cudaMalloc:9+'], { rounds: 16 });
      expect(rounds[0]).toBe('ok');
      expect(rounds.some((round) => round !== 'ok' && round.code === 'ERR_OUT_OF_MEMORY')).toBe(true);
      expect(rounds.every((round) => round === 'ok' || round.code === 'ERR_OUT_OF_MEMORY')).toBe(true);
      expect({ synchronize, tensors, allocatedBytes }).toEqual({ synchronize: 'ok', tensors: 0, allocatedBytes: 0 });
    });
  });

  describe('for another reason', () => {
    it.each([
      ['cudaMalloc', [2, 4], 'cudaErrorUnknown', 2],
      ['cudaHostAlloc', [1, 3], 'cudaErrorUnknown', 2],
      ['cudaStreamCreate', [1, 2], undefined, 2],
      ['cudaEventCreate', [1, 3, 8], undefined, 3],
      ['cudaMemcpyAsync', [1, 3, 6, 10], undefined, 4],
      ['cudaSetDevice', [1, 2], undefined, 2],
      ['launch', [1, 4], 'cudaErrorInvalidConfiguration', 2],
      ['launch', [2, 5, 8], 'cudaErrorLaunchOutOfResources', 3],
    ] as const)('%s, calls %j, %s', async (name, numbers, error, count) => {
      const outcome = await run(calls(name, numbers, error), { rounds: 10 });
      const what = name === 'launch' ? '(add|mul|greater|notEqual|cast)' : `${name}.*`;
      expectRecovered(outcome, count, 'ERR_RECEPTIVE', new RegExp(`${what} on device 'cuda:0': .*cudaError`));
    });

    it.each([
      ['cudaEventRecord', [1, 2, 5, 9, 14]],
      ['cudaEventSynchronize', [1, 2, 4]],
    ] as const)('%s, calls %j: the stream is waited for instead', async (name, numbers) => {
      expectRecovered(await run(calls(name, numbers)), 0, '', /^/);
    });

    it('an event of profile()', async () => {
      // One for the memory of the round's first task and two with timing; the third is the anchor of all times.
      const outcome = await run(calls('cudaEventCreate', [10, 12, 15]), { mode: 'profile' });
      expectRecovered(outcome, 3, 'ERR_RECEPTIVE', /cudaEventCreate/);
    });

    it('a piece of a large upload', async () => {
      const outcome = await run(calls('cudaMemcpyAsync', [7, 15]), { rounds: 4, mode: 'large' });
      expectRecovered(outcome, 2, 'ERR_RECEPTIVE', /cudaMemcpyAsync to the device/);
    });

    it('a launch with more tasks behind it than the stream has slots', async () => {
      const outcome = await run(calls('launch', [900, 2000], 'cudaErrorInvalidValue'), { rounds: 4, mode: 'behind' });
      expectRecovered(outcome, 2, 'ERR_RECEPTIVE', /add on device 'cuda:0'/);
    });
  });

  describe('as the end of the device', () => {
    it.each([
      'launch:1',
      'launch:4',
      'launch:3=cudaErrorIllegalAddress',
      'cudaMalloc:3=cudaErrorIllegalAddress',
      'cudaHostAlloc:2=cudaErrorMisalignedAddress',
      'cudaMemcpyAsync:5=cudaErrorLaunchFailure',
      'cudaEventRecord:6=cudaErrorECCUncorrectable',
      'cudaEventSynchronize:3=cudaErrorIllegalInstruction',
    ])('%s: everybody who waits is told, and who comes later', async (fault) => {
      expectLost(await run([fault], { lost: true }), /device 'cuda:0' is lost: .*cudaError.*new process/);
    });

    it('a stream that can neither record an event nor be waited for', async () => {
      const faults = ['cudaEventRecord:5', 'cudaStreamSynchronize:1'];
      expectLost(await run(faults, { lost: true }), /device 'cuda:0' is lost: cudaStreamSynchronize/);
    });

    it('with many tasks queued', async () => {
      expectLost(await run(['launch:700'], { rounds: 3, mode: 'behind', lost: true }), /is lost/);
    });
  });

  it('a runtime that does not start: the device is listed with the reason', async () => {
    const { available, reason } = await run(['cudaGetDeviceCount:1']);
    expect({ available, reason }).toEqual({ available: false, reason: expect.stringMatching(/unknown error/) });
  });
});

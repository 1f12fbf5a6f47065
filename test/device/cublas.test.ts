import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { devices, grad, linear, matmul, ones, tidy } from 'receptive';
import { describe, expect, it } from 'vitest';
import { packageRoot, runFile, runProgram } from '../support/child';
import { expectThrows } from '../support/errors';
import { standIns } from '../support/standIns';
import { temporaryFolder } from '../support/temporaryFolder';

interface Failure {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

type Library = { readonly version: string; readonly path: string } | { readonly reason: string };

interface Info {
  readonly devices: readonly { readonly id: string; readonly libraries?: { readonly cublas: Library } }[];
  readonly used: number | Failure;
}

const timeout = 200_000;

describe('matmulBackend on the CPU', () => {
  const operands = () => [ones([2, 3]), ones([3, 4]), ones([4, 3])] as const;

  it("computes as without it for 'own' and 'auto'", () => {
    for (const matmulBackend of ['own', 'auto', undefined] as const) {
      tidy(() => {
        const [a, b, weight] = operands();
        for (const y of [matmul(a, b, { matmulBackend }), linear(a, weight, null, { matmulBackend })]) {
          expect([...y.dataSync()]).toEqual(Array(8).fill(3));
        }
      });
    }
  });

  it("refuses 'cublas', with the reason, and unknown names", () => {
    const [a, b, weight] = operands();
    const matmulBackend = 'cublas' as const;
    const reason = /matmulBackend 'cublas': cuBLAS is for CUDA devices, given tensors on cpu/;
    expectThrows(() => matmul(a, b, { matmulBackend }), 'UnsupportedError', reason);
    expectThrows(() => linear(a, weight, null, { matmulBackend }), 'UnsupportedError', reason);
    expectThrows(
      () => matmul(a, b, { matmulBackend: 'mkl' as 'own' }),
      'ArgumentError',
      /matmul: matmulBackend must be 'own', 'cublas' or 'auto', given 'mkl'/,
    );
    const g = { matmulBackend } as const;
    expectThrows(() => grad.matmul(a, a, weight, g), 'UnsupportedError', /grad\.matmul: matmulBackend 'cublas': /);
    expectThrows(() => grad.linear(a, a, weight, g), 'UnsupportedError', /grad\.linear: matmulBackend 'cublas': /);
    expectThrows(() => linear(a, b, null, { bias: true } as object), 'ArgumentError', /linear: .*bias/);
    for (const t of [a, b, weight]) t.dispose();
  });

  it('has no libraries', () => {
    expect(devices()[0]).not.toHaveProperty('libraries');
  });
});

describe.skipIf(standIns === null)('cuBLAS on cuda:0, emulated', { timeout }, () => {
  const folder = temporaryFolder();
  const library = join(standIns ?? '', 'libcublas.so.13');

  async function report<T>(args: readonly string[], env: Readonly<Record<string, string>>): Promise<T> {
    const given = { RECEPTIVE_EMULATION_DEVICES: '1', LD_LIBRARY_PATH: '', RECEPTIVE_CUBLAS_LIBRARY: '', ...env };
    const child = await runProgram('cudaLibraries.mjs', { args, env: given, timeout });
    expect({ code: child.code, signal: child.signal }, child.stderr).toEqual({ code: 0, signal: null });
    return JSON.parse(child.stdout) as T;
  }

  const info = (env: Readonly<Record<string, string>>): Promise<Info> => report(['info'], env);

  /** The reason is told by devices() and by a product that asks for the library. */
  async function expectReason(env: Readonly<Record<string, string>>, reason: RegExp): Promise<void> {
    const { devices: list, used } = await info(env);
    expect(list[0].libraries).toBeUndefined();
    const { cublas } = list[1].libraries as { cublas: Library };
    expect(cublas).toEqual({ reason: expect.stringMatching(reason) });
    expect(used).toMatchObject({ name: 'UnsupportedError', code: 'ERR_UNSUPPORTED' });
    expect((used as Failure).message).toContain(
      `matmul: matmulBackend 'cublas': cuBLAS cannot be used on cuda:0: ${(cublas as { reason: string }).reason}`,
    );
  }

  it('is found by its name, and where a variable says', async () => {
    const found = { cublas: { version: '13.0.1', path: library } };
    const ways = [
      ['LD_LIBRARY_PATH', standIns as string],
      ['RECEPTIVE_CUBLAS_LIBRARY', library],
    ];
    for (const [variable, value] of ways) {
      const { devices: list, used } = await info({ [variable]: value });
      expect(list[1].libraries).toMatchObject(found);
      expect(used).toBe(2);
    }
    const older = await info({ RECEPTIVE_CUBLAS_LIBRARY: library, RECEPTIVE_STANDIN_VERSION: '12.4.5' });
    expect(older.devices[1].libraries).toMatchObject({ cublas: { version: '12.4.5' } });
  });

  it('is not used where it is not found, of another version, or lacks an entry point', async () => {
    await expectReason({}, /^not found: libcublas\.so\.13: .*; libcublas\.so\.12: .*RECEPTIVE_CUBLAS_LIBRARY can name/);
    const nowhere = join(folder, 'libcublas.so.13');
    const named = /^not found where RECEPTIVE_CUBLAS_LIBRARY says: .*libcublas\.so\.13/;
    await expectReason({ LD_LIBRARY_PATH: standIns as string, RECEPTIVE_CUBLAS_LIBRARY: nowhere }, named);
    await expectReason(
      { RECEPTIVE_CUBLAS_LIBRARY: library, RECEPTIVE_STANDIN_VERSION: '11.2.3' },
      /^version 11\.2\.3 is not supported, versions 12 and 13 are \(.*libcublas\.so\.13\)$/,
    );
    await expectReason(
      { RECEPTIVE_CUBLAS_LIBRARY: join(standIns as string, 'incomplete', 'libcublas.so.13') },
      /libcublas\.so\.13 lacks cublasSetWorkspace_v2$/,
    );
  });

  it('is printed by receptive info', async () => {
    const print = async (file: string): Promise<string> => {
      const env = { RECEPTIVE_EMULATION_DEVICES: '1', RECEPTIVE_CUBLAS_LIBRARY: file };
      return (await runFile(join(packageRoot, 'dist', 'cli', 'main.js'), { args: ['info'], env, timeout })).stdout;
    };
    expect(await print(library)).toContain(`  cublas   13.0.1, ${library}\n`);
    expect(await print(join(folder, 'none'))).toMatch(/ {2}cublas {3}not found where RECEPTIVE_CUBLAS_LIBRARY says: /);
  });

  it('gives what the own kernels give, and makes one handle for a stream', async () => {
    const log = join(folder, 'products.log');
    const env = { RECEPTIVE_CUBLAS_LIBRARY: library, RECEPTIVE_STANDIN_LOG: log };
    const result = await report<{
      readonly count: number;
      readonly different: readonly string[];
      readonly events: readonly string[];
      readonly backward: readonly string[];
      readonly highest: number;
      readonly high: number;
      readonly own: number;
    }>(['products'], env);
    expect(result.different).toEqual([]);
    expect(result.count).toBeGreaterThan(300);
    expect(result.events).toEqual(['matmul null', 'matmul null', 'matmul cublas', 'linear cublas']);
    expect(result.backward).toEqual(['matmul cublas', 'matmul cublas', 'linear cublas', 'matmul cublas']);
    // (1 + 2^-12)^2, and of the same number as TF32, which has ten bits.
    const exact = Math.fround((1 + 2 ** -12) ** 2);
    expect(result).toMatchObject({ highest: exact, high: 1, own: exact });
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    const count = (name: string): number => calls.filter((call) => call === name).length;
    expect(['cublasCreate_v2', 'cublasSetStream_v2', 'cublasSetWorkspace_v2', 'cublasDestroy_v2'].map(count)).toEqual([
      1, 1, 1, 1,
    ]);
    expect(count('cublasSetMathMode')).toBe(2);
    expect(count('cublasSgemmStridedBatched')).toBeGreaterThan(100);
    expect(count('cublasDgemmStridedBatched')).toBeGreaterThan(100);
  });

  describe('when a call fails', () => {
    interface Outcome {
      readonly results: readonly ('ok' | Failure)[];
      readonly own: boolean;
      readonly tensors: number;
    }

    it.each([
      [
        'cublasCreate_v2:1=1',
        [0],
        'ERR_RECEPTIVE',
        /cublasCreate on device 'cuda:0': CUBLAS_STATUS_NOT_INITIALIZED \(1\)/,
      ],
      ['cublasCreate_v2:1=3', [0], 'ERR_OUT_OF_MEMORY', /cublasCreate .*CUBLAS_STATUS_ALLOC_FAILED \(3\)/],
      ['cublasSetStream_v2:1=7', [0], 'ERR_RECEPTIVE', /cublasSetStream .*CUBLAS_STATUS_INVALID_VALUE \(7\)/],
      ['cublasSetWorkspace_v2:1=3', [0], 'ERR_OUT_OF_MEMORY', /cublasSetWorkspace .*CUBLAS_STATUS_ALLOC_FAILED \(3\)/],
      ['cublasSetMathMode:1=14', [0], 'ERR_RECEPTIVE', /cublasSetMathMode .*CUBLAS_STATUS_INTERNAL_ERROR \(14\)/],
      ['cublasSgemmStridedBatched:2=13', [1], 'ERR_RECEPTIVE', /Strided.* CUBLAS_STATUS_EXECUTION_FAILED \(13\)/],
      ['cublasSgemmStridedBatched:1+=77', [0, 1, 2, 3], 'ERR_RECEPTIVE', /Strided.* unknown status \(77\)/],
    ] as const)('%s: the error says so, and the device can be used', async (fault, failing, code, message) => {
      const log = join(folder, `${fault.replace(/\W/g, '_')}.log`);
      const env = { RECEPTIVE_CUBLAS_LIBRARY: library, RECEPTIVE_STANDIN_FAIL: fault, RECEPTIVE_STANDIN_LOG: log };
      const { results, own, tensors } = await report<Outcome>(['failures', '4'], env);
      results.forEach((result, round) => {
        if (!(failing as readonly number[]).includes(round)) {
          expect(result).toBe('ok');
          return;
        }
        expect(result).toMatchObject({ code });
        expect((result as Failure).message).toMatch(message);
      });
      expect({ own, tensors }).toEqual({ own: true, tensors: 0 });
      const calls = readFileSync(log, 'utf8').trim().split('\n');
      const created = calls.filter((call) => call === 'cublasCreate_v2').length;
      const failedToCreate = fault.startsWith('cublasCreate') ? 1 : 0;
      expect(calls.filter((call) => call === 'cublasDestroy_v2')).toHaveLength(created - failedToCreate);
    });

    it('and the workspace has no memory: the own kernels still have some', async () => {
      const env = { RECEPTIVE_CUBLAS_LIBRARY: library, RECEPTIVE_EMULATION_MEMORY: String(20 * 2 ** 20) };
      const { results, own } = await report<Outcome>(['failures', '2'], env);
      for (const result of results) expect(result).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
      expect(own).toBe(true);
    });
  });
});

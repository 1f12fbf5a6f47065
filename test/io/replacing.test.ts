import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { full } from 'receptive';
import { loadCheckpoint, loadNpy, loadSafetensors, saveNpy, saveNpz, saveSafetensors } from 'receptive/io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packageRoot, runProgram } from '../support/child';
import { Random } from '../support/random';
import {
  expectRejects,
  expectSameTensors,
  loadArray,
  loadTensors,
  ones,
  own,
  temporaryFolder,
  tensor,
  zeros,
} from './files';

const root = temporaryFolder();
let folder: string;
let file: string;
beforeEach(() => {
  folder = join(root, expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-60) ?? '');
  mkdirSync(folder);
  file = join(folder, 'weights');
});

describe('the file there was', () => {
  /** What every open file is; its methods can be replaced. */
  async function handlePrototype(): Promise<FileHandle> {
    const handle = await open(packageRoot);
    await handle.close();
    return Object.getPrototypeOf(handle);
  }

  const failure = (code: string, syscall: string): Error =>
    Object.assign(new Error(`${code}: it failed, ${syscall}`), { code, syscall, errno: -1 });

  afterEach(() => vi.restoreAllMocks());

  const saves = { saveSafetensors, saveNpz, saveNpy: (path: string, { a }: Record<string, never>) => saveNpy(path, a) };
  it.each(Object.entries(saves))('%s: stays when the disk is full after any number of writes', async (_, save) => {
    const values = { a: own(full([2_500_000], 3)) } as never;
    await (save as typeof saveSafetensors)(file, values);
    const before = readFileSync(file);
    const prototype = await handlePrototype();
    const { write } = prototype;
    let writes = 0;
    vi.spyOn(prototype, 'write').mockImplementation(function (this: FileHandle, ...args: never[]) {
      writes++;
      return (write as (...args: never[]) => Promise<never>).apply(this, args);
    } as never);
    await (save as typeof saveSafetensors)(file, values);
    const all = writes;
    expect(all).toBeGreaterThan(2);
    for (let allowed = 0; allowed < Math.min(all, 6); allowed++) {
      let left = allowed;
      vi.spyOn(prototype, 'write').mockImplementation(function (this: FileHandle, ...args: never[]) {
        if (left-- === 0) return Promise.reject(failure('ENOSPC', 'write'));
        return (write as (...args: never[]) => Promise<never>).apply(this, args);
      } as never);
      const saved = (save as typeof saveSafetensors)(file, { a: ones([2_500_000]) });
      await expect(saved).rejects.toMatchObject({ code: 'ENOSPC', path: file, message: expect.stringContaining(file) });
      expect(readdirSync(folder)).toEqual(['weights']);
      expect(readFileSync(file).equals(before)).toBe(true);
    }
  });

  it('stays when flushing fails', async () => {
    await saveSafetensors(file, { a: ones([2]) });
    const prototype = await handlePrototype();
    vi.spyOn(prototype, 'sync').mockRejectedValueOnce(failure('EIO', 'fsync'));
    await expect(saveSafetensors(file, { a: zeros([2]) })).rejects.toMatchObject({ code: 'EIO' });
    vi.restoreAllMocks();
    expect(readdirSync(folder)).toEqual(['weights']);
    expectSameTensors(await loadTensors(file), { a: ones([2]) });
  });

  it('is written on when a write takes only part of the bytes', async () => {
    const prototype = await handlePrototype();
    const { write } = prototype;
    vi.spyOn(prototype, 'write').mockImplementation(function (this: FileHandle, ...args: never[]) {
      const [bytes, offset, length, position] = args as unknown as [Uint8Array, number, number, number];
      const short = [bytes, offset, Math.min(length, 1 + (length >> 1)), position] as never[];
      return (write as (...args: never[]) => Promise<never>).apply(this, short);
    } as never);
    const x = tensor(Float32Array.from({ length: 1_500_000 }, (_, i) => i));
    await saveSafetensors(file, { x });
    vi.restoreAllMocks();
    expectSameTensors(await loadTensors(file), { x });
  });

  const canMount = spawnSync('unshare', ['-rm', 'true']).status === 0;
  it.runIf(canMount)('stays on a disk that is really full', () => {
    const program = join(packageRoot, 'test/support/programs/fullDisk.mjs');
    const script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" "$3" "$1"';
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['-rm', 'sh', '-c', script, 'sh', folder, process.execPath, program],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      codes: [
        ['ENOSPC', true],
        ['ENOSPC', true],
      ],
      files: ['weights'],
      values: [7],
    });
  });
});

describe('where a file is written', () => {
  it('a link stays one, and what it leads to is replaced', async () => {
    const target = join(folder, 'target');
    await saveSafetensors(target, { a: zeros([2]) });
    symlinkSync('target', file);
    await saveSafetensors(file, { a: ones([2]) });
    expect(readlinkSync(file)).toBe('target');
    expectSameTensors(await loadTensors(target), { a: ones([2]) });
  });

  it('the permissions stay', async () => {
    await saveNpy(file, ones([2]));
    chmodSync(file, 0o606);
    await saveNpy(file, zeros([2]));
    expect(statSync(file).mode & 0o777).toBe(0o606);
  });

  it('a folder, a device and a pipe stay what they are', async () => {
    await expectRejects(saveNpy(folder, ones([2])), 'ArgumentError', /cannot be written, it is a directory/);
    await expectRejects(saveNpy('/dev/null', ones([2])), 'ArgumentError', /no regular file/);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    spawnSync('mkfifo', [file]);
    await expectRejects(saveNpy(file, ones([2])), 'ArgumentError', /no regular file/);
  });

  it('a folder that is not there is an error that names the file', async () => {
    const within = join(folder, 'absent', 'x');
    const message = expect.stringMatching(/^ENOENT: no such file or directory, open '[^']*absent\/x'$/);
    await expect(saveNpy(within, ones([2]))).rejects.toMatchObject({ code: 'ENOENT', path: within, message });
  });

  it('names may be as long as the file system allows, in letters of several bytes too', async () => {
    for (const name of ['x'.repeat(255), 'ж'.repeat(127), '🙂'.repeat(63)]) {
      await saveNpy(join(folder, name), ones([2]));
      expect(readdirSync(folder)).toEqual([name]);
      rmSync(join(folder, name));
    }
  });

  it('the working directory of the call counts', async () => {
    const before = process.cwd();
    const change = vi.spyOn(process, 'cwd').mockReturnValue(folder);
    const saved = saveNpy('relative', ones([2]));
    change.mockRestore();
    expect(process.cwd()).toBe(before);
    await saved;
    await loadArray(join(folder, 'relative'));
  });
});

describe('several at once', () => {
  it('calls for the same file: each file is whole, and the last call is the one that remains', async () => {
    const sizes = [1_500_000, 3, 1_200_000, 5, 900_000, 7];
    const saves = sizes.map((size, i) => saveSafetensors(file, { a: own(full([size], i)) }));
    let reads = 0;
    const done = Promise.all(saves).then(() => true);
    for (let finished = false; !finished; reads++) {
      finished = await Promise.race([done, new Promise<boolean>((resolve) => setTimeout(resolve, 2, false))]);
      const loaded = await loadSafetensors(file).catch((error) => error);
      if (loaded instanceof Error) {
        expect(loaded).toMatchObject({ code: 'ENOENT' });
        continue;
      }
      const { size } = own(loaded).a;
      const values = loaded.a.dataSync();
      expect([values[0], values[size - 1]]).toEqual([sizes.indexOf(size), sizes.indexOf(size)]);
    }
    expect(reads).toBeGreaterThan(1);
    expectSameTensors(await loadTensors(file), { a: own(full([7], 5)) });
  });

  it('a call that fails does not stop those after it', async () => {
    mkdirSync(file);
    const failing = saveNpy(file, zeros([2]));
    const following = saveNpy(file, ones([2]));
    await expectRejects(failing, 'ArgumentError');
    await expectRejects(following, 'ArgumentError');
    rmSync(file, { recursive: true });
    await saveNpy(file, ones([2]));
    expect((await loadArray(file)).dataSync()).toEqual(Float32Array.of(1, 1));
  });

  it('two processes: each file is whole', { timeout: 120_000 }, async () => {
    const writers = [1, 2].map(() => start());
    await Promise.all(writers.map(({ line }) => line));
    for (let i = 0; i < 30; i++) {
      const { a } = await readCheckpoint();
      expect(new Set(a).size).toBe(1);
    }
    for (const { stop } of writers) await stop();
  });
});

/** Starts a process that saves without end; `line` is settled when it has saved once. */
function start(): { line: Promise<void>; stop: () => Promise<void> } {
  const program = join(packageRoot, 'test/support/programs/saveLoop.mjs');
  const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const line = new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the program ended with ${code}`)));
  });
  line.catch(() => {});
  return {
    line,
    stop: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

async function readCheckpoint(): Promise<{ epoch: unknown; a: Float32Array }> {
  let a = new Float32Array(0);
  const model = {
    stateDict: () => ({ tensors: {}, values: {} }),
    loadStateDict: ({ tensors }: { tensors: Readonly<Record<string, { dataSync(): unknown }>> }) => {
      a = tensors.weight.dataSync() as Float32Array<ArrayBuffer>;
    },
  };
  const { values } = await loadCheckpoint(file, { parts: { model }, random: false });
  return { epoch: values.epoch, a };
}

describe('a process that is killed', () => {
  it('at random moments while it saves leaves a whole file, from which the next one goes on', {
    timeout: 240_000,
  }, async () => {
    const random = new Random('killed');
    let before = 0;
    for (let round = 0; round < 12; round++) {
      const { line, stop } = start();
      await line;
      await new Promise((resolve) => setTimeout(resolve, random.integer(0, 60)));
      await stop();
      const { epoch, a } = await readCheckpoint();
      expect(a).toHaveLength(700_000);
      expect(new Set(a)).toEqual(new Set([epoch]));
      expect(epoch).toBeGreaterThan(before);
      before = epoch as number;
    }
  });
});

describe('a tensor of 300 MB', () => {
  it('is saved and loaded with little more memory, and with turns of the event loop', {
    timeout: 240_000,
  }, async () => {
    const { stdout, stderr, code } = await runProgram('largeFile.mjs', { args: [file], timeout: 240_000 });
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    const { refused, copied, ...steps } = JSON.parse(stdout);
    expect(refused).toBe('ERR_OUT_OF_MEMORY');
    for (const [name, { grown, turns }] of Object.entries<{ grown: number; turns: number }>(steps)) {
      expect(grown, `${name}: MB beyond the tensor's own`).toBeLessThan(100);
      expect(turns, `${name}: turns of the event loop`).toBeGreaterThan(70);
    }
    expect(copied.grown, 'MB with a copy').toBeLessThan(286 + 100);
  });
});

it('a temporary file that a killed process left is in no way', async () => {
  writeFileSync(join(folder, '.weights.0123456789abcdef.tmp'), 'torn');
  await saveNpy(file, ones([2]));
  const t = own(await loadNpy(file));
  expect(t.shape).toEqual([2]);
});

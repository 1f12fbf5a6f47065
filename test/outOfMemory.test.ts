import { add, conv2d, emptyCache, memoryStats, ones, setMemoryLimit, synchronize, zeros } from 'receptive';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runProgram } from './support/child';
import { describeOnDevices } from './support/devices';
import { expectThrows } from './support/errors';

const MIB = 2 ** 20;

describeOnDevices('out of memory', (device) => {
  let limit: number;
  beforeEach(async () => {
    limit = memoryStats(device).limitBytes;
    await synchronize(device);
    emptyCache(device);
  });
  afterEach(() => setMemoryLimit(limit, device));

  /** Limits the device to what it holds and some MiB. */
  const allow = (mib: number): number => {
    const bytes = memoryStats(device).allocatedBytes + mib * MIB;
    setMemoryLimit(bytes, device);
    return bytes;
  };

  it('is a synchronous error that names the request, what is held and the limit', async () => {
    const bytes = allow(8);
    const held = zeros([MIB]);
    const error = expectThrows(() => zeros([3 * MIB]), 'OutOfMemoryError', /dispose|tidy/);
    const numbers = [...error.message.matchAll(/\d[\d,_]*/g)].map(([text]) => Number(text.replace(/[,_]/g, '')));
    expect(numbers).toEqual(expect.arrayContaining([12 * MIB, bytes]));
    held.dispose();
  });

  it('leaves everything usable, and memory that is freed can be used at once', async () => {
    allow(8);
    for (let i = 0; i < 20; i++) {
      const t = ones([MIB]);
      expectThrows(() => zeros([2 * MIB]), 'OutOfMemoryError');
      const sum = add(t, 1);
      expect((await sum.data())[MIB - 1]).toBe(2);
      t.dispose();
      sum.dispose();
    }
  });

  it('also for the workspace of an op, at the call', async () => {
    const x = ones([1, 64, 56, 56]);
    const w = ones([8, 64, 7, 7]);
    await synchronize(device);
    allow(4);
    const { tensors } = memoryStats(device);
    // The columns take 64 * 49 * 56 * 56 * 4 bytes = 37.5 MiB.
    expectThrows(() => conv2d(x, w, { padding: 3, algorithm: 'im2col' }), 'OutOfMemoryError', /conv2d/);
    expect(memoryStats(device).tensors).toBe(tensors);
    setMemoryLimit(limit, device);
    const y = conv2d(x, w, { padding: 3, algorithm: 'im2col' });
    expect((await y.data())[28 * 56 + 28]).toBe(64 * 49);
    for (const t of [x, w, y]) t.dispose();
  });

  it('takes from the cache before it gives up', async () => {
    allow(16);
    for (let mib = 1; mib < 14; mib++) {
      const t = zeros([(mib * MIB) / 4]);
      await synchronize(device);
      t.dispose();
    }
  });

  it('below what is already held refuses new memory only', () => {
    const t = ones([MIB]);
    setMemoryLimit(1, device);
    const part = t.slice(0, 2);
    expect([...part.dataSync()]).toEqual([1, 1]);
    part.dispose();
    expectThrows(() => zeros([1]), 'OutOfMemoryError');
    setMemoryLimit(limit, device);
    t.dispose();
  });

  it('of a size no machine has is an error too, not a crash', () => {
    expectThrows(() => zeros([2 ** 40]), 'OutOfMemoryError');
    expectThrows(() => zeros([2 ** 50]), 'ReceptiveError');
    expectThrows(() => zeros([2 ** 53 - 1]), 'ReceptiveError');
  });

  it('refuses limits that make no sense', () => {
    for (const bytes of [0, -1, 1.5, Number.NaN, Infinity, '1e6', undefined]) {
      expectThrows(() => setMemoryLimit(bytes as number, device), 'ReceptiveError', /setMemoryLimit/, /bytes/);
    }
    expectThrows(() => setMemoryLimit(MIB, 'nowhere'), 'DeviceError', /setMemoryLimit/);
  });

  it('in a loop that never disposes can be caught, and the message says what to do', async () => {
    const { code, stdout, stderr } = await runProgram('exhaust.mjs', {
      env: { RECEPTIVE_MEMORY_LIMIT: String(64 * MIB) },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { name, code: errorCode, message, made, after } = JSON.parse(stdout) as Record<string, string | number>;
    expect([name, errorCode, after]).toEqual(['OutOfMemoryError', 'ERR_OUT_OF_MEMORY', 3]);
    expect(made).toBeGreaterThan(50);
    expect(made).toBeLessThanOrEqual(64);
    expect(message).toMatch(/tidy/);
  });
});

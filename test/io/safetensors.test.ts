import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as receptive from 'receptive';
import { crossEntropy, memoryStats, noGrad, sgdStep_, tidy } from 'receptive';
import { loadSafetensors, readSafetensorsHeader, saveSafetensors } from 'receptive/io';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import {
  type AnyTensor,
  entry,
  expectRejects,
  expectSameTensor,
  expectSameTensors,
  loadTensors,
  ones,
  own,
  safetensorsBytes,
  samples,
  temporaryFolder,
  tensor,
  zeros,
} from './files';

const folder = temporaryFolder();
const file = join(folder, 'weights.safetensors');

afterEach(() => {
  // Whatever happened: no temporary file stays.
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

describeOnDevices('saveSafetensors and loadSafetensors', (device) => {
  it('keep names, types, shapes, metadata and every bit of the values', async () => {
    const metadata = { format: 'pt', __proto: '', 'a "quoted" ü': 'line\nbreak' };
    await saveSafetensors(file, samples(), { metadata });
    const loaded = await loadTensors(file);
    expectSameTensors(loaded, samples());
    expect(Object.values(loaded).every((t) => t.device === device)).toBe(true);
    expect((await readSafetensorsHeader(file)).metadata).toEqual(metadata);
  });

  it('keep large tensors, which go in pieces', async () => {
    // Piece sizes of 2^20 elements of 4 bytes and 2^22 of one; neither divides these sizes.
    const large = {
      float: tensor(Float32Array.from({ length: 2_500_001 }, (_, i) => i)),
      byte: tensor(Uint8Array.from({ length: 4_200_003 }, (_, i) => i % 251)),
      exact: zeros([2, 2 ** 20]),
    };
    await saveSafetensors(file, large);
    expectSameTensors(await loadTensors(file), large);
  });

  it('save the values of the time of the call', async () => {
    const parameter = zeros([1_500_000]);
    const saved = saveSafetensors(file, { parameter });
    sgdStep_(parameter, ones([1_500_000]), { learningRate: 1 });
    parameter.dispose();
    await saved;
    expectSameTensor((await loadTensors(file)).parameter, zeros([1_500_000]));
  });

  it('save views, and tensors with and without gradients, and outlive a scope', async () => {
    const rows = tensor(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { requiresGrad: true },
    );
    const saved = tidy(() => {
      const promise = saveSafetensors(file, { view: rows.slice(1), rows, made: ones([3]) });
      return { promise };
    });
    await saved.promise;
    const loaded = await loadTensors(file);
    expectSameTensors(loaded, {
      view: tensor([
        [3, 4],
        [5, 6],
      ]),
      rows: own(rows.detach()),
      made: ones([3]),
    });
    expect(loaded.rows.requiresGrad).toBe(false);
  });

  it('hold no memory afterwards', async () => {
    const tensors = { a: ones([1_200_000]), b: ones([3]) };
    const before = memoryStats();
    await saveSafetensors(file, tensors);
    await saveSafetensors(file, tensors, { snapshot: false });
    for (const t of Object.values(await loadSafetensors(file))) t.dispose();
    writeFileSync(
      file,
      safetensorsBytes({ a: entry('F32', [1], 0, 4), b: entry('BOOL', [1], 4, 5) }, Buffer.alloc(5, 9)),
    );
    await expectRejects(loadSafetensors(file), 'FormatError');
    expect(memoryStats().tensors).toBe(before.tensors);
    expect(memoryStats().allocatedBytes).toBe(before.allocatedBytes);
  });

  it('reject with the error of the operation that made a tensor, and keep the file before', async () => {
    await saveSafetensors(file, { a: ones([2]) });
    const failed = own(crossEntropy(zeros([1, 3]), tensor(Int32Array.of(7))));
    await expectRejects(saveSafetensors(file, { a: zeros([2]), failed }), 'IndexError', /7/);
    expectSameTensors(await loadTensors(file), { a: ones([2]) });
  });

  describe('snapshot: false', () => {
    it('saves without copies', async () => {
      const a = ones([1_500_000]);
      const { allocatedBytes } = memoryStats();
      const saved = saveSafetensors(file, { a }, { snapshot: false });
      expect(memoryStats().allocatedBytes).toBe(allocatedBytes);
      a.dispose();
      await saved;
      expectSameTensors(await loadTensors(file), { a: ones([1_500_000]) });
    });

    it('fails when a tensor is written to meanwhile, and keeps the file before', async () => {
      await saveSafetensors(file, { a: ones([2]) });
      const a = zeros([1_500_000]);
      const saved = saveSafetensors(file, { a }, { snapshot: false });
      noGrad(() => a.copy_(ones([1_500_000])));
      await expectRejects(saved, 'ArgumentError', /tensors\['a'\] .* was written to while it was saved/);
      expectSameTensors(await loadTensors(file), { a: ones([2]) });
    });
  });
});

describe('the file', () => {
  it('is as published: aligned header, larger elements first, little-endian values', async () => {
    await saveSafetensors(file, { b: tensor([true]), x: tensor([1, -2]), d: tensor(1.5, { dtype: 'float64' }) });
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
      d: entry('F64', [], 0, 8),
      x: entry('F32', [2], 8, 16),
      b: entry('BOOL', [1], 16, 17),
    });
    expect(bytes.subarray(8 + length).toString('hex')).toBe('000000000000f83f0000803f000000c001');
  });

  it('may be named by a URL, and is the same for the same tensors', async () => {
    await saveSafetensors(pathToFileURL(file), samples());
    const first = readFileSync(file);
    await saveSafetensors(file, samples());
    expect(readFileSync(file).equals(first)).toBe(true);
    expectSameTensors(await loadTensors(pathToFileURL(file)), samples());
  });

  it('may hold nothing', async () => {
    await saveSafetensors(file, {});
    expect(await loadTensors(file)).toEqual({});
    expect(await readSafetensorsHeader(file)).toEqual({ metadata: {}, tensors: {} });
  });

  it('tells its contents without the data', async () => {
    await saveSafetensors(file, { x: zeros([2, 3]) }, { metadata: { a: 'b' } });
    const { metadata, tensors } = await readSafetensorsHeader(file);
    const { begin, end, ...rest } = tensors.x;
    expect([metadata, rest]).toEqual([{ a: 'b' }, { dtype: 'F32', shape: [2, 3] }]);
    expect([end - begin, end]).toEqual([24, readFileSync(file).length]);
  });

  it('gives chosen tensors only', async () => {
    await saveSafetensors(file, samples());
    const loaded = await loadTensors(file, { names: ['scalar', 'conv.weight', 'scalar'] });
    const { scalar, 'conv.weight': weight } = samples();
    expectSameTensors(loaded, { scalar, 'conv.weight': weight });
    await expectRejects(loadSafetensors(file, { names: ['scalar', 'absent'] }), 'ArgumentError', /'absent'/);
    await expectRejects(loadSafetensors(file, { names: ['toString'] }), 'ArgumentError', /'toString'/);
  });
});

/** Values of an element type as another program writes them, from integers of its size. */
function stored(dtype: string, elements: readonly bigint[], bytes: 1 | 2 | 4 | 8): Buffer {
  const data = Buffer.alloc(elements.length * bytes);
  elements.forEach((element, i) => {
    for (let b = 0; b < bytes; b++) data[i * bytes + b] = Number((BigInt.asUintN(64, element) >> BigInt(8 * b)) & 255n);
  });
  return safetensorsBytes({ x: entry(dtype, [elements.length], 0, data.length) }, data);
}

async function loadStored(dtype: string, elements: readonly bigint[], bytes: 1 | 2 | 4 | 8): Promise<AnyTensor> {
  writeFileSync(file, stored(dtype, elements, bytes));
  return (await loadTensors(file)).x;
}

describe('types of other programs', () => {
  it('F16: every one of the 65536', async () => {
    const halves = Array.from({ length: 65_536 }, (_, i) => BigInt(i));
    const { dtype, ...t } = await loadStored('F16', halves, 2).then((x) => ({ dtype: x.dtype, values: x.dataSync() }));
    expect(dtype).toBe('float32');
    const value = (bits: number): number => {
      const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
      if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
      return sign * (exponent === 0 ? fraction / 1024 : 1 + fraction / 1024) * 2 ** (Math.max(exponent, 1) - 15);
    };
    expect(t.values.findIndex((actual, bits) => !Object.is(actual, value(bits)))).toBe(-1);
  });

  it('BF16: every one of the 65536', async () => {
    const x = await loadStored(
      'BF16',
      Array.from({ length: 65_536 }, (_, i) => BigInt(i)),
      2,
    );
    const value = (bits: number): number => {
      const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 7) & 255, bits & 127];
      if (exponent === 255) return fraction === 0 ? sign * Infinity : Number.NaN;
      return sign * (exponent === 0 ? fraction / 128 : 1 + fraction / 128) * 2 ** (Math.max(exponent, 1) - 127);
    };
    expect(x.dataSync().findIndex((actual, bits) => !Object.is(actual, value(bits)))).toBe(-1);
  });

  const [low, high] = [-(2n ** 31n), 2n ** 31n - 1n];
  it.each<[string, 1 | 2 | 4 | 8, bigint[]]>([
    ['I8', 1, [-128n, -1n, 0n, 127n]],
    ['I16', 2, [-32_768n, -1n, 0n, 32_767n]],
    ['U16', 2, [0n, 32_768n, 65_535n]],
    ['I32', 4, [low, -1n, 0n, high]],
    ['U32', 4, [0n, 1n, high]],
    ['I64', 8, [low, -1n, 0n, 1n, high]],
    ['U64', 8, [0n, 1n, high]],
  ])('%s becomes int32', async (dtype, bytes, values) => {
    expectSameTensor(await loadStored(dtype, values, bytes), tensor(Int32Array.from(values, Number)));
  });

  it.each<[string, 4 | 8, bigint]>([
    ['U32', 4, high + 1n],
    ['U32', 4, 2n ** 32n - 1n],
    ['I64', 8, high + 1n],
    ['I64', 8, low - 1n],
    ['I64', 8, 2n ** 32n],
    ['I64', 8, -(2n ** 63n)],
    ['U64', 8, high + 1n],
    ['U64', 8, 2n ** 32n + 5n],
    ['U64', 8, 2n ** 64n - 1n],
  ])('%s of %d bytes: %d does not fit, and its place is named', async (dtype, bytes, value) => {
    const place = `tensor 'x': element 2 \\(${dtype} at byte \\d+\\) is ${value};`;
    await expectRejects(loadStored(dtype, [0n, 1n, value, 2n], bytes), 'FormatError', new RegExp(place));
    const at = /at byte (\d+)/.exec((await loadStored(dtype, [0n, 1n, value], bytes).catch((e) => e)).message)?.[1];
    expect(Number(at)).toBe(readFileSync(file).length - bytes);
  });

  it('finds what does not fit in a later piece', async () => {
    const count = 2 ** 20 + 3;
    const data = Buffer.alloc(8 * count);
    data[data.length - 9] = 1;
    writeFileSync(file, safetensorsBytes({ x: entry('I64', [count], 0, data.length) }, data));
    await expectRejects(loadSafetensors(file), 'FormatError', new RegExp(`element ${count - 2} .* is ${2n ** 56n};`));
  });

  it('a bool that is neither 0 nor 1 is refused', async () => {
    await expectRejects(
      loadStored('BOOL', [0n, 1n, 2n], 1),
      'FormatError',
      /element 2 .* is 2; a bool is stored as 0 or 1/,
    );
  });

  it('others are listed by the header and refused by reading, unless they are not asked for', async () => {
    const data = Buffer.from([1, 2, 3, 0, 0, 128, 63]);
    writeFileSync(file, safetensorsBytes({ odd: entry('F8_E4M3', [3], 0, 3), x: entry('F32', [1], 3, 7) }, data));
    await expectRejects(loadSafetensors(file), 'UnsupportedError', /'odd' .* 'F8_E4M3'; .*F16, BF16, I64/);
    expect((await readSafetensorsHeader(file)).tensors.odd).toMatchObject({ dtype: 'F8_E4M3', shape: [3] });
    expectSameTensors(await loadTensors(file, { names: ['x'] }), { x: tensor([1]) });
    writeFileSync(file, safetensorsBytes({ x: entry('U8', new Array(9).fill(1), 0, 1) }, Buffer.alloc(1)));
    await expectRejects(loadSafetensors(file), 'UnsupportedError', /'x' has 9 axes, at most 8/);
  });
});

describe('wrong arguments throw at the call', () => {
  const t = receptive.ones([2]);
  const disposed = receptive.ones([2]);
  disposed.dispose();
  afterAll(() => t.dispose());
  // biome-ignore lint/suspicious/noExplicitAny: these calls are wrong on purpose
  const save = saveSafetensors as (...args: any[]) => unknown;
  // biome-ignore lint/suspicious/noExplicitAny: these calls are wrong on purpose
  const load = loadSafetensors as (...args: any[]) => unknown;

  it.each<[string, unknown[], RegExp]>([
    ['no path', [undefined, { t }], /file must be a path/],
    ['an empty path', ['', { t }], /file must be a path/],
    ['a path with a NUL', ['a\0b', { t }], /file must be a path/],
    ['another URL', [new URL('https://example.org/'), { t }], /file must be a path or a file: URL, given https/],
    ['no tensors', [file], /tensors must be an object of tensors by name, given undefined/],
    ['a tensor alone', [file, t], /tensors must be an object of tensors by name, given a Tensor/],
    ['an array', [file, [t]], /tensors must be an object/],
    ['a number among them', [file, { a: 3 }], /tensors\['a'\] must be a Tensor, given 3/],
    ['the reserved name', [file, { __metadata__: t }], /reserves the name '__metadata__'/],
    ['half of a surrogate pair', [file, { '\ud800': t }], /no well-formed Unicode/],
    [
      'metadata that are no strings',
      [file, { t }, { metadata: { a: 1 } }],
      /metadata\['a'\] must be a string, given 1/,
    ],
    ['metadata that are no object', [file, { t }, { metadata: 'a' }], /metadata must be an object/],
    ['another snapshot', [file, { t }, { snapshot: 1 }], /snapshot must be true or false/],
    ['an unknown option', [file, { t }, { bogus: 1 }], /unknown option 'bogus'/],
  ])('saveSafetensors: %s', (_, args, message) => {
    expectThrows(() => save(...args), 'ArgumentError', /^saveSafetensors: /, message);
  });

  it('saveSafetensors: a disposed tensor', () => {
    expectThrows(() => save(file, { t, disposed }), 'DisposedError', /^saveSafetensors: tensors\['disposed'\]/);
  });

  it('loadSafetensors: path, options, device', () => {
    expectThrows(() => load(3), 'ArgumentError', /^loadSafetensors: file must be a path .* given 3/);
    expectThrows(() => load(file, { names: 'a' }), 'ArgumentError', /names must be an array of strings/);
    expectThrows(() => load(file, { bogus: 1 }), 'ArgumentError', /unknown option 'bogus'/);
    expectThrows(() => load(file, { device: 'tpu' }), 'DeviceError', /^loadSafetensors: .*'tpu'/);
    expectThrows(
      () => (readSafetensorsHeader as (f?: unknown) => unknown)(),
      'ArgumentError',
      /^readSafetensorsHeader: /,
    );
  });

  it("a file that is not there is Node's error, with its code and path", async () => {
    const absent = join(folder, 'absent');
    await expect(loadSafetensors(absent)).rejects.toMatchObject({ code: 'ENOENT', path: absent });
    await expectRejects(loadSafetensors(folder), 'ArgumentError', /is a directory/);
  });
});

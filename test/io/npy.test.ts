import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStats, sgdStep_ } from 'receptive';
import { loadNpy, saveNpy } from 'receptive/io';
import { describe, expect, it } from 'vitest';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import {
  expectRejects,
  expectSameTensor,
  loadArray,
  ones,
  sampleNames,
  samples,
  temporaryFolder,
  tensor,
  zeros,
} from './files';

const folder = temporaryFolder();
const file = join(folder, 'array.npy');

/** A .npy file with this dictionary and data. */
function npyBytes(header: string, data: Uint8Array = new Uint8Array(0), [major, minor] = [1, 0]): Buffer {
  const text = Buffer.from(header, 'latin1');
  const length = Buffer.alloc(major === 1 ? 2 : 4);
  if (major === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from([major, minor]), length, text, data]);
}

const dictionary = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

describeOnDevices('saveNpy and loadNpy', (device) => {
  it.each(sampleNames)('keep type, shape and every bit: %j', async (name) => {
    const t = samples()[name];
    await saveNpy(file, t);
    const loaded = await loadArray(file);
    expectSameTensor(loaded, t);
    expect(loaded.device).toBe(device);
  });

  it('keep a large tensor, which goes in pieces', async () => {
    const large = tensor(Float64Array.from({ length: 1_100_001 }, (_, i) => i / 3));
    await saveNpy(file, large);
    expectSameTensor(await loadArray(file), large);
  });

  it('save the values of the time of the call, and hold no memory afterwards', async () => {
    const parameter = zeros([1000]);
    const before = memoryStats().tensors;
    const saved = saveNpy(file, parameter);
    sgdStep_(parameter, ones([1000]), { learningRate: 1 });
    await saved;
    expect(memoryStats().tensors).toBe(before + 1);
    expectSameTensor(await loadArray(file), zeros([1000]));
  });

  it('read an array in Fortran order of any rank, in pieces too', async () => {
    const shape = [3, 2, 500_000];
    const values = Float32Array.from({ length: 3_000_000 }, (_, i) => i);
    // The first index runs fastest: element [a, b, c] is at a + 3 b + 6 c.
    writeFileSync(file, npyBytes(dictionary('<f4', '(3, 2, 500000)', 'True'), new Uint8Array(values.buffer)));
    const expected = Float32Array.from({ length: values.length }, (_, i) => {
      const [a, b, c] = [Math.floor(i / 1_000_000), Math.floor(i / 500_000) % 2, i % 500_000];
      return a + 3 * b + 6 * c;
    });
    expectSameTensor(await loadArray(file), tensor(expected, { shape }));
  });
});

describe('the file', () => {
  it('is as published: version 1.0, data at a multiple of 64', async () => {
    await saveNpy(file, tensor([[1, 2, 3]]));
    const bytes = readFileSync(file);
    expect(bytes.toString('latin1', 0, 6)).toBe('\x93NUMPY');
    expect([...bytes.subarray(6, 10)]).toEqual([1, 0, 118, 0]);
    const text = bytes.toString('latin1', 10, 128);
    expect(text).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(1, 3\), \} +\n$/);
    expect(bytes.subarray(128).toString('hex')).toBe('0000803f0000004000004040');
  });

  it.each<[string, () => ReturnType<typeof tensor>, string]>([
    ['a scalar', () => tensor(1), "'<f4', 'fortran_order': False, 'shape': ()"],
    ['a vector', () => tensor([1]), "'<f4', 'fortran_order': False, 'shape': (1,)"],
    ['float64', () => tensor(Float64Array.of(1)) as never, "'<f8'"],
    ['int32', () => tensor(Int32Array.of(1)) as never, "'<i4'"],
    ['uint8', () => tensor(Uint8Array.of(1)) as never, "'|u1'"],
    ['bool', () => tensor([true]) as never, "'|b1'"],
  ])('describes %s', async (_, make, text) => {
    await saveNpy(file, make());
    expect(readFileSync(file).toString('latin1')).toContain(text);
  });

  it.each<[string, string]>([
    ['other quotes and spacing', `{"shape":(2 ,),"fortran_order":False,\n "descr":"<f4"}`],
    ["Python 2's long integers", "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }"],
    ['no comma at the end', "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}"],
  ])('may be written otherwise: %s', async (_, text) => {
    writeFileSync(file, npyBytes(text, Buffer.from('0000803f00000040', 'hex')));
    expect([...(await loadArray(file)).dataSync()]).toEqual([1, 2]);
  });
});

describe('a file that is not as the format demands is a FormatError that says where and what', () => {
  const good = dictionary('<f4', '(1,)');
  const four = new Uint8Array(4);
  it.each<[string, Uint8Array, RegExp]>([
    ['empty', Buffer.alloc(0), /truncated: it ends at byte 0, 8 more are needed/],
    ['another format', Buffer.from('PK\x03\x04 some archive'), /no \.npy data: it does not begin with \\x93NUMPY/],
    ['version 4.0', npyBytes(good, four, [4, 0]), /version 4\.0 of the \.npy format; 1\.0, 2\.0 and 3\.0/],
    ['version 1.1', npyBytes(good, four, [1, 1]), /version 1\.1/],
    ['cut within the length', npyBytes(good).subarray(0, 9), /truncated: it ends at byte 9, 1 more/],
    ['cut within the header', npyBytes(good).subarray(0, 40), /truncated: it ends at byte 40/],
    [
      'a header of 4 GB',
      Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1'),
      /header of 4294967295 bytes, at most 65536/,
    ],
    ['no dictionary', npyBytes('[1]'), /expected '\{' at byte 10, in the header/],
    ['code', npyBytes("__import__('os').system('true')"), /expected '\{'/],
    [
      'code as a value',
      npyBytes(`{'descr': str('<f4'), 'fortran_order': False, 'shape': (1,), }`, four),
      /expected a string at byte 20/,
    ],
    ['no end', npyBytes("{'descr': '<f4', "), /expected a string at byte 27/],
    ['an entry missing', npyBytes("{'descr': '<f4', 'shape': (1,), }", four), /no 'fortran_order' before the end/],
    ['an entry twice', npyBytes("{'descr': '<f4', 'descr': '<f4', }", four), /a second 'descr' at byte 27/],
    ['another entry', npyBytes("{'descr': '<f4', 'order': 1}", four), /key 'order', where descr/],
    ['text after it', npyBytes(`${good} 1`, four), /more text after the end/],
    ['an escape', npyBytes(dictionary('\\x3cf4', '(1,)'), four), /expected a string/],
    ['order 1', npyBytes(dictionary('<f4', '(1,)', '1'), four), /expected True or False/],
    ['a list as shape', npyBytes(dictionary('<f4', '[1]'), four), /expected '\('/],
    ['a number in brackets', npyBytes(dictionary('<f4', '(1)'), four), /expected ',' at byte/],
    ['a negative extent', npyBytes(dictionary('<f4', '(-1,)'), four), /an integer from 0 to 2\^53 - 1/],
    ['a fraction', npyBytes(dictionary('<f4', '(1.0,)'), four), /an integer from 0/],
    ['an extent of 2^53', npyBytes(dictionary('<f4', '(9007199254740992,)'), four), /no integer from 0/],
    ['an extent of thirty digits', npyBytes(dictionary('<f4', `(${'1'.repeat(30)},)`), four), /an integer from 0/],
    [
      'a product that overflows to 0',
      npyBytes(dictionary('<f4', '(4294967296, 4294967296)')),
      /truncated: 0 bytes of data, F32 .* needs 7/,
    ],
    ['missing data', npyBytes(dictionary('<f4', '(2,)'), four), /truncated: 4 bytes of data, F32 \(2\) needs 8/],
    ['more data', npyBytes(dictionary('<f4', '()'), new Uint8Array(5)), /5 bytes of data, F32 \(\) needs 4/],
    ['a bool of 2', npyBytes(dictionary('|b1', '(2,)'), Buffer.from([1, 2])), /element 1 \(BOOL at byte \d+\) is 2/],
    [
      'a large integer',
      npyBytes(dictionary('>i8', '(1,)'), Buffer.from('0000000080000000', 'hex')),
      /element 0 \(I64 at byte \d+\) is 2147483648;/,
    ],
  ])('%s', async (_, content, message) => {
    writeFileSync(file, content);
    const error = await expectRejects(loadNpy(file), 'FormatError', message);
    expect(error.message.startsWith(`loadNpy: ${file}: `)).toBe(true);
  });

  it.each(['<c8', '<U3', '|S2', '|O', '<M8[ns]', '<f16', 'f4', '|f4', '|i8', '=f4', '', '<', '<constructor'])(
    'the type %j is unsupported, with a list of what is not',
    async (descr) => {
      writeFileSync(file, npyBytes(dictionary(descr, '(1,)'), four));
      const message = /f8, f4, f2, i8, u8, i4, u4, i2, u2, i1, u1, b1 can be read/;
      await expectRejects(loadNpy(file), 'UnsupportedError', /^loadNpy: /, message);
    },
  );

  it('structures and nine axes are unsupported', async () => {
    writeFileSync(file, npyBytes("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }", four));
    await expectRejects(loadNpy(file), 'UnsupportedError', /structured/);
    writeFileSync(file, npyBytes(dictionary('|u1', '(1, 1, 1, 1, 1, 1, 1, 1, 1)'), Buffer.alloc(1)));
    await expectRejects(loadNpy(file), 'UnsupportedError', /9 axes, at most 8/);
  });
});

describe('wrong arguments throw at the call', () => {
  // biome-ignore lint/suspicious/noExplicitAny: these calls are wrong on purpose
  const [save, load] = [saveNpy, loadNpy] as ((...args: any[]) => unknown)[];

  it('saveNpy', () => {
    expectThrows(() => save('', ones([1])), 'ArgumentError', /^saveNpy: file/);
    expectThrows(() => save(file, 3), 'ArgumentError', /^saveNpy: tensor must be a Tensor, given 3/);
    expectThrows(() => save(file, ones([1]), { bogus: 1 }), 'ArgumentError', /'bogus'/);
    const disposed = ones([1]);
    disposed.dispose();
    expectThrows(() => save(file, disposed), 'DisposedError', /^saveNpy: tensor/);
  });

  it('loadNpy', () => {
    expectThrows(() => load(), 'ArgumentError', /^loadNpy: file/);
    expectThrows(() => load(file, { names: [] }), 'ArgumentError', /unknown option 'names'/);
    expectThrows(() => load(file, { device: 'tpu' }), 'DeviceError', /^loadNpy: /);
  });

  it('and a failing save leaves nothing behind', async () => {
    await expect(saveNpy(join(folder, 'absent', 'x.npy'), ones([1]))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(readdirSync(folder)).toEqual(['array.npy']);
  });
});

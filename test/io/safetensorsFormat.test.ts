import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSafetensors, readSafetensorsHeader } from 'receptive/io';
import { describe, expect, it } from 'vitest';
import { entry, expectRejects, loadTensors, safetensorsBytes, temporaryFolder } from './files';

const folder = temporaryFolder();
const file = join(folder, 'hostile.safetensors');
const four = new Uint8Array(4);
const f32 = (shape: unknown, begin: unknown, end: unknown) => entry('F32', shape, begin, end);

describe('a file that is not as the format demands is a FormatError that says where and what', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['empty', Buffer.alloc(0), /truncated: 0 bytes, the header's length alone takes 8/],
    ['shorter than the length', Buffer.alloc(7), /truncated: 7 bytes/],
    ['cut within the header', safetensorsBytes('{}').subarray(0, 9), /header of 2 bytes announced, 1 are there/],
    ['another format', Buffer.from('PK\x03\x04 some archive'), /no safetensors file: header of \d{19} bytes/],
    ['a length of 2^64 - 1', Buffer.alloc(64, 255), /no safetensors file: header of 18446744073709551615 bytes/],
    [
      'a length above 100 MB',
      (() => {
        const b = Buffer.alloc(16);
        b.writeUInt32LE(100_000_001);
        return b;
      })(),
      /100000001 bytes, the format allows 100000000/,
    ],
    ['no header', safetensorsBytes(''), /must begin with '\{' at byte 8/],
    ['white space before the header', safetensorsBytes(' {}'), /must begin with '\{' at byte 8/],
    ['an array', safetensorsBytes([1]), /must begin with '\{'/],
    ['a header without end', safetensorsBytes('{"a":'), /expected '\{' at byte 13, in the header/],
    ['text after the header', safetensorsBytes('{} {}'), /more text after the end at byte 11/],
    ['a NUL after the header', safetensorsBytes('{}\0'), /more text after the end at byte 10/],
    ['no UTF-8', safetensorsBytes('{"a"').fill(0xff, 10, 11), /a string that is not valid JSON in UTF-8 at byte 9/],
    ['a string without end', safetensorsBytes('{"a\\"'), /a string without end at byte 9/],
    ['a wrong escape', safetensorsBytes('{"\\x":1}'), /not valid JSON/],
    ['a control character', safetensorsBytes('{"\n":1}'), /not valid JSON/],
    ['an entry that is null', safetensorsBytes({ x: null }), /expected '\{' at byte 13/],
    [
      'no dtype',
      safetensorsBytes({ x: { shape: [], data_offsets: [0, 0] } }),
      /without dtype, shape and two data_offsets/,
    ],
    ['three offsets', safetensorsBytes({ x: { dtype: 'U8', shape: [], data_offsets: [0, 1, 2] } }), /two data_offsets/],
    ['an unknown key', safetensorsBytes('{"x":{"dtype":"U8","colour":1}}'), /"colour", where dtype, shape/],
    [
      'a key twice',
      safetensorsBytes('{"x":{"dtype":"U8","dtype":"U8"}}'),
      /"dtype", where dtype, shape and .* each once/,
    ],
    ['a number as dtype', safetensorsBytes({ x: entry(3, [], 0, 4) }, four), /expected a string/],
    ['metadata that are no strings', safetensorsBytes({ __metadata__: { a: 1 } }), /expected a string/],
    ['metadata twice', safetensorsBytes('{"__metadata__":{},"__metadata__":{}}'), /a second '__metadata__'/],
    [
      'a key of metadata twice',
      safetensorsBytes('{"__metadata__":{"a":"","a":""}}'),
      /a second '__metadata__' entry "a"/,
    ],
    [
      'a tensor twice',
      safetensorsBytes(
        '{"x":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
        four,
      ),
      /a second tensor "x"/,
    ],
    ['a fraction', safetensorsBytes({ x: f32([1.5], 0, 6) }, four), /expected ',' or '\]'/],
    [
      'an exponent',
      safetensorsBytes('{"x":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}', four),
      /expected ',' or '\]'/,
    ],
    ['a negative extent', safetensorsBytes({ x: f32([-1], 0, 4) }, four), /no integer from 0 to 2\^53 - 1 at byte \d+/],
    ['a leading zero', safetensorsBytes('{"x":{"dtype":"F32","shape":[01]}}', four), /no integer/],
    ['an extent of 2^53', safetensorsBytes('{"x":{"dtype":"F32","shape":[9007199254740992]}}', four), /no integer/],
    [
      'an extent of thirty digits',
      safetensorsBytes(`{"x":{"dtype":"F32","shape":[${'1'.repeat(30)}]}}`, four),
      /no integer/,
    ],
    [
      'a product that overflows to 0 in 64 bits',
      safetensorsBytes({ x: f32([2 ** 32, 2 ** 32], 0, 0) }),
      /0 bytes, F32 .* needs 7\d+/,
    ],
    [
      'a product beyond all doubles',
      safetensorsBytes({ x: f32(new Array(60).fill(2 ** 52), 0, 4) }, four),
      /4 bytes, F32 .* needs Infinity/,
    ],
    [
      'a size that is not that of the shape',
      safetensorsBytes({ x: f32([2], 0, 4) }, four),
      /tensor "x" has 4 bytes, F32 \[2\] needs 8/,
    ],
    ['negative offsets', safetensorsBytes({ x: f32([1], -4, 0) }, four), /no integer/],
    [
      'an end before the begin',
      safetensorsBytes({ y: f32([1], 0, 4), x: f32([0], 4, 0) }, four),
      /ends at byte 0 of the data, before its begin 4/,
    ],
    [
      'missing data',
      safetensorsBytes({ x: f32([2], 0, 8) }, new Uint8Array(7)),
      /truncated: tensor "x" ends at byte 8 of the data, which has 7/,
    ],
    [
      'data beyond everything',
      safetensorsBytes({ x: f32([2 ** 51 - 1], 0, 2 ** 53 - 4) }, four),
      /truncated: .* ends at byte 9007199254740988/,
    ],
    [
      'data that nobody owns',
      safetensorsBytes({ x: f32([1], 0, 4) }, new Uint8Array(5)),
      /5 bytes of data, the header describes 4/,
    ],
    [
      'overlapping tensors',
      safetensorsBytes({ x: f32([2], 0, 8), y: f32([1], 4, 8) }, new Uint8Array(8)),
      /"y" begins at byte 4 of the data, expected 8: no gaps, no overlaps/,
    ],
    [
      'the same bytes twice',
      safetensorsBytes({ x: f32([1], 0, 4), y: f32([1], 0, 4) }, four),
      /"y" begins at byte 0 of the data, expected 4/,
    ],
    [
      'a gap',
      safetensorsBytes({ x: f32([1], 0, 4), y: f32([1], 8, 12) }, new Uint8Array(12)),
      /"y" begins at byte 8 of the data, expected 4/,
    ],
    [
      'a gap before the first',
      safetensorsBytes({ x: f32([1], 4, 8) }, new Uint8Array(8)),
      /"x" begins at byte 4 of the data, expected 0/,
    ],
  ])('%s', async (_, content, message) => {
    writeFileSync(file, content);
    for (const load of [loadSafetensors, readSafetensorsHeader]) {
      const error = await expectRejects(load(file), 'FormatError', message);
      expect(error.message.startsWith(`${load.name}: ${file}: `)).toBe(true);
    }
  });
});

describe('a file that is as the format demands is read', () => {
  it.each<[string, Uint8Array, Record<string, number[]>]>([
    [
      'names out of order',
      safetensorsBytes({ b: f32([1], 4, 8), a: f32([1], 0, 4) }, Buffer.from('0000803f000000c0', 'hex')),
      { a: [1], b: [-2] },
    ],
    [
      'white space within and after',
      safetensorsBytes('{ "a" :\t{ "shape":[ 1 ],\r\n"dtype":"U8","data_offsets":[0 ,1]}\n}  ', Buffer.from([9])),
      { a: [9] },
    ],
    [
      'escapes in names',
      safetensorsBytes('{"\\u00e4\\\\\\"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', Buffer.from([9])),
      { 'ä\\"': [9] },
    ],
    [
      'empty tensors between others',
      safetensorsBytes(
        { e: entry('U8', [0], 1, 1), b: entry('U8', [1], 1, 2), a: entry('U8', [1], 0, 1) },
        Buffer.from([1, 2]),
      ),
      { a: [1], b: [2], e: [] },
    ],
    ['only empty metadata', safetensorsBytes({ __metadata__: {} }), {}],
  ])('%s', async (_, content, expected) => {
    writeFileSync(file, content);
    const loaded = await loadTensors(file);
    expect(Object.fromEntries(Object.entries(loaded).map(([name, t]) => [name, [...t.dataSync()]]))).toEqual(expected);
  });
});

describe('bounds', () => {
  it('a file that is cut while it is read is a FormatError', async () => {
    const bytes = 64 * 2 ** 20;
    writeFileSync(file, safetensorsBytes({ x: entry('U8', [bytes], 0, bytes) }));
    const begin = Number(readHeaderLength()) + 8;
    truncateSync(file, begin + bytes);
    const loading = loadSafetensors(file);
    // Opened and measured by then; the many reads that follow find less.
    await readSafetensorsHeader(file);
    truncateSync(file, begin + 10);
    await expectRejects(loading, 'FormatError', /truncated: it ends at byte \d+/);
  });

  it('a tensor larger than memory is an OutOfMemoryError, though its sparse file is there', async () => {
    const bytes = 2 ** 43;
    const content = safetensorsBytes({ x: entry('U8', [bytes], 0, bytes) });
    writeFileSync(file, content);
    truncateSync(file, content.length + bytes);
    await expectRejects(loadSafetensors(file), 'OutOfMemoryError');
  });

  it('reading a header of many megabytes leaves the event loop its turns', async () => {
    const names = Array.from(
      { length: 50_000 },
      (_, i) => `"layers.${i}.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`,
    );
    writeFileSync(file, safetensorsBytes(`{${names.join(',')}}`));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const { tensors } = await readSafetensorsHeader(file);
    clearInterval(timer);
    expect(Object.keys(tensors)).toHaveLength(names.length);
    expect(turns).toBeGreaterThan(5);
  });

  it('a pipe is refused instead of waited for', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expectRejects(loadSafetensors(pipe), 'ArgumentError', /no regular file/);
  });
});

const readHeaderLength = (): bigint =>
  safetensorsBytes({ x: entry('U8', [64 * 2 ** 20], 0, 64 * 2 ** 20) }).readBigUInt64LE();

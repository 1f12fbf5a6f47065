import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NamedArray, readWeights, WeightsFileError, writeWeights } from '../../examples/lib/weights.mjs';
import { temporaryFolder } from '../support/temporaryFolder';

const directory = temporaryFolder();
const file = join(directory, 'weights.safetensors');

/** A safetensors file with this header and data. */
function encode(header: unknown, data: Uint8Array = new Uint8Array(0)): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

function expectWeightsError(content: Uint8Array, message: RegExp): void {
  writeFileSync(file, content);
  let error: unknown;
  try {
    readWeights(file);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(WeightsFileError);
  expect((error as Error).message).toContain(file);
  expect((error as Error).message).toMatch(message);
}

const entry = (shape: unknown, begin: number, end: number, dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const sample = new Map<string, NamedArray>([
  ['layer.weight', { shape: [2, 3], data: Float32Array.from([1, -0, Number.NaN, Infinity, 1e-40, 3.5]) }],
  ['layer.bias', { shape: [], data: Float32Array.from([7]) }],
  ['empty', { shape: [0, 4], data: new Float32Array(0) }],
]);

describe('writeWeights and readWeights', () => {
  it('keep names, shapes, metadata and every bit of the values', () => {
    writeWeights(file, sample, { note: 'a "quoted" ü' });
    const { tensors, metadata } = readWeights(file);
    expect([...tensors.keys()].sort()).toEqual([...sample.keys()].sort());
    for (const [name, { shape, data }] of sample) {
      const read = tensors.get(name) as NamedArray;
      expect(read.shape).toEqual(shape);
      expect(Buffer.from(read.data.buffer)).toEqual(Buffer.from(data.buffer));
    }
    expect(metadata).toMatchObject({ note: 'a "quoted" ü' });
  });

  it('write the published format: aligned header, little-endian values', () => {
    writeWeights(file, new Map([['x', { shape: [2], data: Float32Array.from([1, -2]) }]]), {});
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
    expect(header.x).toEqual({ dtype: 'F32', shape: [2], data_offsets: [0, 8] });
    expect([...bytes.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
  });

  it('read a file that another program wrote', () => {
    const header = { b: entry([1], 4, 8), a: entry([1], 0, 4) };
    writeFileSync(file, encode(header, Uint8Array.from([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0])));
    const { tensors, metadata } = readWeights(file);
    expect([...(tensors.get('a') as NamedArray).data]).toEqual([1]);
    expect([...(tensors.get('b') as NamedArray).data]).toEqual([-2]);
    expect(metadata).toEqual({});
  });

  it('leave the old file as it was when writing fails, and nothing beside it', () => {
    const absent = join(directory, 'absent', 'weights.safetensors');
    expect(() => writeWeights(absent, sample, {})).toThrow(WeightsFileError);
    expect(() => writeWeights(directory, sample, {})).toThrow(/cannot be written/);
    writeWeights(file, sample, {});
    expect(readdirSync(directory)).toEqual(['weights.safetensors']);
  });
});

describe('readWeights rejects', () => {
  it('a missing file', () => {
    expect(() => readWeights(join(directory, 'absent'))).toThrow(/absent: no such file/);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', Buffer.alloc(0), /truncated: 0 bytes/],
    [
      'a header longer than the file',
      encode('{}').subarray(0, 9),
      /truncated: header of 2 bytes announced, 1 are there/,
    ],
    ['another format', Buffer.from('PK\x03\x04 some archive'), /not a safetensors file/],
    ['a header that is not JSON', encode('{"a":'), /not JSON/],
    ['a header that is not UTF-8', encode('""').fill(0xff, 8), /not JSON/],
    ['a header that is no object', encode([1]), /not a JSON object/],
    ['metadata that are no strings', encode({ __metadata__: { a: 1 } }), /__metadata__/],
    ['another dtype', encode({ x: entry([1], 0, 2, 'F16') }, new Uint8Array(2)), /'x' has dtype "F16"/],
    ['an entry that is null', encode({ x: null }), /'x' has dtype undefined/],
    ['a fractional dimension', encode({ x: entry([1.5], 0, 6) }, new Uint8Array(6)), /'x' has shape \[1\.5\]/],
    ['a negative dimension', encode({ x: entry([-1], 0, 4) }, new Uint8Array(4)), /'x' has shape \[-1\]/],
    ['negative offsets', encode({ x: entry([1], -4, 0) }, new Uint8Array(4)), /data_offsets \[-4,0\]/],
    [
      'a size that does not fit the shape',
      encode({ x: entry([2], 0, 4) }, new Uint8Array(4)),
      /4 bytes, its shape \[2\] needs 8/,
    ],
    [
      'missing data',
      encode({ x: entry([2], 0, 8) }, new Uint8Array(7)),
      /truncated: tensor 'x' ends at byte 8 .* has 7/,
    ],
    [
      'data that nobody owns',
      encode({ x: entry([1], 0, 4) }, new Uint8Array(5)),
      /5 bytes of data, the header announces 4/,
    ],
    [
      'overlapping tensors',
      encode({ x: entry([2], 0, 8), y: entry([1], 4, 8) }, new Uint8Array(8)),
      /'y' starts at byte 4 .* expected 8/,
    ],
    [
      'a gap',
      encode({ x: entry([1], 0, 4), y: entry([1], 8, 12) }, new Uint8Array(12)),
      /'y' starts at byte 8 .* expected 4/,
    ],
  ])('%s', (_, content, message) => expectWeightsError(content, message));

  it('any single damaged bit of the data, and every truncation', () => {
    writeWeights(file, sample, {});
    const whole = readFileSync(file);
    const dataBegin = 8 + Number(whole.readBigUInt64LE());
    fc.assert(
      fc.property(
        fc.integer({ min: dataBegin, max: whole.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        (position, bit) => {
          const damaged = Buffer.from(whole);
          damaged[position] ^= 1 << bit;
          expectWeightsError(damaged, /the data is damaged/);
        },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
        expectWeightsError(whole.subarray(0, length), /truncated|not JSON/);
      }),
    );
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { encodeIdx, idxDataset, readIdx } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/child';
import { expectRejects, expectThrows } from '../support/errors';
import { temporaryFolder } from '../support/temporaryFolder';

const folder = temporaryFolder();
let files = 0;

function write(content: Uint8Array, name = `file-${files++}`): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

/** The header of an IDX file followed by `bytes` zeros. */
function idx(magic: number, dims: readonly number[], bytes: number): Buffer {
  const buffer = Buffer.alloc(4 + 4 * dims.length + bytes);
  buffer.writeUInt32BE(magic, 0);
  for (const [axis, dim] of dims.entries()) buffer.writeUInt32BE(dim, 4 + 4 * axis);
  return buffer;
}

/** Reads images of this content, with labels that fit. */
async function readImages(content: Uint8Array): Promise<unknown> {
  return idxDataset(write(content), write(encodeIdx([1], Uint8Array.of(0))));
}

describe('readIdx', () => {
  it('returns what encodeIdx wrote, compressed or not', async () => {
    const shape = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(shape, fc.boolean(), async (dims, compressed) => {
        const size = dims.reduce((product, dim) => product * dim, 1);
        const data = Uint8Array.from({ length: size }, (_, index) => (index * 37 + 11) % 256);
        const bytes = encodeIdx(dims, data);
        const read = await readIdx(write(compressed ? gzipSync(bytes) : bytes, 'round-trip'));
        expect(read.shape).toEqual(dims);
        expect(Buffer.from(read.data)).toEqual(Buffer.from(data));
      }),
    );
  });

  it('reads the layout that the format states', async () => {
    const file = write(Uint8Array.from([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]));
    expect(await readIdx(file)).toEqual({ shape: [2, 3], data: Uint8Array.from([1, 2, 3, 4, 5, 6]) });
  });

  it('puts pieces of a large file together', async () => {
    const data = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * i) >>> 3);
    for (const content of [encodeIdx([1_000_003], data), gzipSync(encodeIdx([1_000_003], data))]) {
      expect(Buffer.from((await readIdx(write(content, 'large'))).data).equals(data)).toBe(true);
    }
  });

  it('names a file that is missing or cannot be read', async () => {
    await expectRejects(readIdx(join(folder, 'absent')), 'ArgumentError', /absent: no such file/);
    await expectRejects(readIdx(folder), 'ArgumentError', /cannot be read/);
    await expectRejects(readIdx(3 as never), 'ArgumentError', /file must be a path, given 3/);
  });
});

describe('idxDataset rejects', () => {
  it.each([
    ['another rank', idx(0x0801, [4], 4), /byte 0: magic number 0x00000801, expected 0x00000803 or 0x00000804/],
    ['another element type', idx(0x0d03, [1, 1, 1], 4), /0x00000d03, expected 0x00000803/],
    ['bytes in the wrong order', Buffer.from([3, 8, 0, 0, 1, 0, 0, 0]), /0x03080000/],
    ['text', Buffer.from('<!doctype html><html>404</html>'), /0x3c21646f/],
    ['nothing', Buffer.alloc(0), /0 bytes, too short/],
    ['half a magic number', Buffer.from([0, 0]), /2 bytes, too short/],
    ['half a header', idx(0x0803, [5], 0), /ends at byte 8, its header alone needs 16/],
  ])('%s', async (_, content, message) => {
    await expectRejects(readImages(content), 'FormatError', message);
    await expectRejects(readImages(gzipSync(content)), 'FormatError', message);
  });

  it('one byte less than announced', async () => {
    const content = idx(0x0803, [2, 3, 4], 23);
    await expectRejects(readImages(content), 'FormatError', /23 bytes of data .*announces 2 \* 3 \* 4 = 24/);
    await expectRejects(readImages(gzipSync(content)), 'FormatError', /ends at byte 39: 23 bytes .*2 \* 3 \* 4 = 24/);
  });

  it('bytes after the data', async () => {
    const content = idx(0x0803, [1, 1, 3], 4);
    await expectRejects(readImages(content), 'FormatError', /4 bytes of data .*announces 1 \* 1 \* 3 = 3$/);
    await expectRejects(readImages(gzipSync(content)), 'FormatError', /byte 19: data goes on after the .* = 3 /);
  });

  it('sizes that the file cannot hold, without taking memory for them', async () => {
    // 2^32 - 1 cubed has more than 53 bits: a product must not be rounded to what is there.
    const cubed = idx(0x0803, [0xffffffff, 0xffffffff, 0xffffffff], 8);
    for (const content of [cubed, gzipSync(cubed)]) {
      await expectRejects(readImages(content), 'FormatError', /79228162458924105385300197375 bytes, at most/);
    }
    // 1 GiB announced by a file of some tens of bytes.
    const large = gzipSync(idx(0x0803, [1 << 10, 1 << 10, 1 << 10], 100));
    const before = process.memoryUsage();
    await expectRejects(readImages(large), 'FormatError', /= 1073741824 bytes, more than \d+ bytes of gzip can hold/);
    const { arrayBuffers } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(1 << 26);
  });

  it('a stream that goes on after the announced data, at once', async () => {
    // Were it read on, its missing end would be what is reported.
    const rest = Uint8Array.from({ length: 1 << 21 }, (_, i) => Math.imul(i, 0x9e3779b9) >>> 24);
    const content = gzipSync(Buffer.concat([idx(0x0803, [1, 1, 1], 1), rest]));
    const cut = content.subarray(0, content.length - 1000);
    await expectRejects(readImages(cut), 'FormatError', /byte 17: data goes on/);
  });

  it('labels that do not fit', async () => {
    const images = write(encodeIdx([2, 1, 1], new Uint8Array(2)));
    const labels = (...values: number[]) => write(encodeIdx([values.length], Uint8Array.from(values)));
    await expectRejects(idxDataset(images, labels(1, 2, 3)), 'FormatError', /3 labels for 2 images in /);
    const classes = ['a', 'b', 'c'];
    const wrong = idxDataset(images, labels(2, 3), { classes });
    await expectRejects(wrong, 'FormatError', /label 3 of image 1, allowed are 0 to 2/);
    await expectRejects(idxDataset(images, labels(0, 0), { classes: [1] as never }), 'ArgumentError', /classes/);
    await expectRejects(idxDataset(images, labels(0, 0), { class: [] } as never), 'ArgumentError', /'class'/);
  });
});

describe('idxDataset', () => {
  it('gives images of one channel, or of those that the file has', async () => {
    const labels = write(encodeIdx([2], Uint8Array.of(7, 3)));
    const grey = await idxDataset(write(encodeIdx([2, 1, 3], Uint8Array.of(1, 2, 3, 4, 5, 6))), labels);
    expect(grey.length).toBe(2);
    expect(grey.get(1)).toEqual({ data: Uint8Array.of(4, 5, 6), shape: [1, 1, 3], label: 3 });
    const two = await idxDataset(write(encodeIdx([2, 2, 1, 1], Uint8Array.of(1, 2, 3, 4))), labels, {
      classes: 'abcdefgh'.split(''),
    });
    expect(two.get(0)).toEqual({ data: Uint8Array.of(1, 2), shape: [2, 1, 1], label: 7 });
    expect(two.classes?.[7]).toBe('h');
    expect([...two.labels]).toEqual([7, 3]);
    for (const index of [-1, 2, 0.5, Number.NaN]) expectThrows(() => two.get(index), 'ArgumentError', /from 0 to 1/);
  });

  it('reads a file without images', async () => {
    const none = await idxDataset(
      write(encodeIdx([0, 28, 28], new Uint8Array(0))),
      write(encodeIdx([0], new Uint8Array(0))),
    );
    expect(none.length).toBe(0);
    expectThrows(() => none.get(0), 'ArgumentError', /empty/);
  });
});

describe('a damaged gzip stream', () => {
  const source = join(packageRoot, 'examples/data/t10k-labels-idx1-ubyte.gz');
  const whole = readFileSync(source);

  it('that ends early is told', async () => {
    await expectRejects(readIdx(write(whole.subarray(0, 240))), 'FormatError', /ends early, after 240 bytes/);
  });

  it('never gives other values', async () => {
    const intact = Buffer.from((await readIdx(source)).data);
    const position = fc.integer({ min: 0, max: whole.length - 1 });
    await fc.assert(
      fc.asyncProperty(position, fc.integer({ min: 0, max: 7 }), async (at, bit) => {
        const damaged = Buffer.from(whole);
        damaged[at] ^= 1 << bit;
        // A few bits carry nothing: time stamp, system, and what pads the last byte of the compressed data.
        const { data } = await readIdx(write(damaged, 'damaged')).catch((error) => {
          expect(error.code).toBe('ERR_FORMAT');
          return { data: intact };
        });
        expect(intact.equals(data)).toBe(true);
      }),
    );
    const damaged = Buffer.from(whole);
    damaged[200] ^= 0x08;
    await expectRejects(readIdx(write(damaged)), 'FormatError', /gzip stream is corrupt/);
  });
});

describe('encodeIdx', () => {
  it('refuses data that does not fit the shape, and shapes that the format cannot hold', () => {
    expectThrows(() => encodeIdx([2, 3], new Uint8Array(5)), 'ArgumentError', /2 \* 3 bytes, given 5/);
    expectThrows(() => encodeIdx([2], [1, 2] as never), 'ArgumentError', /a Uint8Array/);
    expectThrows(() => encodeIdx([], new Uint8Array(1)), 'ArgumentError', /1 to 8 axes/);
    expectThrows(() => encodeIdx([0, 2 ** 32], new Uint8Array(0)), 'ArgumentError', /2\^32 - 1/);
    expectThrows(() => encodeIdx([-1], new Uint8Array(0)), 'ShapeError', /shape\[0\]/);
  });
});

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FILE_NAMES,
  loadDataset,
  loadSplit,
  locateDataset,
  pixelStatistics,
  SUBSET_DIRECTORY,
} from '../../examples/lib/dataset.mjs';
import { DataFileError, encodeIdx, readIdx } from '../../examples/lib/idx.mjs';
import { temporaryDirectory } from './dataFiles';

const directory = temporaryDirectory();
let files = 0;

function write(content: Uint8Array, name = `file-${files++}`): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

/** The header of an IDX file followed by `bytes` bytes. */
function idx(magic: number, dims: readonly number[], bytes: number): Buffer {
  const buffer = Buffer.alloc(4 + 4 * dims.length + bytes);
  buffer.writeUInt32BE(magic, 0);
  for (const [axis, dim] of dims.entries()) buffer.writeUInt32BE(dim, 4 + 4 * axis);
  return buffer;
}

function expectDataError(body: () => unknown, code: string, ...messages: RegExp[]): void {
  let error: unknown;
  try {
    body();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(DataFileError);
  const { code: actual, file, message } = error as DataFileError;
  expect(actual, message).toBe(code);
  expect(message).toContain(file);
  for (const pattern of messages) expect(message).toMatch(pattern);
}

describe('readIdx', () => {
  it('returns what encodeIdx wrote, compressed or not', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shape, fc.boolean(), (dims, compressed) => {
        const size = dims.reduce((product, dim) => product * dim, 1);
        const data = Uint8Array.from({ length: size }, (_, index) => (index * 37 + 11) % 256);
        const bytes = encodeIdx({ dims, data });
        const read = readIdx(write(compressed ? gzipSync(bytes) : bytes, 'round-trip'), dims.length);
        expect(read.dims).toEqual(dims);
        expect(Buffer.from(read.data)).toEqual(Buffer.from(data));
      }),
    );
  });

  it('reads the layout that the format states', () => {
    const file = write(Uint8Array.from([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]));
    const { dims, data } = readIdx(file, 2);
    expect(dims).toEqual([2, 3]);
    expect([...data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('names a missing file', () => {
    expectDataError(() => readIdx(join(directory, 'absent'), 3), 'MISSING', /no such file/);
  });

  it('names a file that cannot be read', () => {
    expectDataError(() => readIdx(directory, 3), 'UNREADABLE', /cannot be read/);
  });

  it.each([
    ['another rank', idx(0x0801, [4], 4), 3, /0x00000801, expected 0x00000803/],
    ['another element type', idx(0x0d03, [1, 1, 1], 4), 3, /0x00000d03, expected 0x00000803/],
    ['bytes in the wrong order', Buffer.from([3, 8, 0, 0, 1, 0, 0, 0]), 3, /0x03080000/],
    ['text', Buffer.from('<!doctype html><html>404</html>'), 1, /0x3c21646f, expected 0x00000801/],
  ])('rejects a wrong magic number: %s', (_, content, rank, message) => {
    expectDataError(() => readIdx(write(content), rank), 'MAGIC', message);
  });

  it.each([
    ['nothing', Buffer.alloc(0), /0 bytes, too short/],
    ['half a magic number', Buffer.from([0, 0]), /2 bytes, too short/],
    ['half a header', idx(0x0803, [5], 0), /8 bytes, its header alone needs 16/],
    [
      'one byte short',
      idx(0x0803, [2, 3, 4], 23),
      /23 bytes of data after the header, which announces 2 \* 3 \* 4 = 24/,
    ],
    // A product that has more than 53 bits must not be rounded to what is there.
    [
      'huge dimensions',
      idx(0x0803, [0xffffffff, 0xffffffff, 0xffffffff], 8),
      /8 bytes .* = 79228162458924105385300197375/,
    ],
  ])('rejects a truncated file: %s', (_, content, message) => {
    expectDataError(() => readIdx(write(content), 3), 'TRUNCATED', message);
    expectDataError(() => readIdx(write(gzipSync(content)), 3), 'TRUNCATED', message);
  });

  it('rejects bytes after the data', () => {
    expectDataError(() => readIdx(write(idx(0x0801, [3], 4)), 1), 'TRAILING', /4 bytes .* announces 3$/);
  });

  it('rejects a gzip stream that ends early', () => {
    const whole = readFileSync(join(SUBSET_DIRECTORY, 't10k-labels-idx1-ubyte.gz'));
    expectDataError(
      () => readIdx(write(whole.subarray(0, whole.length / 2)), 1),
      'TRUNCATED',
      /ends early, after 240 bytes/,
    );
  });

  it('never returns other values from a damaged gzip stream', () => {
    const source = join(SUBSET_DIRECTORY, 't10k-labels-idx1-ubyte.gz');
    const whole = readFileSync(source);
    const intact = Buffer.from(readIdx(source, 1).data);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), fc.integer({ min: 0, max: 7 }), (position, bit) => {
        const damaged = Buffer.from(whole);
        damaged[position] ^= 1 << bit;
        const file = write(damaged, 'damaged');
        // A few bits carry nothing: time stamp, system, and what pads the last byte of the compressed data.
        try {
          expect(intact.equals(readIdx(file, 1).data)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(DataFileError);
        }
      }),
    );
    const damaged = Buffer.from(whole);
    damaged[200] ^= 0x08;
    expectDataError(() => readIdx(write(damaged), 1), 'CORRUPT', /gzip stream is corrupt/);
  });
});

describe('loadSplit', () => {
  /** A directory with the training files of two images of `height` x `width`, and the labels given. */
  function split(labels: readonly number[], { height = 28, width = 28, images = 2 } = {}): string {
    const target = join(directory, `split-${files++}`);
    mkdirSync(target);
    writeFileSync(join(target, FILE_NAMES.train.images), idx(0x0803, [images, height, width], images * height * width));
    writeFileSync(
      join(target, FILE_NAMES.train.labels),
      encodeIdx({ dims: [labels.length], data: Uint8Array.from(labels) }),
    );
    return target;
  }

  it('reads images and labels', () => {
    const { count, images, labels } = loadSplit(split([0, 9]), 'train');
    expect(count).toBe(2);
    expect(images.length).toBe(2 * 28 * 28);
    expect([...labels]).toEqual([0, 9]);
  });

  it('rejects a label out of range and says where it stands', () => {
    expectDataError(() => loadSplit(split([3, 10]), 'train'), 'LABEL', /label 10 at position 1, allowed are 0 to 9/);
  });

  it('rejects another number of labels than images', () => {
    expectDataError(() => loadSplit(split([1, 2, 3]), 'train'), 'MISMATCH', /3 labels for 2 images/);
  });

  it('rejects images of another size, and none', () => {
    expectDataError(
      () => loadSplit(split([0, 1], { height: 28, width: 32 }), 'train'),
      'SHAPE',
      /28x32, expected 28x28/,
    );
    expectDataError(() => loadSplit(split([], { images: 0 }), 'train'), 'SHAPE', /no images/);
  });

  it('says which file is missing and where it was sought', () => {
    expectDataError(() => loadSplit(split([0, 1]), 'test'), 'MISSING', /t10k-images-idx3-ubyte: .* expected in /);
    expectDataError(() => loadSplit(join(directory, 'nowhere'), 'train'), 'MISSING');
  });
});

describe('the shipped subset', () => {
  it('is balanced: 600 training and 100 test images of each class', () => {
    const { train, test } = loadDataset(locateDataset({ subset: true }));
    const counts = (labels: Uint8Array) =>
      Array.from({ length: 10 }, (_, label) => labels.filter((l) => l === label).length);
    expect(train.count).toBe(6000);
    expect(test.count).toBe(1000);
    expect(counts(train.labels)).toEqual(new Array(10).fill(600));
    expect(counts(test.labels)).toEqual(new Array(10).fill(100));
  });

  it('takes at most 3.5 MB', () => {
    const names = [...Object.values(FILE_NAMES.train), ...Object.values(FILE_NAMES.test)];
    const bytes = names.reduce((sum, name) => sum + readFileSync(join(SUBSET_DIRECTORY, `${name}.gz`)).length, 0);
    expect(bytes).toBeLessThanOrEqual(3_500_000);
  });

  it('is gzip-compressed IDX, as the files it was cut from', () => {
    const bytes = gunzipSync(readFileSync(join(SUBSET_DIRECTORY, 'train-images-idx3-ubyte.gz')));
    expect([...bytes.subarray(0, 16)]).toEqual([0, 0, 8, 3, 0, 0, 0x17, 0x70, 0, 0, 0, 28, 0, 0, 0, 28]);
  });
});

describe('locateDataset', () => {
  it('takes the directory asked for, else the installed data set, else the subset', () => {
    expect(locateDataset({ directory: 'here' }, directory).directory).toBe('here');
    expect(locateDataset({}, directory).directory).toBe(directory);
    expect(locateDataset({ subset: true }, directory).directory).toBe(SUBSET_DIRECTORY);
    expect(locateDataset({}, join(directory, 'nowhere')).directory).toBe(SUBSET_DIRECTORY);
  });
});

describe('pixelStatistics', () => {
  it('is the mean and the standard deviation of the pixels scaled to 0 … 1', () => {
    const { mean, std } = pixelStatistics(Uint8Array.from([0, 51, 102, 255]));
    expect(mean).toBeCloseTo(0.4, 12);
    // Deviations -0.4, -0.2, 0, 0.6: variance 0.56 / 4.
    expect(std).toBeCloseTo(Math.sqrt(0.14), 12);
  });

  it('leaves images of one colour finite', () => {
    expect(pixelStatistics(new Uint8Array(9).fill(7)).std).toBe(1);
  });
});

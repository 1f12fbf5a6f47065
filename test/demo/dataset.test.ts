import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { encodeIdx } from 'receptive/data';
import { describe, expect, it } from 'vitest';
import { DataFileError, loadDataset, locateDataset, SUBSET_DIRECTORY } from '../../examples/lib/dataset.mjs';
import { temporaryFolder } from '../support/temporaryFolder';
import { writeSmallDataset } from './dataFiles';

const directory = temporaryFolder();

describe('the shipped subset', () => {
  const files = readdirSync(SUBSET_DIRECTORY).filter((name) => name.endsWith('.gz'));

  it('takes at most 3.5 MB', () => {
    expect(files).toHaveLength(4);
    const bytes = files.reduce((sum, name) => sum + readFileSync(join(SUBSET_DIRECTORY, name)).length, 0);
    expect(bytes).toBeLessThanOrEqual(3_500_000);
  });

  it('is gzip-compressed IDX, as the files it was cut from', () => {
    const bytes = gunzipSync(readFileSync(join(SUBSET_DIRECTORY, 'train-images-idx3-ubyte.gz')));
    expect([...bytes.subarray(0, 16)]).toEqual([0, 0, 8, 3, 0, 0, 0x17, 0x70, 0, 0, 0, 28, 0, 0, 0, 28]);
  });
});

describe('loadDataset', () => {
  it('reads both splits, and recognises the training data', async () => {
    const folder = join(directory, 'small');
    mkdirSync(folder);
    await writeSmallDataset(folder, { train: 2, test: 1 });
    const { train, test, fingerprint, description } = await loadDataset(locateDataset({ directory: folder }));
    expect([train.length, test.length]).toEqual([20, 10]);
    expect(description).toContain(folder);
    await writeSmallDataset(folder, { train: 2, test: 3 });
    expect((await loadDataset(locateDataset({ directory: folder }))).fingerprint).toBe(fingerprint);
    await writeSmallDataset(folder, { train: 3, test: 1 });
    expect((await loadDataset(locateDataset({ directory: folder }))).fingerprint).not.toBe(fingerprint);
  });

  it('names the file that cannot be used, and refuses a split without images', async () => {
    const load = (place: string) => loadDataset(locateDataset({ directory: place }));
    const failure = async (place: string) => {
      const error: unknown = await load(place).catch((reason) => reason);
      expect(error).toBeInstanceOf(DataFileError);
      return (error as Error).message;
    };
    expect(await failure(join(directory, 'absent'))).toMatch(/train-images-idx3-ubyte: no such file/);
    const folder = join(directory, 'empty');
    mkdirSync(folder);
    writeFileSync(join(folder, 'train-images-idx3-ubyte'), encodeIdx([0, 28, 28], new Uint8Array(0)));
    writeFileSync(join(folder, 'train-labels-idx1-ubyte'), encodeIdx([0], new Uint8Array(0)));
    expect(await failure(folder)).toMatch(/train split holds no images/);
    writeFileSync(join(folder, 'train-labels-idx1-ubyte'), encodeIdx([1], Uint8Array.of(10)));
    expect(await failure(folder)).toMatch(/train-labels-idx1-ubyte: 1 labels for 0 images/);
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

import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DataLoader, type Dataset, imageFolder, resize, type Sample } from 'receptive/data';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot, runFile } from '../support/child';
import { expectRejects } from '../support/errors';
import { readEpoch } from '../support/images';
import { temporaryFolder } from '../support/temporaryFolder';

const root = temporaryFolder();
const photos = join(root, 'photos');

/** Rows of [r, g, b] or [r, g, b, a] pixels as an image file. */
async function draw(file: string, rows: number[][][], orientation = 1): Promise<void> {
  const raw = { width: rows[0].length, height: rows.length, channels: rows[0][0].length as 3 | 4 };
  await sharp(Uint8Array.from(rows.flat(2)), { raw })
    .withMetadata({ orientation })
    .toFile(file);
}

const red = [255, 0, 0];
const green = [0, 255, 0];
const blue = [0, 0, 255];
const white = [255, 255, 255];

beforeAll(async () => {
  // In no order of time or name.
  for (const name of ['b class', 'a', '.hidden']) mkdirSync(join(photos, name), { recursive: true });
  mkdirSync(join(photos, 'a', 'nested.png'));
  await draw(join(photos, 'b class', 'z.png'), [[white, blue, green]]);
  await draw(join(photos, 'b class', 'B.PNG'), [[[10, 20, 30]]]);
  await draw(join(photos, 'a', '2.png'), [
    [red, green],
    [blue, white],
    [red, red],
  ]);
  await draw(join(photos, 'a', '10.webp'), [[white]]);
  await draw(join(photos, 'a', '.secret.png'), [[white]]);
  writeFileSync(join(photos, 'a', 'notes.txt'), 'no image');
  writeFileSync(join(photos, 'readme.png'), 'not in a class');
  symlinkSync(join(photos, 'b class'), join(photos, 'c'));
});

const get = (dataset: Dataset, index: number): Promise<Sample> => Promise.resolve(dataset.get(index));

describe('imageFolder', () => {
  it('takes a class per folder and the images within, sorted', async () => {
    const dataset = await imageFolder(photos);
    expect(dataset.classes).toEqual(['a', 'b class', 'c']);
    const names = ['a/10.webp', 'a/2.png', 'b class/B.PNG', 'b class/z.png', 'c/B.PNG', 'c/z.png'];
    expect(dataset.files).toEqual(names.map((name) => join(photos, name)));
    expect([...dataset.labels]).toEqual([0, 0, 1, 1, 2, 2]);
    expect(dataset.length).toBe(6);
  });

  it('decodes to planes', async () => {
    const dataset = await imageFolder(photos, { extensions: ['.png'] });
    expect(await get(dataset, 0)).toEqual({
      data: Uint8Array.from([255, 0, 0, 255, 255, 255, 0, 255, 0, 255, 0, 0, 0, 0, 255, 255, 0, 0]),
      shape: [3, 3, 2],
      label: 0,
    });
    expect(await get(dataset, 1)).toEqual({ data: Uint8Array.of(10, 20, 30), shape: [3, 1, 1], label: 1 });
    for (const index of [-1, 5, 0.5]) await expectRejects(get(dataset, index), 'ArgumentError', /from 0 to 4/);
  });

  it('turns as EXIF says, drops alpha, and spreads grey', async () => {
    const folder = join(root, 'kinds', 'only');
    mkdirSync(folder, { recursive: true });
    await draw(join(folder, '1.png'), [
      [
        [...red, 128],
        [...blue, 0],
      ],
    ]);
    // Orientation 6: the right side of the picture is stored as the top; a row becomes a column.
    await draw(join(folder, '2.png'), [[red, green]], 6);
    await sharp(Uint8Array.of(7, 9), { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(join(folder, '3.png'));
    const dataset = await imageFolder(join(root, 'kinds'));
    const [alpha, turned, grey] = await Promise.all([0, 1, 2].map((i) => get(dataset, i)));
    expect([...alpha.data]).toEqual([255, 0, 0, 0, 0, 255]);
    expect([turned.shape, [...turned.data]]).toEqual([
      [3, 2, 1],
      [255, 0, 0, 255, 0, 0],
    ]);
    expect([grey.shape, [...grey.data]]).toEqual([
      [3, 1, 2],
      [7, 9, 7, 9, 7, 9],
    ]);
    const inGrey = await imageFolder(join(root, 'kinds'), { color: 'grey' });
    expect(await get(inGrey, 2)).toEqual({ data: Uint8Array.of(7, 9), shape: [1, 1, 2], label: 0 });
    expect((await get(inGrey, 0)).shape).toEqual([1, 1, 2]);
  });

  it('decodes to a size, which is covered', async () => {
    const folder = join(root, 'wide', 'only');
    mkdirSync(folder, { recursive: true });
    // Three squares of 8x8; the middle one is what a square covers.
    const row = [...new Array(8).fill(red), ...new Array(8).fill(green), ...new Array(8).fill(blue)];
    await draw(join(folder, 'x.png'), new Array(8).fill(row));
    const square = await get(await imageFolder(join(root, 'wide'), { size: 8 }), 0);
    expect(square.shape).toEqual([3, 8, 8]);
    expect([...square.data]).toEqual([...new Array(64).fill(0), ...new Array(64).fill(255), ...new Array(64).fill(0)]);
    expect((await get(await imageFolder(join(root, 'wide'), { size: [4, 6] }), 0)).shape).toEqual([3, 4, 6]);
  });

  it('is read by workers as by the main thread', async () => {
    const dataset = await imageFolder(photos);
    const options = { batchSize: 4, shuffle: true, transform: resize([3, 3]) } as const;
    const expected = await readEpoch(new DataLoader(dataset, options));
    expect(expected.shapes).toEqual([
      [4, 3, 3, 3],
      [2, 3, 3, 3],
    ]);
    for (const workers of [1, 2]) {
      expect(await readEpoch(new DataLoader(dataset, { ...options, workers }))).toEqual(expected);
    }
  });

  it('names a file that cannot be decoded, in a worker too', async () => {
    const folder = join(root, 'broken', 'only');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'x.jpg'), 'this is no image');
    const dataset = await imageFolder(join(root, 'broken'));
    await expectRejects(get(dataset, 0), 'FormatError', /imageFolder: .*x\.jpg: cannot be decoded \(/);
    const loader = new DataLoader(dataset, { batchSize: 1, workers: 1 });
    await expectRejects(readEpoch(loader), 'FormatError', /x\.jpg: cannot be decoded/);
  });

  it('refuses folders without classes or images, and wrong options', async () => {
    await expectRejects(imageFolder(join(root, 'nowhere')), 'ArgumentError', /nowhere cannot be read \(ENOENT/);
    const empty = join(root, 'empty');
    mkdirSync(empty);
    await expectRejects(imageFolder(empty), 'FormatError', /has no subfolder/);
    mkdirSync(join(empty, 'class'));
    await expectRejects(imageFolder(empty), 'FormatError', /have no file that ends in \.jpg, /);
    await expectRejects(imageFolder(photos, { size: 0 }), 'ArgumentError', /size/);
    await expectRejects(imageFolder(photos, { color: 'cmyk' as never }), 'ArgumentError', /'rgb' or 'grey'/);
    await expectRejects(imageFolder(photos, { extensions: '.png' as never }), 'ArgumentError', /extensions/);
    await expectRejects(imageFolder(photos, { sizes: 1 } as never), 'ArgumentError', /'sizes'/);
    await expectRejects(imageFolder(3 as never), 'ArgumentError', /folder must be a path/);
  });

  it('says what to install where sharp is missing; the rest works without it', async () => {
    // The package in a folder of its own, with nothing installed around it.
    const alone = join(root, 'alone', 'node_modules', 'receptive');
    cpSync(join(packageRoot, 'dist'), join(alone, 'dist'), { recursive: true });
    cpSync(join(packageRoot, 'package.json'), join(alone, 'package.json'));
    for (const name of ['bindings', 'file-uri-to-path']) {
      cpSync(join(packageRoot, 'node_modules', name), join(alone, '..', name), { recursive: true });
    }
    const program = join(root, 'alone', 'program.mjs');
    cpSync(join(packageRoot, 'test/support/programs/data/withoutSharp.mjs'), program);
    const given = process.env.RECEPTIVE_ADDON || 'build/Release/receptive.node';
    const addon = resolve(packageRoot, given === 'emulated' ? 'build-emulated/Release/receptive.node' : given);
    const { stdout, stderr } = await runFile(program, { args: [photos], env: { RECEPTIVE_ADDON: addon } });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      read: [0, 1],
      name: 'UnsupportedError',
      code: 'ERR_UNSUPPORTED',
      message: 'imageFolder: images are decoded by the package sharp, which is not installed: npm install sharp',
    });
  });
});

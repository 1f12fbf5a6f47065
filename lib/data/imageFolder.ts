// Images in folders, one folder per class.
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { expectOneOf, expectPair, expectPlainOptions } from '../checkValues';
import { ArgumentError, FormatError } from '../errors';
import { describe } from '../text';
import { FolderDataset, loadDecoder } from './folderDataset';
import type { Size } from './transforms/crop';

/** Options of `imageFolder()`. */
export interface ImageFolderOptions {
  /** Decode to this size: a number for a square, or [h, w]. The image is scaled to cover it, and the middle is taken. */
  size?: Size;
  /** `rgb`, [3, H, W], if left out; `grey` gives [1, H, W]. */
  color?: 'rgb' | 'grey';
  /** Endings of the files to take, in lower case; .jpg, .jpeg, .png, .webp, .gif, .tif, .tiff and .avif if left out. */
  extensions?: readonly string[];
}

const decodable = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif'];

/**
 * The images in the subfolders of a folder, a class per subfolder: the label is the subfolder's place among their names, sorted
 * by code unit, and so are the files within. Folders and files whose names start with a dot, and files with other endings, are
 * left out.
 *
 * Images are decoded when they are asked for, to bytes, by the optional package sharp (`npm install sharp`): colours as sRGB,
 * an alpha channel dropped, turned as their EXIF orientation says, the first frame of an animation. A `size` given here costs
 * less than a `resize()` afterwards, because JPEG images are then decoded at a fraction of their size; the exact values depend
 * on sharp's version.
 *
 * @throws ArgumentError, UnsupportedError without sharp, FormatError for a folder without classes or images; all by rejection.
 *   Reading an image that cannot be decoded rejects with a FormatError naming the file.
 * @example const dataset = await imageFolder('flowers/train', { size: 224 }); dataset.classes // ['daisy', 'rose', …]
 */
export async function imageFolder(folder: string, options?: ImageFolderOptions): Promise<FolderDataset> {
  const op = 'imageFolder';
  const given = expectPlainOptions(op, options, ['size', 'color', 'extensions']);
  if (typeof folder !== 'string') {
    throw new ArgumentError(`${op}: folder must be a path, given ${describe(folder)}`);
  }
  const size = given.size === undefined ? null : expectPair(op, 'size', given.size, 1);
  const color = expectOneOf(op, 'color', given.color ?? 'rgb', ['rgb', 'grey']);
  const { extensions = decodable } = given;
  if (!Array.isArray(extensions) || !extensions.every((ending) => typeof ending === 'string')) {
    throw new ArgumentError(`${op}: extensions must be a list such as ['.png'], given ${describe(extensions)}`);
  }
  // Here, so that a missing package is found out before the first batch. It also has to be loaded in the main thread before a
  // worker loads it: else the shared libraries behind it are unloaded with the first worker that ends.
  await loadDecoder();
  const classes = await names(folder, 'folders');
  if (classes.length === 0) throw new FormatError(`${op}: ${folder} has no subfolder; each is a class`);
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    for (const file of await names(join(folder, name), 'files')) {
      if (!extensions.includes(extname(file).toLowerCase())) continue;
      files.push(join(folder, name, file));
      labels.push(label);
    }
  }
  if (files.length === 0) {
    throw new FormatError(`${op}: the subfolders of ${folder} have no file that ends in ${extensions.join(', ')}`);
  }
  const channels = color === 'rgb' ? 3 : 1;
  return new FolderDataset({ kind: 'folder', files, labels: Int32Array.from(labels), classes, size, channels });
}

/** Sorted names of the folders or files in a folder; a link counts as what it leads to. */
async function names(folder: string, wanted: 'folders' | 'files'): Promise<string[]> {
  try {
    const found: string[] = [];
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const target = entry.isSymbolicLink() ? await stat(join(folder, entry.name)) : entry;
      if (wanted === 'folders' ? target.isDirectory() : target.isFile()) found.push(entry.name);
    }
    return found.sort();
  } catch (error) {
    throw new ArgumentError(`imageFolder: ${folder} cannot be read (${(error as Error).message})`, { cause: error });
  }
}

// A data set whose images are files, decoded when they are asked for.
import type { Pair } from '../checkValues';
import { FormatError } from '../errors';
import { loadOptional } from '../optionalPackage';
import { type Dataset, expectIndex } from './dataset';
import type { Sample } from './sample';

/** Image files and how to decode them. */
export interface FolderSpec {
  readonly kind: 'folder';
  readonly files: readonly string[];
  readonly labels: Int32Array;
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
  readonly size: Pair | null;
  readonly channels: 1 | 3;
}

/** Kept out of the declarations: users without sharp compile them too. @internal */
type Decoder = typeof import('sharp');

let decoder: Decoder | undefined;

/**
 * The package sharp, loaded when the first image is wanted.
 *
 * @throws UnsupportedError when it is not installed.
 * @internal
 */
export async function loadDecoder(): Promise<Decoder> {
  decoder ??= (await loadOptional('sharp', 'imageFolder: images are decoded by', () => import('sharp'))).default;
  return decoder;
}

/** Made by `imageFolder()`. */
export class FolderDataset implements Dataset {
  readonly spec: FolderSpec;

  /** @internal */
  constructor(spec: FolderSpec) {
    this.spec = spec;
  }

  get length(): number {
    return this.spec.files.length;
  }

  /** Names of the classes, by label. */
  get classes(): readonly string[] {
    return this.spec.classes;
  }

  /** Path of each image. */
  get files(): readonly string[] {
    return this.spec.files;
  }

  /** One label per image. */
  get labels(): Int32Array {
    return this.spec.labels;
  }

  /**
   * Decodes image `index`.
   *
   * @throws FormatError, by rejection, naming a file that cannot be decoded.
   */
  async get(index: number): Promise<Sample> {
    expectIndex(index, this.length);
    const { files, labels, size, channels } = this.spec;
    const sharp = await loadDecoder();
    let image = sharp(files[index], { autoOrient: true })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .removeAlpha();
    if (size !== null) image = image.resize({ width: size.w, height: size.h, fit: 'cover' });
    let decoded: { data: Buffer; info: { width: number; height: number; channels: number } };
    try {
      decoded = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    } catch (error) {
      const reason = (error as Error).message;
      throw new FormatError(`imageFolder: ${files[index]}: cannot be decoded (${reason})`, { cause: error });
    }
    const { width, height } = decoded.info;
    if (decoded.info.channels !== channels) {
      throw new FormatError(
        `imageFolder: ${files[index]}: decoded to ${decoded.info.channels} channels, expected ${channels}`,
      );
    }
    return { data: planes(decoded.data, channels), shape: [channels, height, width], label: labels[index] };
  }
}

/** [H, W, C], as images are decoded, to [C, H, W]. */
function planes(pixels: Uint8Array, channels: number): Uint8Array {
  const plane = pixels.length / channels;
  const result = new Uint8Array(pixels.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0, from = c; i < plane; i++, from += channels) result[c * plane + i] = pixels[from];
  }
  return result;
}

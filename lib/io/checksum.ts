// A CRC-32 of a whole safetensors file, kept in its own metadata: the first entry, so that its place is known. It is computed
// with zeros in its place.
import { crc32 } from 'node:zlib';
import { lengthBytes } from './safetensorsHeader';
import { chunkBytes, type InputFile } from './source';

export const checksumKey = 'checksum';

const prefix = 'crc32:';
const digits = 8;

/** What stands in the metadata while the file is written. */
export const emptyChecksum = prefix + '0'.repeat(digits);

const start = Buffer.from(`{"__metadata__":{"${checksumKey}":"${prefix}`);

/** The CRC-32 of what had `before` and of these bytes after it. Of no bytes, zlib's function gives 0 whatever was before. */
export function extendCrc32(bytes: Uint8Array, before: number): number {
  return bytes.length === 0 ? before : crc32(bytes, before);
}

/** The checksum of bytes that are added in order. */
export class Checksum {
  /** Where its digits stand in the file. */
  static readonly position = lengthBytes + start.length;

  #value = 0;

  add(bytes: Uint8Array): void {
    this.#value = extendCrc32(bytes, this.#value);
  }

  text(): Buffer {
    return Buffer.from(this.#value.toString(16).padStart(digits, '0'));
  }
}

/**
 * Reads the file and compares its checksum.
 *
 * @throws FormatError.
 */
export async function verifyChecksum(file: InputFile, metadata: Readonly<Record<string, string>>): Promise<void> {
  const recorded = Object.hasOwn(metadata, checksumKey) ? metadata[checksumKey] : undefined;
  const checksum = new Checksum();
  for (let position = 0; position < file.size; position += chunkBytes) {
    const piece = Buffer.allocUnsafe(Math.min(chunkBytes, file.size - position));
    await file.readAt(piece, position);
    if (position === 0) {
      if (!piece.subarray(lengthBytes, Checksum.position).equals(start)) {
        throw file.fail(
          `its checksum is not at byte ${Checksum.position}: it is damaged, or another program has written it ` +
            '(loadSafetensors() reads the tensors)',
        );
      }
      piece.fill('0', Checksum.position, Checksum.position + digits);
    }
    checksum.add(piece);
  }
  const actual = prefix + checksum.text();
  if (actual !== recorded) throw file.fail(`the file is damaged: its checksum is ${actual}, recorded is ${recorded}`);
}

import { expectOptions, expectTensor } from '../check';
import { deviceOption } from '../deviceTable';
import { UnsupportedError } from '../errors';
import { permute } from '../ops/copy';
import type { AnyTensor } from '../tensor';
import { replaceFile } from './atomicFile';
import { formatNpyHeader, headerLength, lengthFieldBytes, parseNpyHeader, prefixBytes } from './npyHeader';
import { type LoadOptions, type SaveOptions, snapshotOption } from './options';
import { type ByteSource, expectPath, type FilePath, withFile } from './source';
import { readTensor, Snapshot } from './tensorData';

async function readBuffer(source: ByteSource, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  await source.read(buffer);
  return buffer;
}

/**
 * Reads an array from a source that holds nothing else.
 *
 * @param size Bytes that the source has in all.
 * @internal
 */
export async function readNpy(
  op: string,
  source: ByteSource,
  size: number,
  label: string,
  device: number,
): Promise<AnyTensor> {
  const fail = (problem: string) => source.fail(problem);
  const fieldBytes = lengthFieldBytes(await readBuffer(source, prefixBytes), fail);
  const length = headerLength(await readBuffer(source, fieldBytes), fail);
  const begin = source.position;
  const { element, littleEndian, fortranOrder, shape } = parseNpyHeader(
    await readBuffer(source, length),
    begin,
    fail,
    (problem) => new UnsupportedError(`${op}: ${label}: ${problem}`),
  );
  // Too large to be counted is Infinity or inexact, and so no size of a file.
  const bytes = shape.includes(0) ? 0 : shape.reduce((product, extent) => product * extent, element.bytes);
  const available = size - source.position;
  if (bytes !== available) {
    const what = bytes > available ? 'truncated: ' : '';
    throw fail(`${what}${available} bytes of data, ${element.name} (${shape.join(', ')}) needs ${bytes}`);
  }
  const stored = { element, littleEndian, shape: fortranOrder ? [...shape].reverse() : shape, what: 'the array' };
  const tensor = await readTensor(op, source, stored, device);
  if (!fortranOrder || shape.length < 2) return tensor;
  // In Fortran's order the elements are those of the transposed array in row-major order.
  try {
    return permute(
      tensor,
      shape.map((_, axis) => shape.length - 1 - axis),
    );
  } finally {
    tensor.dispose();
  }
}

/**
 * Saves a tensor in NumPy's .npy format, version 1.0: what `numpy.load()` reads. The values are those of the time of the call;
 * the file appears whole or, when anything fails, not at all, as with `saveSafetensors()`.
 *
 * @param file A path or a `file:` URL; no suffix is added.
 * @param tensor Any dtype, shape and device; written as `<f4`, `<f8`, `<i4`, `|u1` or `|b1`.
 * @returns As that of `saveSafetensors()`.
 * @throws ArgumentError, DisposedError; OutOfMemoryError when there is no memory for the copy (see `snapshot`).
 */
export function saveNpy(file: FilePath, tensor: AnyTensor, options?: SaveOptions): Promise<void> {
  const op = 'saveNpy';
  const path = expectPath(op, file);
  expectTensor(op, 'tensor', tensor);
  const { snapshot: copy } = expectOptions(op, options, ['snapshot']);
  const snapshot = Snapshot.of(op, 'tensor', tensor, snapshotOption(op, copy));
  return write(op, path, snapshot);
}

async function write(op: string, path: string, snapshot: Snapshot): Promise<void> {
  try {
    await replaceFile(op, path, async (output) => {
      await output.write(formatNpyHeader(snapshot.tensor.dtype, snapshot.shape));
      for await (const piece of snapshot.pieces()) await output.write(piece);
    });
  } finally {
    snapshot.dispose();
  }
}

/**
 * Reads an array that `numpy.save()` wrote: format 1.0, 2.0 or 3.0, of either byte order, in C's or Fortran's order.
 *
 * f4, f8, i4, u1 and b1 become float32, float64, int32, uint8 and bool; f2 becomes float32, exactly; i8, u8, u4, i2, u2 and i1
 * become int32, where a value that int32 does not hold is a FormatError. Other types (complex, text, dates, objects,
 * structures) are an UnsupportedError; nothing in the file is ever evaluated.
 *
 * @param file A path or a `file:` URL.
 * @returns The tensor. It rejects with FormatError, which names the place, when the file is not as the format demands or has
 *   anything after the array; UnsupportedError; OutOfMemoryError; Node's error (`ENOENT` …) when it cannot be read.
 * @throws ArgumentError, DeviceError.
 */
export function loadNpy(file: FilePath, options?: LoadOptions): Promise<AnyTensor> {
  const op = 'loadNpy';
  const path = expectPath(op, file);
  const device = deviceOption(op, expectOptions(op, options, ['device']).device);
  return withFile(op, path, (input) => readNpy(op, input, input.size, path, device));
}

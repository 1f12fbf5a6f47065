// Values of tensors from and to bytes, in pieces, so that little memory is needed beside the tensor's own and the event loop
// runs between two pieces.
import { expectTensor } from '../check';
import { zeros } from '../creation';
import { deviceId } from '../deviceTable';
import { bytesPerElement, type TypedArrayOf, viewAs } from '../dtype';
import { ArgumentError, OutOfMemoryError } from '../errors';
import { fromHost } from '../move';
import { native } from '../native';
import { hostBuffer } from '../reading';
import { keep } from '../scope';
import { shapeText, sizeOf } from '../shape';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import { type Element, littleEndianHost, swapBytes } from './elements';
import { type ByteSource, chunkBytes } from './source';

/** Tensors by name. Any own name is possible, `__proto__` too. */
export type NamedTensors = Readonly<Record<string, AnyTensor>>;

/** How a tensor lies in a file. */
export interface StoredTensor {
  readonly element: Element;
  readonly littleEndian: boolean;
  readonly shape: readonly number[];
  /** For messages: `tensor 'w'`. */
  readonly what: string;
}

/** Reads a tensor's elements, in row-major order, from where `source` is. */
export async function readTensor(
  op: string,
  source: ByteSource,
  stored: StoredTensor,
  device: number,
): Promise<AnyTensor> {
  const { element, shape } = stored;
  const size = sizeOf(shape);
  const perChunk = chunkBytes / Math.max(element.bytes, bytesPerElement(element.dtype));
  if (size <= perChunk) {
    const values = await readValues(op, source, stored, 0, size);
    return fromHost(values, element.dtype, [...shape], size, device);
  }
  const result: AnyTensor = zeros(shape, { dtype: element.dtype, device: deviceId(device) });
  try {
    for (let first = 0; first < size; first += perChunk) {
      const count = Math.min(perChunk, size - first);
      const values = await readValues(op, source, stored, first, count);
      await put(result, values, first, count, device);
    }
    return result;
  } catch (error) {
    result.dispose();
    throw error;
  }
}

/** Writes values into a tensor, and waits for it: not more than one piece is on its way. */
async function put(
  tensor: AnyTensor,
  values: ArrayBufferView,
  first: number,
  count: number,
  device: number,
): Promise<void> {
  const flat = tensor.reshape([tensor.size]);
  const part = flat.slice(first, first + count);
  const piece = fromHost(values, tensor.dtype, [count], count, device);
  const last = part.slice(count - 1);
  try {
    part.copy_(piece);
    await last.data();
  } finally {
    for (const handle of [flat, part, piece, last]) handle.dispose();
  }
}

async function readValues(
  op: string,
  source: ByteSource,
  { element, littleEndian, what }: StoredTensor,
  first: number,
  count: number,
): Promise<TypedArrayOf<AnyTensor['dtype']>> {
  const { bytes, dtype, convert, check } = element;
  const begin = source.position;
  const raw = hostBuffer(op, count * bytes);
  await source.read(new Uint8Array(raw));
  if (littleEndian !== littleEndianHost) swapBytes(new Uint8Array(raw), bytes);
  const target = convert === undefined ? raw : hostBuffer(op, count * bytesPerElement(dtype));
  const bad = convert?.(raw, target, count) ?? check?.(new Uint8Array(raw)) ?? -1;
  if (bad >= 0) {
    throw source.fail(
      `${what}: element ${first + bad} (${element.name} at byte ${begin + bad * bytes}) is ` +
        `${element.show?.(raw, bad)}; ${element.limit}`,
    );
  }
  return viewAs(dtype, target);
}

/** Reads tensors one after the other; where one fails, those before it are disposed. */
export async function collect<T>(
  items: readonly T[],
  read: (item: T) => Promise<[name: string, tensor: AnyTensor]>,
): Promise<Record<string, AnyTensor>> {
  const loaded: [string, AnyTensor][] = [];
  try {
    for (const item of items) loaded.push(await read(item));
    return Object.fromEntries(loaded);
  } catch (error) {
    for (const [, tensor] of loaded) tensor.dispose();
    throw error;
  }
}

/** An object of tensors that have not been disposed. */
export function expectNamedTensors(op: string, name: string, value: unknown): asserts value is NamedTensors {
  const prototype = value !== null && typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  if (prototype !== null && prototype !== Object.prototype) {
    throw new ArgumentError(`${op}: ${name} must be an object of tensors by name, given ${describe(value)}`);
  }
  for (const [key, tensor] of Object.entries(value as object)) {
    if (/\p{Surrogate}/u.test(key)) {
      throw new ArgumentError(`${op}: ${name} has a name that is no well-formed Unicode, ${JSON.stringify(key)}`);
    }
    expectTensor(op, `${name}['${key}']`, tensor);
  }
}

/** A copy with memory of its own, of which no tape knows. */
export function copyOf(tensor: AnyTensor): AnyTensor {
  const handle = tensor.detach();
  try {
    return handle.clone();
  } finally {
    handle.dispose();
  }
}

/** A tensor's values as of the moment this was made, for a file. */
export class Snapshot {
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly #version: number | undefined;

  /**
   * @param tensor Owned by this object, which disposes it.
   * @param shared The memory is that of a caller's tensor: it must not be written to before all of it has been read.
   */
  private constructor(
    private readonly op: string,
    private readonly name: string,
    readonly tensor: AnyTensor,
    shared: boolean,
  ) {
    this.shape = tensor.shape;
    this.bytes = tensor.size * bytesPerElement(tensor.dtype);
    if (shared) this.#version = this.#currentVersion();
  }

  /** @param name As in messages. */
  static of(op: string, name: string, tensor: AnyTensor, copy: boolean): Snapshot {
    // Kept: a scope around the call ends long before the file is written.
    return new Snapshot(op, name, keep(copy ? copyOf(tensor) : tensor.detach()), !copy);
  }

  /** Snapshots by name, of all or, where memory runs out, of none. */
  static ofAll(op: string, tensors: NamedTensors, copy: boolean): Map<string, Snapshot> {
    const made = new Map<string, Snapshot>();
    try {
      for (const [name, tensor] of Object.entries(tensors)) {
        made.set(name, Snapshot.of(op, `tensors['${name}']`, tensor, copy));
      }
      return made;
    } catch (error) {
      for (const snapshot of made.values()) snapshot.dispose();
      if (!(error instanceof OutOfMemoryError)) throw error;
      throw new OutOfMemoryError(
        `${op}: there is no memory for copies of the tensors, which are made so that they may change while the file is ` +
          `written; snapshot: false saves without copies (${error.message})`,
      );
    }
  }

  #currentVersion(): number {
    return native.version(this.tensor._slot, this.tensor._generation);
  }

  /**
   * The values' bytes in little-endian order, in pieces, each a new array.
   *
   * @throws The error of the operation that made the values, if it failed; ArgumentError where a shared tensor was written to.
   */
  async *pieces(pieceBytes: number = chunkBytes): AsyncGenerator<Uint8Array> {
    const perElement = bytesPerElement(this.tensor.dtype);
    const step = pieceBytes / perElement;
    const { size } = this.tensor;
    for (let first = 0; first < size; first += step) {
      const values = await this.#read(first, Math.min(step, size - first));
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      if (!littleEndianHost) swapBytes(bytes, perElement);
      yield bytes;
    }
  }

  #read(first: number, count: number): Promise<TypedArrayOf<AnyTensor['dtype']>> {
    const flat = this.tensor.reshape([this.tensor.size]);
    const part = flat.slice(first, first + count);
    try {
      const values = part.data();
      // Reads and writes keep their order: what was enqueued before a write has the values before it.
      if (this.#version !== undefined && this.#currentVersion() !== this.#version) {
        values.catch(() => {});
        throw new ArgumentError(
          `${this.op}: ${this.name} (${this.tensor.dtype} ${shapeText(this.shape)}) was written to while it was saved ` +
            'with snapshot: false; nothing is saved',
        );
      }
      return values;
    } finally {
      part.dispose();
      flat.dispose();
    }
  }

  dispose(): void {
    this.tensor.dispose();
  }
}

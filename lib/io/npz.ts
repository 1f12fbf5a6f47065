import { Readable } from 'node:stream';
import { expectBoolean, expectOptions } from '../check';
import { deviceOption } from '../deviceTable';
import { ArgumentError } from '../errors';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import { replaceFile } from './atomicFile';
import { readNpy } from './npy';
import { formatNpyHeader } from './npyHeader';
import { type LoadNamedOptions, namesOption, type SaveOptions, snapshotOption } from './options';
import { expectPath, type FilePath, withFile } from './source';
import { collect, expectNamedTensors, type NamedTensors, Snapshot } from './tensorData';
import { type Member, readMember, readMembers, zipReader, zipWriter } from './zip';

/** Options of `saveNpz()`. */
export interface NpzOptions extends SaveOptions {
  /** Whether the data are compressed (deflate), as `numpy.savez_compressed()` does; false by default. */
  compress?: boolean;
}

const suffix = '.npy';

/** Bytes that a zip file keeps for a name. */
const longestName = 65_535;

function expectMemberNames(op: string, tensors: NamedTensors): void {
  for (const name of Object.keys(tensors)) {
    const parts = name.split('/');
    if (/^[A-Za-z]:|\\/.test(name) || name.startsWith('/') || parts.includes('..') || name.includes('\0')) {
      throw new ArgumentError(`${op}: ${describe(name)} is no relative path, as the names in a zip file are`);
    }
    const bytes = Buffer.byteLength(name + suffix);
    if (bytes > longestName) {
      throw new ArgumentError(
        `${op}: a name with ${suffix} takes ${bytes} bytes, a zip file has room for ${longestName}`,
      );
    }
  }
}

/** Bytes of the pieces that go through a zip file's streams: each is worked on without a turn of the event loop. */
const pieceBytes = 2 ** 18;

async function* npyPieces(snapshot: Snapshot): AsyncGenerator<Uint8Array> {
  yield formatNpyHeader(snapshot.tensor.dtype, snapshot.shape);
  yield* snapshot.pieces(pieceBytes);
  snapshot.dispose();
}

/**
 * Saves tensors in NumPy's .npz format: a zip file with a .npy file per tensor, what `numpy.load()` reads. The values are those
 * of the time of the call; the file appears whole or, when anything fails, not at all, as with `saveSafetensors()`. The same
 * values give the same file: it has no times. Needs the package `yazl`.
 *
 * @param file A path or a `file:` URL; no suffix is added.
 * @param tensors By name; any dtype, shape and device.
 * @returns As that of `saveSafetensors()`.
 * @throws UnsupportedError when `yazl` is not installed; ArgumentError, among others for a name that is an absolute path or has
 *   `..`; DisposedError; OutOfMemoryError when there is no memory for the copies (see `snapshot`).
 */
export function saveNpz(file: FilePath, tensors: NamedTensors, options?: NpzOptions): Promise<void> {
  const op = 'saveNpz';
  const path = expectPath(op, file);
  expectNamedTensors(op, 'tensors', tensors);
  expectMemberNames(op, tensors);
  const given = expectOptions(op, options, ['compress', 'snapshot']);
  const compress = given.compress === undefined ? false : expectBoolean(op, 'compress', given.compress);
  const copy = snapshotOption(op, given.snapshot);
  const yazl = zipWriter(op);
  return write(op, path, Snapshot.ofAll(op, tensors, copy), compress, yazl);
}

/** Local time, as a zip file has it. */
const noTime = new Date(1980, 0, 1);

async function write(
  op: string,
  path: string,
  snapshots: ReadonlyMap<string, Snapshot>,
  compress: boolean,
  { ZipFile }: ReturnType<typeof zipWriter>,
): Promise<void> {
  const opened: Readable[] = [];
  try {
    await replaceFile(op, path, async (output) => {
      const zip = new ZipFile();
      const stream = zip.outputStream as Readable;
      const stop = (error: Error) => stream.destroy(error);
      // The loop below reports an error; what comes after it is of no interest.
      stream.on('error', () => {});
      zip.on('error', stop);
      for (const [name, snapshot] of snapshots) {
        const size = formatNpyHeader(snapshot.tensor.dtype, snapshot.shape).length + snapshot.bytes;
        const settings = { mtime: noTime, forceDosTimestamp: true, mode: 0o100644, compress, size };
        zip.addReadStreamLazy(name + suffix, settings, (give) => {
          const data = Readable.from(npyPieces(snapshot), { objectMode: false, highWaterMark: pieceBytes });
          data.on('error', stop);
          opened.push(data);
          give(null, data);
        });
      }
      zip.end();
      for await (const piece of stream) await output.write(piece);
    });
  } finally {
    for (const data of opened) data.destroy();
    for (const snapshot of snapshots.values()) snapshot.dispose();
  }
}

/**
 * Reads the arrays of a .npz file, which `numpy.savez()` or `savez_compressed()` wrote, by the rules of `loadNpy()`. Needs the
 * package `yauzl`.
 *
 * What a file unpacks to is bounded by the sizes that it states, and these by what its bytes can hold.
 *
 * @param file A path or a `file:` URL.
 * @param options `names` are without `.npy`.
 * @returns Tensors by name, without `.npy`. It rejects as that of `loadNpy()` does, with ArgumentError too when a name is not in
 *   the file.
 * @throws UnsupportedError when `yauzl` is not installed; ArgumentError, DeviceError.
 */
export function loadNpz(file: FilePath, options?: LoadNamedOptions): Promise<Record<string, AnyTensor>> {
  const op = 'loadNpz';
  const path = expectPath(op, file);
  const given = expectOptions(op, options, ['device', 'names']);
  const device = deviceOption(op, given.device);
  const names = namesOption(op, given.names);
  const yauzl = zipReader(op);
  return withFile(op, path, async (input) => {
    const { zip, members } = await readMembers(input, yauzl);
    const chosen = names === undefined ? [...members.values()] : names.map((name) => find(op, path, members, name));
    return collect(chosen, async (member) => {
      const { name } = member;
      if (!name.endsWith(suffix)) throw input.fail(`member ${describe(name)} is no ${suffix} file`);
      const label = `${path}: member ${describe(name)}`;
      const tensor = await readMember(op, input, zip, member, (source) =>
        readNpy(op, source, member.bytes, label, device),
      );
      return [name.slice(0, -suffix.length), tensor];
    });
  });
}

function find(op: string, path: string, members: ReadonlyMap<string, Member>, name: string): Member {
  const member = members.get(name + suffix);
  if (member === undefined) throw new ArgumentError(`${op}: ${path} has no array ${describe(name)}`);
  return member;
}

// The libraries that a device's backend uses where they are found, beside its own kernels.
import { deviceId } from './deviceTable';
import { UnsupportedError } from './errors';
import { type DeviceLibraries, type LibraryInfo, type NativeLibrary, native } from './native';

/** Names of the libraries, as they call themselves, by key of `DeviceLibraries`. */
const names = { cublas: 'cuBLAS' } as const;

/** @internal */
export type LibraryName = keyof typeof names;

const known = new Map<number, readonly NativeLibrary[]>();

/** Looking for them takes time, and happens once. */
function librariesOf(device: number): readonly NativeLibrary[] {
  let libraries = known.get(device);
  if (libraries === undefined) {
    libraries = native.libraries(device);
    known.set(device, libraries);
  }
  return libraries;
}

function publicInfo({ version, path, reason }: NativeLibrary): LibraryInfo {
  return reason === null ? { version: version as string, path: path as string } : { reason };
}

/** What a device has; undefined where its backend uses no libraries. @internal */
export function deviceLibraries(device: number): DeviceLibraries | undefined {
  const libraries = librariesOf(device);
  if (libraries.length === 0) return undefined;
  const info = (name: LibraryName): LibraryInfo =>
    publicInfo(libraries.find((library) => library.name === names[name]) as NativeLibrary);
  return { cublas: info('cublas') };
}

/** Why a library cannot be used on a device; null where it can. @internal */
export function declineLibrary(name: LibraryName, device: number): string | null {
  const library = librariesOf(device).find((one) => one.name === names[name]);
  if (library === undefined) return `${names[name]} is for CUDA devices, given tensors on ${deviceId(device)}`;
  return library.reason === null ? null : `${names[name]} cannot be used on ${deviceId(device)}: ${library.reason}`;
}

/** @throws UnsupportedError where `declineLibrary` has a reason. @internal */
export function expectLibrary(op: string, option: string, name: LibraryName, device: number): void {
  const reason = declineLibrary(name, device);
  if (reason !== null) throw new UnsupportedError(`${op}: ${option} '${name}': ${reason}`);
}

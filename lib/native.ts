import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import bindings from 'bindings';
import { readEnvironment } from './environment';
import { AddonError, errorClasses } from './errors';
import type { NativeAddon } from './nativeTypes';

export type * from './nativeTypes';

/** Checked values of the RECEPTIVE_* variables. @internal */
export const environment = readEnvironment(process.env);

/**
 * Packages that carry a built addon, by platform and processor. The package manager installs the ones that fit (`os`,
 * `cpu` and `libc` of their manifests); the names are literals so that bundlers can see them.
 */
const platformPackages: Readonly<Record<string, readonly [name: string, load: () => unknown][]>> = {
  'linux-x64': [
    ['@receptive/linux-x64', () => require('@receptive/linux-x64')],
    ['@receptive/linuxmusl-x64', () => require('@receptive/linuxmusl-x64')],
  ],
  'linux-arm64': [
    ['@receptive/linux-arm64', () => require('@receptive/linux-arm64')],
    ['@receptive/linuxmusl-arm64', () => require('@receptive/linuxmusl-arm64')],
  ],
};

/** Places where the addon may be, in the order they are tried; RECEPTIVE_ADDON replaces them all. */
function candidates(): readonly (readonly [where: string, load: () => unknown])[] {
  const { addon } = environment;
  if (addon !== undefined) {
    const path =
      addon === 'emulated'
        ? join(__dirname, '..', 'build-emulated', 'Release', 'receptive.node')
        : resolve(process.cwd(), addon);
    return [[`RECEPTIVE_ADDON=${addon}`, () => loadFile(path)]];
  }
  const packages = platformPackages[`${process.platform}-${process.arch}`] ?? [];
  return [...packages, ['local build', () => bindings('receptive')]];
}

function loadFile(path: string): unknown {
  if (!existsSync(path)) throw new Error(`there is no file ${path}`);
  return require(path);
}

/** `linux-x64-glibc`: what a binary must be built for. */
function platform(): string {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  // Costs milliseconds, so only an error message asks.
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const glibc = report?.header?.glibcVersionRuntime;
  return `${process.platform}-${process.arch}-${glibc === undefined ? 'musl' : `glibc ${glibc}`}`;
}

function firstLines(error: unknown): string {
  const { code, tries, message } = error as { code?: string; tries?: readonly string[]; message?: string };
  // `bindings` lists every path it knows; the one that matters is where the build writes.
  if (tries !== undefined) {
    const built = tries.find((path) => path.includes(join('build', 'Release')));
    return `not built (there is no ${built ?? tries[0]})`;
  }
  if (code === 'MODULE_NOT_FOUND') return 'not installed';
  return String(message ?? error).split('\nRequire stack')[0];
}

function loadError(failures: readonly (readonly [where: string, error: unknown])[]): AddonError {
  const lines = [
    `receptive: the native addon could not be loaded on ${platform()}, Node.js ${process.versions.node}.`,
    'Tried:',
    ...failures.map(([where, error]) => `  - ${where}: ${firstLines(error)}`),
    'What helps:',
  ];
  if (environment.addon === 'emulated') lines.push('  - build the emulated addon: npm run build:emulated');
  else if (environment.addon !== undefined) {
    lines.push('  - let RECEPTIVE_ADDON name an addon built for this platform, or unset it to load the usual one');
  } else {
    lines.push(
      `  - build it, in the package's folder ${join(__dirname, '..')}:`,
      '      apt-get install -y g++ make cmake      (Debian, Ubuntu; elsewhere: a C++20 compiler, make and CMake)',
      '      npm run build',
      '  - if node_modules was copied from another system, install again here: npm ci',
    );
  }
  return new AddonError(lines.join('\n'));
}

function load(): NativeAddon {
  const failures: [where: string, error: unknown][] = [];
  for (const [where, loadOne] of candidates()) {
    try {
      const addon = loadOne() as NativeAddon;
      if (typeof addon?.dispatch !== 'function') throw new Error('the module found there is not an addon of receptive');
      return addon;
    } catch (error) {
      // The addon was found and refuses: an environment variable asks for what this machine does not have.
      const { code, message } = error as { code?: string; message: string };
      const errorClass = code === undefined ? undefined : errorClasses[code];
      if (errorClass !== undefined) throw new errorClass(message);
      failures.push([where, error]);
    }
  }
  throw loadError(failures);
}

/** The addon. Loading it starts no thread and prints nothing. @internal */
export const native = load();
native.setErrorClasses(errorClasses);

// The benchmark's C++ programs, built by CMake when they are asked for.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repository } from '../paths';

const folder = join(repository, 'build-bench');

/** A program's path, or why there is none. */
export type Program = { readonly path: string } | { readonly absent: string };

/** Runs CMake: null, or why it failed. */
function cmake(...args: readonly string[]): string | null {
  const { error, status, stdout, stderr } = spawnSync('cmake', args, { cwd: repository, encoding: 'utf8' });
  if (error !== undefined) return 'cmake is not installed';
  if (status === 0) return null;
  const output = `${stdout}${stderr}`.trim();
  // Make's words, and Ninja's.
  if (/No rule to make target|unknown target/.test(output)) return 'what it is built from is not installed';
  const lines = output.split('\n');
  return `it does not build: ${lines.find((line) => /error/i.test(line)) ?? lines.at(-1)}`;
}

let configured: { readonly failure: string | null } | undefined;

/** Builds one of the targets of bench/native/CMakeLists.txt. */
export function buildProgram(target: string): Program {
  configured ??= {
    failure: cmake(
      ...['-S', '.', '-B', folder, '-DCMAKE_BUILD_TYPE=Release'],
      ...['-DRECEPTIVE_BUILD_ADDON=OFF', '-DRECEPTIVE_BUILD_TESTS=OFF', '-DRECEPTIVE_BUILD_BENCH=ON'],
    ),
  };
  const absent = configured.failure ?? cmake('--build', folder, '--target', target);
  return absent === null ? { path: join(folder, 'bench', 'native', target) } : { absent };
}

// The benchmark's C++ programs, built by CMake when they are asked for.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repository } from '../paths';

const folder = join(repository, 'build-bench');

/** A program's path, or why there is none. */
export type Program = { readonly path: string } | { readonly absent: string };

function cmake(args: readonly string[]): { readonly failure: string | null } {
  const { error, status, stdout, stderr } = spawnSync('cmake', args, { cwd: repository, encoding: 'utf8' });
  if (error !== undefined) return { failure: 'cmake is not installed' };
  return { failure: status === 0 ? null : `${stdout}${stderr}`.trim() };
}

let configured: { readonly failure: string | null } | undefined;

/** Builds one of the targets of bench/native/CMakeLists.txt. */
export function buildProgram(target: string): Program {
  configured ??= cmake([
    ...['-S', '.', '-B', folder, '-DCMAKE_BUILD_TYPE=Release'],
    ...['-DRECEPTIVE_BUILD_ADDON=OFF', '-DRECEPTIVE_BUILD_TESTS=OFF', '-DRECEPTIVE_BUILD_BENCH=ON'],
  ]);
  const failure = configured.failure ?? cmake(['--build', folder, '--target', target]).failure;
  if (failure === null) return { path: join(folder, 'bench', 'native', target) };
  const lines = failure.split('\n');
  // Make's words, and Ninja's.
  if (/No rule to make target|unknown target/.test(failure))
    return { absent: 'what it is built from is not installed' };
  return { absent: `it does not build: ${lines.find((line) => /error/i.test(line)) ?? lines.at(-1)}` };
}

// Formatting, lint rules and types of everything that is kept in the repository.
//
//   npm run lint      checks, lists what failed, exits with 1 if anything did
//   npm run lint -- --tidy    also runs clang-tidy on the sources that are compiled once (a minute; needs a build)
//   npm run format    writes what can be fixed by itself: layout of TypeScript, JavaScript, JSON and C++, import order, safe rules
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const fix = process.argv.includes('--fix');
const tidy = process.argv.includes('--tidy');

// clang-format lays out the same code differently from one major version to the next, so one is fixed: that of Debian 12.
const clangFormatMajor = 14;

/** Runs a program in the repository's root: `{ ok, output }`. */
function run(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
}

/** A program of a development dependency. */
const runModule = (path, args) => run(process.execPath, [join(root, 'node_modules', path), ...args]);

function biome() {
  return runModule('@biomejs/biome/bin/biome', ['check', ...(fix ? ['--write'] : []), '--max-diagnostics=200']);
}

/** Tracked and new files of the C++ rooms, without generated ones. */
function cppFiles() {
  const { output } = run('git', ['ls-files', '--cached', '--others', '--exclude-standard']);
  return output.split('\n').filter((file) => /\.(h|cpp|cu)$/.test(file) && existsSync(join(root, file)));
}

function findClangFormat() {
  return [`clang-format-${clangFormatMajor}`, 'clang-format'].find((command) =>
    run(command, ['--version']).output.includes(`version ${clangFormatMajor}.`),
  );
}

function clangFormat() {
  const command = findClangFormat();
  if (command === undefined) {
    return {
      ok: false,
      output: `clang-format ${clangFormatMajor} is not installed. Debian 12: apt-get install -y clang-format-${clangFormatMajor}; elsewhere: pip install clang-format==${clangFormatMajor}.0.6\n`,
    };
  }
  const files = cppFiles();
  const { output } = run(command, [...(fix ? ['-i'] : ['--dry-run']), ...files]);
  // A count per file says more than a diagnostic per line.
  const counts = new Map();
  for (const [, file] of output.matchAll(/^(\S+?):\d+:\d+: warning: code should be clang-formatted/gm)) {
    counts.set(file, (counts.get(file) ?? 0) + 1);
  }
  if (counts.size === 0) return { ok: output === '', output };
  const lines = [...counts].map(([file, count]) => `${file}: ${count} places are not formatted`);
  return { ok: false, output: `${lines.join('\n')}\nnpm run format lays them out\n` };
}

function clangTidy() {
  if (!existsSync(join(root, 'build', 'compile_commands.json'))) {
    return { ok: false, output: 'there is no build/compile_commands.json: npm run build:native writes it\n' };
  }
  const files = cppFiles().filter((file) => /^native\/(core|cpu|addon|mpi|no_cuda)\/\w+\.cpp$/.test(file));
  return run('clang-tidy', ['-p', 'build', '--quiet', ...files]);
}

/** tsc without output. The rest of the repository imports the built package, so its declarations must be there. */
function types(project) {
  return () => {
    if (project !== 'tsconfig.json' && !existsSync(join(root, 'dist', 'index.d.mts'))) {
      const built = run('npm', ['run', '--silent', 'build:ts']);
      if (!built.ok) return built;
    }
    return runModule('typescript/bin/tsc', ['-p', project, '--noEmit', '--incremental', 'false', '--pretty', 'false']);
  };
}

const checks = [
  ['biome: layout and rules of TypeScript, JavaScript and JSON', biome],
  ['clang-format: layout of C++', clangFormat],
  ...(fix
    ? []
    : [
        ['types: lib', types('tsconfig.json')],
        ['types: test', types('test/tsconfig.json')],
        ['types: examples', types('examples/tsconfig.json')],
        ['types: bench', types('bench/tsconfig.json')],
      ]),
  ...(tidy ? [['clang-tidy: sources that are compiled once', clangTidy]] : []),
];

const failed = [];
for (const [name, check] of checks) {
  const { ok, output } = check();
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`);
  if (ok) continue;
  failed.push(name);
  console.log(output.trimEnd());
}
if (failed.length > 0) {
  console.log(
    `lint: ${failed.length} of ${checks.length} checks failed:\n${failed.map((name) => `  ${name}`).join('\n')}`,
  );
  process.exitCode = 1;
} else {
  console.log(`lint: ${checks.length} checks passed`);
}

// Reads the objects of the CPU targets and fails on a symbol that two targets could share. A function with external linkage
// that is compiled under two -march flags is merged by the linker, and an old processor then meets a newer one's
// instructions (native/core/target.h). So every symbol that such an object defines lies in its target's namespace, and what
// it calls is there too, or a C function of this list.
//
//   node test/native/checkSymbols.mjs [build folder = build]
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const build = process.argv[2] ?? 'build';
// What compilers call by themselves (for arm64 also libgcc's atomics, which ask the processor first), and the runtime of
// sanitizers and of position-independent code.
const allowedCalls =
  /^(mem(cpy|set|move|cmp)|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__aarch64_(swp|cas|ld\w+)\d\w+|__(asan|ubsan|tsan)_\w+|__gcov\w*)$/;
// Defined in every object of a sanitizer build, not from our sources.
const allowedDefinitions = /^(DW\.ref\.|_sub_[ID]_|__(asan|odr_asan|tsan)\b|__odr_asan)/;

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return /\.(o|obj)$/.test(entry.name) ? [path] : [];
  });
}

/** `[name, type]` of each symbol; lower-case types are local to the object, but for the weak and unique ones. */
function symbols(file) {
  const text = execFileSync('nm', ['--format=posix', file], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
}

function strays(file, target) {
  const namespace = `9receptive${target.length}${target}`;
  return symbols(file).flatMap(([name, type]) => {
    if (name.includes(namespace)) return [];
    if (type === 'U') return allowedCalls.test(name) ? [] : [`calls ${name}`];
    const shared = /[A-Zuvw]/.test(type);
    return shared && !allowedDefinitions.test(name) ? [`defines ${name} (${type})`] : [];
  });
}

const root = join(build, 'CMakeFiles');
const targets = existsSync(root)
  ? readdirSync(root).flatMap((name) => /^receptive_(x86_64\w*|arm64)\.dir$/.exec(name)?.[1] ?? [])
  : [];
if (targets.length === 0) {
  console.error(`${build} has no objects of CPU targets: build the addon or the C++ tests there first`);
  process.exit(2);
}
let objects = 0;
const found = new Set();
for (const target of targets) {
  for (const file of files(join(root, `receptive_${target}.dir`))) {
    objects++;
    for (const stray of strays(file, target)) found.add(`${target}: ${file}\n    ${stray}`);
  }
}
if (objects === 0) found.add(`${targets.join(', ')}: no object files in ${build}`);
if (found.size > 0) {
  console.error(`${found.size} symbols outside their target's namespace:\n  ${[...found].join('\n  ')}`);
  process.exit(1);
}
console.log(`${objects} objects of ${targets.join(', ')}: every symbol is in its target's namespace`);

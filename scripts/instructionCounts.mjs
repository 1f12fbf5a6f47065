// Counts the instructions of a few kernels, which repeat from run to run where times do not, and compares with the
// recorded counts in bench/instructionCounts.json:
//
//   node scripts/instructionCounts.mjs [FOLDER]           compares; exits with 1 where a count differs by more than 3%
//   node scripts/instructionCounts.mjs [FOLDER] --write   records what is counted now
//
// Two kinds: executed instructions of bench/native/instruction_counts.cpp under callgrind, for the targets that
// valgrind runs (it has no AVX-512), and the instructions of the GEMM micro-kernels' main loops, from the disassembled
// objects of x86-64-v4. FOLDER is where the kernels are built (build-bench if left out). Counts belong to a compiler,
// so another major version than the recorded one is skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const recordFile = join(root, 'bench', 'instructionCounts.json');
const executedTargets = ['x86-64', 'x86-64-v3'];
const disassembledTarget = 'x86-64-v4';
const compilerMajor = '12';
const tolerance = 0.03;

const write = process.argv.includes('--write');
const folder = process.argv.slice(2).find((text) => !text.startsWith('--')) ?? 'build-bench';

/** Ends the script: not a failure, but nothing was compared. */
function skip(reason) {
  console.log(`skip: ${reason}\nreport: skipped, ${reason}`);
  process.exit(0);
}

/** Runs a program in the repository's root and returns its output; ends the script when it fails. */
function run(command, args, env = {}) {
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28, env: { ...process.env, ...env } };
  const { status, error, stdout, stderr } = spawnSync(command, args, options);
  if (!error && status === 0) return stdout;
  console.error(`${[command, ...args].join(' ')}\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  process.exit(1);
}

const isInstalled = (command) => spawnSync(command, ['--version']).status === 0;

function configure() {
  // A folder that is configured already keeps what it is for.
  const isNew = !existsSync(join(root, folder, 'CMakeCache.txt'));
  const options = isNew ? ['-DCMAKE_BUILD_TYPE=Release', '-DRECEPTIVE_BUILD_ADDON=OFF'] : [];
  run('cmake', ['-S', '.', '-B', folder, ...options, '-DRECEPTIVE_BUILD_BENCH=ON']);
  const compiler = /^CMAKE_CXX_COMPILER:\w+=(.*)$/m.exec(readFileSync(join(root, folder, 'CMakeCache.txt'), 'utf8'))[1];
  const isGcc = run(compiler, ['--version']).includes('Free Software Foundation');
  const version = run(compiler, ['-dumpversion']).trim();
  if (!isGcc || version.split('.')[0] !== compilerMajor) {
    skip(`counts are those of g++ ${compilerMajor}, this compiler is ${isGcc ? 'g++ ' : 'no g++, '}${version}`);
  }
}

/** Executed instructions of each case, by its name. */
function executed(target) {
  const scratch = mkdtempSync(join(tmpdir(), 'receptive-callgrind-'));
  try {
    const options = [
      '--toggle-collect=measured',
      '--dump-after=measured',
      `--callgrind-out-file=${join(scratch, 'out')}`,
    ];
    const program = join(folder, 'bench', 'native', 'instruction_counts');
    const names = run('valgrind', ['--tool=callgrind', ...options, program], { RECEPTIVE_CPU_TARGET: target })
      .trim()
      .split('\n');
    const totals = readdirSync(scratch)
      .filter((file) => /^out\.\d+$/.test(file))
      .sort((a, b) => Number(a.slice(4)) - Number(b.slice(4)))
      .map((file) => Number(/^totals: (\d+)/m.exec(readFileSync(join(scratch, file), 'utf8'))[1]));
    if (totals.length !== names.length)
      throw new Error(`${names.length} cases, but ${totals.length} counts of ${target}`);
    return Object.fromEntries(names.map((name, i) => [name, totals[i]]));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** What an instruction is to a micro-kernel; its operands are in AT&T's order, the destination last. */
function kindOf(text) {
  if (/^vf(n?m)(add|sub)/.test(text)) return /\(/.test(text) ? 'multiplyAddFromMemory' : 'multiplyAdd';
  if (/^vbroadcast/.test(text)) return 'broadcast';
  if (/^v?mov.*\),%[xyz]mm/.test(text)) return 'load';
  if (/^v?mov.*%[xyz]mm\d+,.*\(/.test(text)) return 'store';
  return 'other';
}

/** Instructions of the innermost loop with the most multiply-adds, by kind; null where a function has none. */
function mainLoop(lines) {
  const loops = lines.flatMap(({ address, text }, end) => {
    const target = /^j\w+\s+([0-9a-f]+)/.exec(text)?.[1];
    const begin = target === undefined ? -1 : lines.findIndex((line) => line.address === Number.parseInt(target, 16));
    if (begin < 0 || lines[begin].address > address) return [];
    const counts = {};
    for (const line of lines.slice(begin, end + 1)) {
      const kind = kindOf(line.text);
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return [{ counts, products: (counts.multiplyAdd ?? 0) + (counts.multiplyAddFromMemory ?? 0), length: end - begin }];
  });
  const [best] = loops.sort((a, b) => b.products - a.products || a.length - b.length);
  return best === undefined || best.products === 0 ? null : best.counts;
}

/** Main loops of the float32 micro-kernels, `micro_kernel<float, 3>: load` and so on. */
function disassembled() {
  const object = join(folder, 'CMakeFiles', 'receptive_x86_64_v4.dir', 'generated', 'conv2d.cpp.o');
  const text = run('objdump', ['-d', '-C', '--no-show-raw-insn', object]);
  const counts = {};
  for (const part of text.split(/\n(?=[0-9a-f]{16} <)/)) {
    const name = /<.*\b(micro_kernel\w*<float[^>]*>)/.exec(part.split('\n')[0])?.[1];
    if (name === undefined) continue;
    const lines = [...part.matchAll(/^\s*([0-9a-f]+):\t(.*)$/gm)].map(([, address, instruction]) => ({
      address: Number.parseInt(address, 16),
      text: instruction.trim(),
    }));
    for (const [kind, count] of Object.entries(mainLoop(lines) ?? {})) counts[`${name}: ${kind}`] = count;
  }
  return counts;
}

/** Differences from the recorded counts, as lines of text. */
function compare(recorded, counted) {
  return Object.entries(counted).flatMap(([target, counts]) => {
    const before = recorded[target] ?? {};
    const gone = Object.keys(before).filter((name) => !(name in counts));
    return [
      ...gone.map((name) => `${target}, ${name}: recorded, but not counted any more`),
      ...Object.entries(counts).flatMap(([name, count]) => {
        if (!(name in before)) return [`${target}, ${name}: ${count}, not recorded`];
        const change = count / before[name] - 1;
        if (Math.abs(change) <= tolerance) return [];
        return [`${target}, ${name}: ${count}, recorded ${before[name]} (${(100 * change).toFixed(1)}%)`];
      }),
    ];
  });
}

for (const command of ['cmake', 'valgrind', 'objdump']) if (!isInstalled(command)) skip(`${command} is not installed`);
if (process.arch !== 'x64') skip('the recorded counts are those of x86-64');
configure();
run('cmake', ['--build', folder, '--parallel', '2', '--target', 'instruction_counts']);
const current = Object.fromEntries([
  ...executedTargets.map((target) => [target, executed(target)]),
  [disassembledTarget, disassembled()],
]);
const total = Object.values(current).reduce((sum, counts) => sum + Object.keys(counts).length, 0);

if (write) {
  const compiler = `g++ ${compilerMajor}`;
  writeFileSync(recordFile, `${JSON.stringify({ compiler, counts: current }, null, 2)}\n`);
  console.log(`${recordFile}: ${total} counts written`);
} else {
  const recorded = existsSync(recordFile) ? JSON.parse(readFileSync(recordFile, 'utf8')).counts : {};
  const differences = compare(recorded, current);
  for (const line of differences) console.error(line);
  if (differences.length > 0) {
    console.error(
      `instructionCounts: where that is meant, record it: node scripts/instructionCounts.mjs ${folder} --write`,
    );
    process.exitCode = 1;
  } else {
    console.log(`report: ${total} counts within ${100 * tolerance}%`);
  }
}

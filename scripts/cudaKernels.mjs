// Registers, shared memory, spills and theoretical occupancy of the CUDA kernels, from the log of a build with
// CUDAFLAGS='-Xptxas -v'. Fails on a kernel that spills registers.
//
//   node scripts/cudaKernels.mjs build.log              a summary, and the kernels that spill
//   node scripts/cudaKernels.mjs build.log --table      the table of native/cuda/KERNELS.md: products, convolutions and windows
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// Of a multiprocessor: registers, bytes of shared memory for all blocks, threads, blocks (CUDA C++ Programming Guide, "Technical
// Specifications per Compute Capability"). A block's shared memory counts 1 KiB more from 8.0 on.
const limits = {
  75: { registers: 65536, shared: 65536, threads: 1024, blocks: 16 },
  80: { registers: 65536, shared: 167936, threads: 2048, blocks: 32 },
  86: { registers: 65536, shared: 102400, threads: 1536, blocks: 16 },
  89: { registers: 65536, shared: 102400, threads: 1536, blocks: 24 },
  90: { registers: 65536, shared: 233472, threads: 2048, blocks: 32 },
  100: { registers: 65536, shared: 233472, threads: 2048, blocks: 32 },
  120: { registers: 65536, shared: 102400, threads: 1536, blocks: 24 },
};

/** The text with C++ names in place of the linker's. */
function demangle(text) {
  const { status, error, stdout } = spawnSync('c++filt', [], { input: text, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error || status !== 0) throw new Error(`c++filt: ${error?.message ?? `exit status ${status}`}`);
  return stdout;
}

/** `{ name, architecture, registers, shared, stack, spillStores, spillLoads }` of each kernel; sizes are bytes. */
function kernelsIn(text) {
  const kernels = [];
  for (const line of demangle(text).split('\n')) {
    const entry = line.match(/Compiling entry function '(.*)' for '(sm_\w+)'/);
    const memory = line.match(/(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/);
    const used = line.match(/Used (\d+) registers/);
    const kernel = kernels.at(-1);
    if (entry) kernels.push({ name: entry[1], architecture: entry[2] });
    else if (memory && kernel !== undefined && kernel.stack === undefined) {
      Object.assign(kernel, { stack: +memory[1], spillStores: +memory[2], spillLoads: +memory[3] });
    } else if (used && kernel) {
      kernel.registers = +used[1];
      kernel.shared = Number(line.match(/(\d+) bytes smem/)?.[1] ?? 0);
    }
  }
  return kernels;
}

/** A kernel's name without namespaces and parameters: `rows_kernel<Im2ColBody<float, 1>>`. */
function shortName(name) {
  const plain = name
    .replace(/\(anonymous namespace\)::/g, '')
    .replace(/\b\w+::/g, '')
    .replace(/^void /, '');
  const end = plain.lastIndexOf('>(') + 1;
  return (end > 0 ? plain.slice(0, end) : plain.replace(/\(.*/, '')).replace(/ >/g, '>');
}

/** The tile of a product, from its type in native/cuda/gemm_kernel.h; undefined for other kernels. */
function tileOf(name) {
  const tile = name.match(/\bTile<(\w+), (\d+), (\d+), (\d+), (\d+), \d+>, (.*)>$/);
  if (tile === null) return undefined;
  const [type, problem] = [tile[1], tile[6]];
  const [down, across, warpsDown, warpsAcross] = tile.slice(2, 6).map(Number);
  const vector = type === 'double' ? 2 : 4;
  return {
    ...{ problem, rows: 4 * vector * down * warpsDown, columns: 8 * vector * across * warpsAcross },
    threads: 32 * warpsDown * warpsAcross,
  };
}

/** Threads of a block, as the kernel's launch bounds have them. */
const threadsOf = (name) => tileOf(name)?.threads ?? 256;

function title(name) {
  const tile = tileOf(name);
  return tile ? `\`${tile.problem}\`, ${tile.rows}x${tile.columns}` : `\`${name}\``;
}

/** The part of a multiprocessor's threads that can be resident at once. */
function occupancy({ name, architecture, registers, shared }) {
  const number = Number(architecture.match(/\d+/)[0]);
  const of = limits[number];
  if (of === undefined) return undefined;
  const threads = threadsOf(name);
  const warpRegisters = Math.ceil((registers * 32) / 256) * 256; // handed out in pieces
  const blocks = Math.min(
    of.blocks,
    Math.floor(of.threads / threads),
    Math.floor(of.registers / warpRegisters / (threads / 32)),
    Math.floor(of.shared / (shared + (number >= 80 ? 1024 : 0) || 1)),
  );
  return (blocks * threads) / of.threads;
}

const [log, ...flags] = process.argv.slice(2);
if (log === undefined) {
  console.error('cudaKernels: give the log of a build');
  process.exit(1);
}
const all = kernelsIn(readFileSync(log, 'utf8')).map((kernel) => ({ ...kernel, name: shortName(kernel.name) }));
if (all.length === 0) {
  console.error(`cudaKernels: ptxas names no kernel in ${log}; CUDAFLAGS='-Xptxas -v' makes it do so`);
  process.exit(1);
}
if (flags.includes('--table')) {
  const main = all.filter(({ name }) => /^(gemm_kernel|direct_|\w+_kernel<(Im2Col|MaxPool|AvgPool))/.test(name));
  console.log(
    '| kernel | architecture | threads | registers | shared memory | stack | occupancy |\n|---|---|---|---|---|---|---|',
  );
  for (const kernel of main.sort(
    (a, b) => a.name.localeCompare(b.name) || a.architecture.localeCompare(b.architecture),
  )) {
    const { name, architecture, registers, shared, stack } = kernel;
    const share = `${Math.round(100 * occupancy(kernel))}%`;
    console.log(
      `| ${title(name)} | ${architecture} | ${threadsOf(name)} | ${registers} | ${shared} | ${stack} | ${share} |`,
    );
  }
}
const spilling = all.filter(({ spillStores, spillLoads }) => spillStores + spillLoads > 0);
const most = all.reduce((max, { registers }) => Math.max(max, registers), 0);
const onStack = all.filter(({ stack }) => stack > 0);
for (const { name, architecture, spillStores, spillLoads } of spilling) {
  console.log(`spills: ${name} for ${architecture}, ${spillStores} bytes stored, ${spillLoads} loaded`);
}
for (const { name, architecture, stack } of onStack) console.log(`stack: ${name} for ${architecture}, ${stack} bytes`);
console.log(
  `report: ${all.length} kernels, at most ${most} registers, ${spilling.length} spill, ${onStack.length} use a stack`,
);
process.exit(spilling.length > 0 ? 1 : 0);

// Compiles the window bodies (im2col, max pooling) for a GPU with nvcc, prints registers, stack and spills of each kernel as
// ptxas reports them, and runs the program, which compares the kernels with plain loops where there is a device. With
// CUEMU_HOME set it runs under the emulator there.
//
//   node scripts/cudaRows.mjs [sm_90]
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCompiler, noCompiler } from './cudaToolkit.mjs';
import { kernelsIn, shortName } from './ptxasReport.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build', 'cuda-rows');

/** Runs a program and returns its output; ends this script with its output when it fails. */
function run(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
  if (error || status !== 0) {
    console.error(`${[command, ...args].join(' ')}\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
    process.exit(1);
  }
  return { stdout, stderr };
}

/** `Im2ColBody<float, 1>` of a kernel's full name. */
const bodyName = (name) => shortName(name).match(/_kernel<(.*)>$/)?.[1] ?? shortName(name);

const architecture = process.argv[2] ?? 'sm_90';
if (!/^sm_\d+a?$/.test(architecture)) {
  console.error(`cudaRows: the architecture must look like sm_90, given '${architecture}'`);
  process.exit(1);
}
const compiler = findCompiler();
if (compiler === undefined) {
  console.error(`cudaRows: ${noCompiler}`);
  process.exit(1);
}

const emulator = process.env.CUEMU_HOME;
const program = join(folder, 'rows_bodies');
mkdirSync(folder, { recursive: true });
const { stdout, stderr } = run(compiler, [
  ...['-std=c++20', '-O3', `-arch=${architecture}`, '-lineinfo', '-cudart', emulator ? 'shared' : 'static'],
  ...['-DRECEPTIVE_TARGET=cuda', '-Inative', '-Inative/cuda'],
  // 1675: nvcc does not know `#pragma GCC unroll`, which is for the CPU's compiler.
  ...['-diag-suppress', '1675', '-Werror', 'all-warnings', '-Xcompiler', '-Wall,-Wextra,-Werror', '-Xptxas', '-v'],
  ...['-o', program, 'test/tools/cuda/rows_bodies.cu'],
]);
const kernels = kernelsIn(stdout + stderr).map((kernel) => ({ ...kernel, name: bodyName(kernel.name) }));
if (kernels.length === 0) {
  console.error(`cudaRows: ptxas named no kernel\n${stdout}${stderr}`);
  process.exit(1);
}
console.log(`${architecture}: registers, bytes of stack, bytes of spill stores and loads`);
for (const { name, registers, stack, spillStores, spillLoads } of kernels.sort((a, b) =>
  a.name.localeCompare(b.name),
)) {
  console.log(
    `${name.padEnd(34)} ${[registers, stack, spillStores, spillLoads].map((n) => String(n).padStart(5)).join('')}`,
  );
}

const result = emulator
  ? run(join(emulator, 'cuemu'), ['run', '--error-exit', '9', '--', program], {
      env: { CUEMU_CC: architecture.match(/\d+/)[0], ...process.env },
    })
  : run(program, []);
process.stdout.write(result.stdout);

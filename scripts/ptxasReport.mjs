// What ptxas reports of kernels with `-Xptxas -v`.
import { spawnSync } from 'node:child_process';

/** The text with C++ names in place of the linker's. */
function demangle(text) {
  const { status, error, stdout } = spawnSync('c++filt', [], { input: text, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error || status !== 0) throw new Error(`c++filt: ${error?.message ?? `exit status ${status}`}`);
  return stdout;
}

/** `{ name, architecture, registers, shared, stack, spillStores, spillLoads }` of each kernel; sizes are bytes. */
export function kernelsIn(text) {
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
export function shortName(name) {
  const plain = name
    .replace(/\(anonymous namespace\)::/g, '')
    .replace(/\b\w+::/g, '')
    .replace(/^void /, '');
  const end = plain.lastIndexOf('>(') + 1;
  return (end > 0 ? plain.slice(0, end) : plain.replace(/\(.*/, '')).replace(/ >/g, '>');
}

// Where the CUDA toolkit is, for the scripts that need it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The CUDA compiler: on PATH, or in the toolkit that CUDA_HOME, CUDA_PATH or the usual place names; undefined: none. */
export function findCompiler() {
  const toolkits = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'];
  const paths = toolkits.filter((home) => home).map((home) => join(home, 'bin', 'nvcc'));
  const onPath = spawnSync('nvcc', ['--version']).status === 0;
  return onPath ? 'nvcc' : paths.find((path) => existsSync(path));
}

export const noCompiler = 'no nvcc on PATH; install the CUDA toolkit, or let CUDA_HOME name it';

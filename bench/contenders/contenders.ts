// Who can be measured: receptive itself, its peers, and the machine's own limit.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NetMode } from '../nets/task';
import { benchFolder } from '../paths';
import { installCommand, isInstalled } from './modules';
import { buildProgram } from './nativePrograms';
import type { Task } from './protocol';

/** A program that computes tasks, see protocol.ts. */
export interface Contender {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Arguments and environment of the program for a task, besides the task itself. */
  readonly environment?: (task: Task) => Readonly<Record<string, string>>;
  /** Why it does not compute a task, known without starting it. */
  readonly declines?: (task: Task) => string | null;
}

/** A contender that is not there, and why. */
export interface Absent {
  readonly name: string;
  readonly absent: string;
}

/** One of the compiled files of this folder, run by Node.js. */
const script = (name: string, file: string): Contender => ({
  name,
  command: process.execPath,
  args: [join(__dirname, file)],
});

export const receptive: Contender = script('receptive', 'receptive.js');

const forwardOnly = ({ direction }: Task): string | null => (direction === 'fwd' ? null : 'it has no such gradient');

/** A peer that is a package of bench/package.json. */
function packaged(name: string, file: string, packages: readonly string[]): Contender | Absent {
  const missing = packages.filter((wanted) => !isInstalled(wanted));
  if (missing.length > 0) return { name, absent: `${missing.join(' and ')} not installed: ${installCommand}` };
  return { ...script(name, file), declines: forwardOnly };
}

function oneDnn(name: string): Contender | Absent {
  const program = buildProgram('onednn_driver');
  if ('absent' in program) return { name, absent: `${program.absent} (Debian: libdnnl-dev, g++, make, cmake)` };
  const environment = ({ threads }: Task): Record<string, string> => ({ OMP_NUM_THREADS: String(threads) });
  return { name, command: program.path, args: [], environment };
}

function pyTorch(name: string, file: string): Contender | Absent {
  // The system's own Python has Debian's packages, where another one comes first on PATH.
  const interpreters = ['python3', '/usr/bin/python3'].filter((path) => !path.startsWith('/') || existsSync(path));
  const command = interpreters.find((python) => spawnSync(python, ['-c', 'import torch']).status === 0);
  if (command === undefined) return { name, absent: 'no Python 3 with torch (Debian: python3-torch)' };
  return { name, command, args: [join(benchFolder, file)] };
}

/** The peers, by the names that --peers takes; each call looks whether it is there. */
export const peers: Readonly<Record<string, (name: string) => Contender | Absent>> = {
  ort: (name) => packaged(name, 'onnxruntime.js', ['onnxruntime-node', 'protobufjs']),
  'tfjs-wasm': (name) => packaged(name, 'tfjsWasm.js', ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm']),
  onednn: oneDnn,
  pytorch: (name) => pyTorch(name, 'contenders/torch_conv.py'),
};

/** receptive as a contender of whole nets. */
export const receptiveNet: Contender = script('receptive', '../nets/receptiveNet.js');

/** The peers of whole nets; those that cannot train have no step to compare. */
export const netPeers: Readonly<Record<string, (name: string, mode: NetMode) => Contender | Absent>> = {
  ort: (name, mode) =>
    mode === 'training'
      ? { name, absent: 'it does not train' }
      : packaged(name, '../nets/onnxruntimeNet.js', ['onnxruntime-node', 'protobufjs']),
  pytorch: (name) => pyTorch(name, 'nets/torch_net.py'),
};

/**
 * What the machine can do at most, as a contender whose runs have operations of their own: multiply-adds in registers
 * for the CPU target in use, or bytes read and written by a copy beyond the caches.
 */
export function machineLimit(measure: 'fma' | 'copy', target: string): Contender | Absent {
  const name = `peak (${measure})`;
  const program = buildProgram(`machine_peak_${target.replaceAll('-', '_')}`);
  if ('absent' in program) return { name, absent: program.absent };
  return { name, command: program.path, args: [`measure=${measure}`] };
}

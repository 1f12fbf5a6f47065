// Builds the addon with CUDA and runs, on cuda:0, the tests that are written for every device.
//
//   npm run test:cuda                    all of them, once
//   npm run test:cuda -- --thorough      with the race detector, and in three orders of threads (emulator only)
//   npm run test:cuda -- test/ops/pool   those whose path begins so
//   npm run test:cuda -- --addon=build-emulated/Release/receptive.node
//                                        with an addon that is built already, on the device that it emulates itself
//                                        (native/emulation/); --thorough: in three orders of threads
//
// The device is the emulator that CUEMU_HOME names, else a GPU of this machine; without either it says what is missing and fails.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCompiler, noCompiler } from './cudaToolkit.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.find((argument) => argument.startsWith('--addon='))?.slice('--addon='.length);
const addon = given === undefined ? join(root, 'build-cuda', 'Release', 'receptive.node') : resolve(given);
const build = dirname(dirname(addon));
const emulator = given === undefined ? process.env.CUEMU_HOME : undefined;
const thorough = process.argv.includes('--thorough');
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

function fail(message) {
  console.error(`test:cuda: ${message}`);
  process.exit(1);
}

/** Runs a program with its output on ours; ends this script when it fails. */
function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error || status !== 0) fail(`${[command, ...args].join(' ')}: ${error?.message ?? `exit status ${status}`}`);
}

/** One CPU target is enough: the tests run on the GPU. */
function buildAddon() {
  const compiler = findCompiler();
  if (compiler === undefined) fail(noCompiler);
  const options = ['CUDA=ON', 'CUDART=shared', ...(process.arch === 'x64' ? ['CPU_TARGETS=x86-64-v3'] : [])];
  const definitions = options.map((option) => `--CDRECEPTIVE_${option}`);
  const cmakeJs = join(root, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
  const jobs = String(availableParallelism());
  run(process.execPath, [cmakeJs, 'build', '--config', 'Release', '-O', build, '-p', jobs, ...definitions], {
    CUDACXX: compiler,
  });
}

/** A real device, as the addon sees it. */
function expectDevice() {
  const program = `console.log(JSON.stringify(require('./dist').devices().filter((d) => d.kind === 'cuda')))`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, RECEPTIVE_ADDON: addon },
  });
  if (stdout === '') fail(stderr);
  const devices = JSON.parse(stdout);
  if (devices.some(({ available }) => available)) return;
  const reasons = devices.map(({ id, reason }) => `${id}: ${reason}`).join('; ');
  fail(`there is no GPU (${reasons}), and CUEMU_HOME names no emulator`);
}

function filesUnder(folder, pattern) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** Test files with tests that run on every device. */
function selectFiles() {
  const everywhere = filesUnder('test', /\.test\.ts$/).filter((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    return /\bdescribeOnDevices\(/.test(text) || path.startsWith('test/device');
  });
  return everywhere.filter((path) => wanted.length === 0 || wanted.some((prefix) => path.startsWith(prefix)));
}

/** What the emulator counted in a run's processes that wrote their report: a worker that takes long to end is killed. */
function summarize(folder) {
  const kernels = new Set();
  let launches = 0;
  const files = readdirSync(folder);
  for (const file of files) {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    for (const kernel of report.kernels) {
      kernels.add(kernel.name);
      launches += kernel.launches;
    }
  }
  return `${launches} launches of ${kernels.size} kernels in ${files.length} processes`;
}

/**
 * Races that count. The detector works on words of four bytes: threads that store neighbouring bytes, as in bool and uint8 tensors,
 * are no race.
 */
function countRaces(text) {
  const reports = [...text.matchAll(/cuemu: RACE: .*\n\s+at (.*)\n\s+other access at (.*)/g)];
  const ofBytes = (access) => /\b(ld|st)\.\S*[usb]8\b/.test(access);
  return reports.filter(([, one, other]) => !(ofBytes(one) && ofBytes(other))).length;
}

/** Runs a program with its output on ours; resolves to its exit status and the emulator's complaints, told as they happen. */
function watch(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...env, RECEPTIVE_ADDON: addon },
  });
  let text = '';
  child.stderr.on('data', (chunk) => {
    process.stderr.write(chunk);
    text += chunk;
  });
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (status) => {
      done({ status, errors: text.split('cuemu: ERROR: ').length - 1, races: countRaces(text) });
    });
  });
}

/** The tests under the emulator, or on the GPU: `{ name, passed, details }`. */
async function runTests(name, options, paths) {
  const node = [process.execPath, join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '-t', 'on cuda:0'];
  console.log(`\n${name}`);
  if (!emulator) {
    // An emulated kernel takes one thread.
    const own = given === undefined ? [] : ['--testTimeout=600000', `--maxWorkers=${availableParallelism()}`];
    const [command, ...args] = [...node, ...own, ...paths];
    const order =
      given === undefined ? {} : { RECEPTIVE_EMULATION_DEVICES: '1', RECEPTIVE_EMULATION_SEED: options.at(-1) };
    return { name, passed: (await watch(command, args, order)).status === 0, details: '' };
  }
  const reports = join(build, 'reports');
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  // Emulated kernels are slow, and compiled at their first use.
  const patience = '--testTimeout=600000';
  const ending = `--execArgv=--import=${new URL('../test/support/endOnSignal.mjs', import.meta.url)}`;
  const emulated = ['run', ...options, '--report', join(reports, '%p.json'), '--check', addon, '--', ...node];
  const { status, errors, races } = await watch(join(emulator, 'cuemu'), [...emulated, patience, ending, ...paths]);
  return {
    name,
    passed: status === 0 && errors === 0 && races === 0,
    details: `: ${summarize(reports)}; ${errors} errors, ${races} races`,
  };
}

if (emulator && !existsSync(join(emulator, 'cuemu'))) fail(`CUEMU_HOME=${emulator}: there is no file 'cuemu' in it`);
if (!emulator && thorough && given === undefined)
  fail('--thorough is for the emulator, and CUEMU_HOME does not name it');
if (given === undefined) buildAddon();
else if (!existsSync(addon)) fail(`there is no file ${addon}`);
if (!emulator) expectDevice();
const files = selectFiles();
if (files.length === 0) fail(`no test file's path begins with ${wanted.join(' or ')}`);
const orders = [1, 2, 3].map((seed) => [`order ${seed}`, ['--seed', String(seed)]]);
const plain = given === undefined ? [['plainly', []]] : [['in order', ['--seed', '0']]];
const races = given === undefined ? [['with the race detector', ['--race']]] : [];
const runs = thorough ? [...races, ...orders] : plain;
const results = [];
for (const [name, options] of runs) results.push(await runTests(name, options, files));

console.log(`\n${files.length} test files on cuda:0${emulator ? ', emulated' : ''}`);
for (const { name, passed, details } of results) {
  console.log(`${passed ? 'passed' : 'FAILED'}  ${name}${details}`);
}
process.exit(results.every(({ passed }) => passed) ? 0 : 1);

// Calls the whole API with plausible and hostile arguments, and disposes tensors at random moments, for some seconds.
//   node fuzz.mjs <seed> <seconds> <log file>
// Every synchronous error and every rejection must be a ReceptiveError, a synchronous one must name the function, every result
// must be consistent, and at the end nothing may be held. Now and then a long operation runs, so that calls are queued behind it. The log has the last calls, for the case that the process does not live to tell. Prints a summary as JSON.
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import * as r from '../../../dist/index.mjs';
import { argumentSource, randomSource } from './fuzzArguments.mjs';
import { recipes } from './fuzzRecipes.mjs';

const [seed, seconds] = process.argv.slice(2, 4).map(Number);
const log = openSync(process.argv[4], 'w');
let logged = 0;
const note = (line) => {
  logged += writeSync(log, line, logged);
};
/** What was logged so far is done with. */
const forget = () => {
  ftruncateSync(log, 0);
  logged = 0;
};
const random = randomSource(seed);
const summary = { seed, calls: 0, accepted: 0, accepts: {}, rejected: {}, faults: [] };
const pending = new Set();

/** Live tensors, and a few disposed ones. */
const pool = {
  tensors: [],
  add(t) {
    this.tensors.push(t);
    if (this.tensors.length > 80) random.pick(this.tensors).dispose();
    if (this.tensors.length > 120) this.tensors = this.tensors.filter(({ disposed }, i) => !disposed || i % 8 === 0);
    if (this.tensors.length > 200) for (const old of this.tensors.splice(0, 100)) old.dispose();
  },
  any() {
    return this.tensors.length === 0 ? undefined : random.pick(this.tensors);
  },
};

function fault(what, call) {
  if (summary.faults.length < 20) summary.faults.push(`call ${summary.calls}: ${call}: ${what}`);
}

function judge(error, call) {
  if (!(error instanceof r.ReceptiveError)) {
    fault(`threw ${error?.stack ?? String(error)}`, call);
    return;
  }
  if (!/^ERR_[A-Z_]+$/.test(error.code) || error.message.length < 8) fault(`poor error: ${error}`, call);
  if (error.message.length > 5000) fault(`a message of ${error.message.length} characters`, call);
  summary.rejected[error.code] = (summary.rejected[error.code] ?? 0) + 1;
}

/**
 * A synchronous error names the function that was called, unless it comes from running (a label), from reserving memory (it
 * names the kernel that needs it) or from a callback.
 */
function judgeThrown(error, name) {
  judge(error, name);
  if (!(error instanceof r.ReceptiveError) || callers.has(name)) return;
  if (error.code === 'ERR_INDEX' || error.code === 'ERR_OUT_OF_MEMORY') return;
  if (!error.message.startsWith(`${name.replace('Tensor.', '')}: `))
    fault(`does not name the function: ${error}`, name);
}

/** Takes tensors out of a result, checks them and gives them to the pool; looks after promises. */
function receive(value, call, depth = 0) {
  if (value instanceof r.Tensor) {
    const size = value.shape.reduce((product, extent) => product * extent, 1);
    if (size !== value.size || !Object.isFrozen(value.shape)) fault(`inconsistent ${value}`, call);
    if (!pool.tensors.includes(value)) pool.add(value);
    if (!value.disposed && size < 5000 && random.chance(0.2)) receive(value.data(), call, depth + 1);
  } else if (value instanceof Promise) {
    pending.add(value);
    value.then(
      (result) => receive(result, call, depth + 1),
      (error) => judge(error, call),
    );
    void value.catch(() => {}).finally(() => pending.delete(value));
  } else if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value) && depth < 3) {
    for (const entry of Object.values(value)) receive(entry, call, depth + 1);
  }
}

const source = argumentSource(random, pool);
const { ops, gradients, methods } = recipes(random, source);
/** Functions that call what they are given. */
const callers = new Set(['tidy', 'withDevice', 'withSampleRange', 'profile', 'noGrad', 'checkpoint']);
const skipped = new Set(['setMemoryLimit', 'setNumThreads', 'default']);

/** Every public function with its recipe, if there is one. */
const functions = Object.entries(r).filter(
  ([name, f]) => typeof f === 'function' && !/^[A-Z]/.test(name) && !skipped.has(name),
);
const targets = [
  ...functions.map(([name, f]) => ({ name, f, recipe: ops[name] })),
  ...Object.entries(r.grad).map(([name, f]) => ({ name: `grad.${name}`, f, recipe: gradients[name] })),
  { name: 'setNumThreads', f: r.setNumThreads, recipe: ops.setNumThreads, exact: true },
];

function argumentsFor(recipe, exact) {
  if (exact) return recipe();
  if (recipe === undefined) {
    // A tensor first keeps more calls alive than rubbish does.
    const rest = Array.from({ length: random.integer(0, 3) }, () =>
      random.chance(0.6) ? source.anyTensor() : source.hostile(),
    );
    return [random.chance(0.8) ? source.anyTensor() : source.hostile(), ...rest];
  }
  const args = recipe();
  while (random.chance(0.35)) source.spoil(args);
  return args;
}

function step() {
  const onMethod = random.chance(0.2);
  let name;
  let call;
  try {
    if (onMethod) {
      const t = source.anyTensor();
      const method = random.pick(Object.keys(methods));
      const args = argumentsFor(methods[method], false);
      name = `Tensor.${method}`;
      call = () => t[method](...args);
      note(`${summary.calls} ${name} of ${t}(${describe(args)})\n`);
    } else {
      const target = random.pick(targets);
      const args = argumentsFor(target.recipe, target.exact);
      name = target.name;
      call = () => target.f(...args);
      note(`${summary.calls} ${name}(${describe(args)})\n`);
    }
  } catch (error) {
    judge(error, 'making arguments'); // out of memory, at the most
    return;
  }
  summary.calls++;
  // A tensor may go at any moment: right before the call, too.
  if (random.chance(0.05)) pool.any()?.dispose();
  try {
    const result = call();
    summary.accepted++;
    summary.accepts[name] = (summary.accepts[name] ?? 0) + 1;
    receive(result, name);
  } catch (error) {
    judgeThrown(error, name);
  }
  if (random.chance(0.05)) pool.any()?.dispose();
}

/** A convolution of some milliseconds: what is called meanwhile is queued, and may lose its tensors before it runs. */
function occupy() {
  r.tidy(() => pool.add(r.keep(r.conv2d(r.zeros([1, 32, 48, 48]), r.zeros([32, 32, 3, 3])))));
}

function describe(args) {
  const text = args.map((value) =>
    value instanceof r.Tensor ? String(value) : inspect(value, { depth: 2, breakLength: Infinity }),
  );
  return text.join(', ').slice(0, 500);
}

r.manualSeed(seed);
r.setMemoryLimit(48 * 2 ** 20);
process.on('unhandledRejection', (error) => fault(`unhandled rejection: ${error?.stack ?? error}`, 'somewhere'));

const end = performance.now() + seconds * 1000;
while (performance.now() < end && summary.faults.length < 20) {
  if (random.chance(0.2)) occupy();
  for (let i = 0; i < 100; i++) step();
  await Promise.allSettled([...pending]);
  if (random.chance(0.3)) {
    await r.synchronize().catch((error) => judge(error, 'synchronize'));
    forget(); // a hang or a crash is the doing of a call since then
  }
}
await Promise.allSettled([...pending]);
await new Promise((resolve) => setImmediate(resolve));
await r.synchronize().catch((error) => judge(error, 'synchronize'));
for (const t of pool.tensors) t.dispose();
await new Promise((resolve) => setTimeout(resolve, 20));
await r.synchronize().catch((error) => judge(error, 'synchronize'));
const { tensors, allocatedBytes } = r.memoryStats();
closeSync(log);
process.stdout.write(JSON.stringify({ ...summary, held: { tensors, allocatedBytes } }));

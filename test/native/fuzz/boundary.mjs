// Writes hostile numbers into the call buffer: whatever stands there, the addon throws one of its errors or computes
// something within its buffers; it never crashes and loses no memory. Most useful with an addon built with
// -DRECEPTIVE_SANITIZE=address,undefined (node needs LD_PRELOAD of libasan.so and libubsan.so then).
//
//   node test/native/fuzz/boundary.mjs [seconds = 10] [seed = the time] [addon = build/Release/receptive.node]
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { recipe } from './recipes.mjs';

const [seconds = '10', seed = String(Date.now() % 2 ** 32), file = 'build/Release/receptive.node'] =
  process.argv.slice(2);
const addon = createRequire(import.meta.url)(resolve(file));
const { words, numbers, ops, dtypes } = addon;
const newOutput = 0xffffffff;
const opNumbers = new Map(ops.map(({ name }, i) => [name, i]));
const arrays = [Float32Array, Float64Array, Int32Array, Uint8Array, Uint8Array];

// mulberry32
let state = Number(seed) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;
const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

// Window sizes up to 2^31 are legal and only slow, so the smallest huge number is above.
const huge = [2 ** 31 + 1, -(2 ** 31), 2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 53 + 2, 1e300];
const hostileNumbers = [NaN, Infinity, -Infinity, -1, -0, 0, 0.5, 5e-324, ...huge];
const hostileWords = [newOutput, 0, 1, 0x80000000, 0x7fffffff, 999];

/** Handles with the shapes they were made with; some stay here after their release. */
const tensors = [];
const ran = new Set();

function someShape() {
  if (tensors.length > 0 && chance(0.5)) return pick(tensors).shape;
  return Array.from({ length: below(5) }, () => (chance(0.05) ? 0 : 1 + below(6)));
}

function writeShape(shape, at) {
  numbers[at++] = shape.length;
  for (const extent of shape) numbers[at++] = extent;
  return at;
}

/** Replaces a few of the call's first words and numbers. */
function spoil(probability, wordCount, numberCount) {
  if (!chance(probability)) return;
  for (let i = 1 + below(3); i > 0; i--) {
    if (chance(0.3)) words[below(wordCount)] = pick(hostileWords);
    else numbers[below(Math.max(numberCount, 1))] = chance(0.5) ? pick(hostileNumbers) : below(12);
  }
}

function create(dtype = below(dtypes.length), shape = someShape(), spoilt = 0.1) {
  let values = new arrays[dtype](sizeOf(shape)).map(() => below(9) - 2);
  if (chance(spoilt))
    values = pick([null, 3, new Uint16Array(4), new ArrayBuffer(8), new DataView(new ArrayBuffer(8))]);
  words[0] = 0;
  words[1] = dtype;
  spoil(spoilt, 2, writeShape(shape, 0));
  addon.create(values);
  tensors.push({ slot: words[0], generation: words[1], shape });
  return tensors[tensors.length - 1];
}

/** The calls since the last time everything was done, for the report when something takes too long. */
let lately = [];

/** Runs what stands in the call buffer and keeps what it made. */
function run() {
  const name = ops[words[0]]?.name;
  const first = 5 + 2 * words[2];
  const made = [];
  for (let i = 0; i < words[3] && i < 8; i++) if (words[first + 2 * i] === newOutput) made.push(first + 2 * i);
  const shapes = [];
  for (let i = 0, at = 0; i < made.length; i++) {
    const rank = numbers[at];
    shapes.push([...numbers.slice(at + 1, at + 1 + rank)]);
    at += 1 + rank;
  }
  const call = `${name}(${words.slice(5, first)}) ${numbers.slice(0, 40)}`;
  addon.dispatch();
  lately.push(call);
  ran.add(name);
  for (const [i, at] of made.entries()) {
    tensors.push({ slot: words[at], generation: words[at + 1], shape: shapes[i] });
  }
}

/** Attribute values that often fit: extents of an operand and small numbers. */
function someAttribute(shape) {
  const kind = below(8);
  if (kind < 4 && shape.length > 0) return pick(shape);
  if (kind === 4) return sizeOf(shape);
  return below(5) - (kind === 5 ? 1 : 0);
}

function dispatchAnything() {
  const number = below(ops.length);
  const { minInputs, maxInputs, outputs, attrs } = ops[number];
  if (tensors.length === 0) return;
  const inputs = minInputs + below(maxInputs - minInputs + 1);
  words.set([number, 0, inputs, outputs, chance(0.05) ? 1 : 0]);
  let w = 5;
  let n = 0;
  const first = pick(tensors);
  for (let i = 0; i < inputs; i++) {
    const t = chance(0.75) ? first : pick(tensors);
    words[w++] = t.slot;
    words[w++] = t.generation;
  }
  for (let i = 0; i < outputs; i++) {
    const inPlace = chance(0.2);
    const t = chance(0.75) ? first : pick(tensors);
    words[w++] = inPlace ? t.slot : newOutput;
    words[w++] = inPlace ? t.generation : below(dtypes.length);
    if (!inPlace) n = writeShape(chance(0.6) ? first.shape : someShape(), n);
  }
  for (const { kind, count } of attrs) {
    for (let i = 0; i < count; i++) numbers[n++] = kind === 'flag' ? below(2) : someAttribute(first.shape);
  }
  spoil(0.4, w, n);
  run();
}

/** Asks what an op would need, with a recipe's attributes and with hostile ones. */
function needs() {
  const { op, attrs } = recipe(below);
  words.set([chance(0.9) ? opNumbers.get(op) : below(ops.length), 0, below(dtypes.length)]);
  for (const [i, value] of attrs.entries()) numbers[i] = chance(0.1) ? pick([2 ** 31, 2 ** 20, 4096]) : value;
  spoil(0.3, 3, attrs.length);
  addon.needs();
  if (!(numbers[0] >= 0 && numbers[1] >= 0)) throw new Error(`${op} needs ${numbers[0]} and ${numbers[1]} bytes`);
}

function dispatchRecipe() {
  const { op, inputs, outputs, attrs } = recipe(below);
  const operands = inputs.map(([dtype, shape]) => create(dtype, shape, 0));
  words.set([opNumbers.get(op), 0, inputs.length, outputs.length, 0]);
  let w = 5;
  let n = 0;
  for (const { slot, generation } of operands) {
    words[w++] = slot;
    words[w++] = generation;
  }
  for (const [dtype, shape] of outputs) {
    words[w++] = newOutput;
    words[w++] = dtype;
    n = writeShape(shape, n);
  }
  for (const value of attrs) numbers[n++] = value;
  spoil(0.7, w, n);
  run();
}

function view() {
  if (tensors.length === 0) return;
  const t = pick(tensors);
  const shape = chance(0.5) ? t.shape : someShape();
  words[0] = t.slot;
  words[1] = t.generation;
  numbers[0] = chance(0.5) ? 0 : below(20);
  spoil(0.3, 2, writeShape(shape, 1));
  addon.view();
  tensors.push({ slot: words[0], generation: words[1], shape });
}

function release() {
  if (tensors.length === 0) return;
  const i = below(tensors.length);
  const { slot, generation } = tensors[i];
  addon.release(slot, generation);
  if (chance(0.05)) addon.release(pick(hostileWords), pick(hostileWords));
  if (chance(0.1)) return; // a stale handle stays in the list
  tensors[i] = tensors[tensors.length - 1];
  tensors.pop();
}

const reads = new Set();
function read() {
  if (tensors.length === 0) return;
  const { slot, generation, shape } = pick(tensors);
  const bytes = Math.min(sizeOf(shape) * pick([1, 4, 4, 4, 8]), 1 << 20);
  const target = chance(0.05) ? pick([undefined, {}, new Uint8Array(4)]) : new ArrayBuffer(bytes);
  if (chance(0.3)) return addon.readSync(slot, generation, target);
  later(addon.read(slot, generation, target));
}

function later(given) {
  const promise = given.catch(expectOurs);
  reads.add(promise);
  void promise.finally(() => reads.delete(promise));
}

/** A world of one process: without Open MPI it is not to be opened, and the calls have nothing to call. */
function communicate() {
  const handles = new Uint32Array(2 * below(5));
  for (let i = 0; i < handles.length && tensors.length > 0; i += 2) {
    const { slot, generation } = pick(tensors);
    handles.set(chance(0.98) ? [slot, generation] : [pick(hostileWords), pick(hostileWords)], i);
  }
  const given = chance(0.03) ? pick([handles.subarray(1), [1, 2], null, new Float32Array(2)]) : handles;
  const root = chance(0.9) ? 0 : pick(hostileNumbers);
  const call = below(30);
  if (call === 0) later(addon.closeCommunicator());
  else if (call < 3)
    later(addon.openCommunicator(pick(['', '', '/nowhere', 3]), pick([false, false, 0]), pick([1000, 1000, NaN, 0])));
  else if (call === 3) addon.communicatorPlace();
  else if (call === 4) later(addon.barrier());
  else later(call % 2 === 0 ? addon.allReduceSum(given) : addon.broadcast(given, root));
}

const others = [
  () => addon.version(pick(hostileWords), pick(hostileWords)),
  () => addon.version(pick(hostileNumbers), {}),
  () => addon.memoryStats(pick(hostileNumbers)),
  () => addon.setNumThreads(pick([1, 2, 3, NaN, 0, -1, 1e300, 2.5, 'x'])),
  () => addon.takeEvents(pick([1, ...hostileNumbers])),
  () => addon.synchronize(pick(hostileWords)),
  () => addon.emptyCache(0),
  () => addon.setMemoryLimit(0, pick([-1, NaN, 1e300, 'x', undefined])),
  () => addon.create(),
  () => addon.read(),
];

function expectOurs(error) {
  const ours = error instanceof Error && /^ERR_/.test(error.code ?? '') && !error.message.includes('internal error');
  if (!ours) throw new Error(`not one of our errors: ${error}`, { cause: error });
}

function giveUp() {
  console.log(`still running after 20 s, one of:\n  ${lately.join('\n  ')}`);
  process.exit(1);
}

const actions = [
  ...Array(1).fill(() => create()),
  ...Array(4).fill(dispatchAnything),
  ...Array(3).fill(dispatchRecipe),
  ...Array(2).fill(release),
  view,
  read,
  needs,
  // Tensors that a collective has are refused until all calls of a round are through, so few of them.
  () => chance(0.1) && communicate(),
  () => pick(others)(),
];
console.log(`seed ${seed}, ${seconds} s, ${ops.length} ops`);
addon.setMemoryLimit(0, 64 << 20);
const end = Date.now() + 1000 * Number(seconds);
let calls = 0;
let refused = 0;
while (Date.now() < end) {
  for (let i = 0; i < 200; i++) {
    calls++;
    try {
      await pick(actions)();
    } catch (error) {
      refused++;
      expectOurs(error);
    }
    while (tensors.length > 200) release();
  }
  const watch = setTimeout(giveUp, 20_000);
  await Promise.all(reads);
  await addon.synchronize(0).catch(expectOurs);
  clearTimeout(watch);
  lately = [];
}
await addon.synchronize(0).catch(expectOurs);
try {
  await addon.closeCommunicator();
} catch (error) {
  expectOurs(error); // there is none
}
for (const { slot, generation } of tensors) addon.release(slot, generation);
const { tensors: left, allocatedBytes } = addon.memoryStats(0);
const missed = ops.map(({ name }) => name).filter((name) => !ran.has(name));
console.log(`${calls} calls, ${refused} refused; ${left} handles and ${allocatedBytes} bytes are left`);
console.log(missed.length === 0 ? 'every op ran' : `never ran: ${missed.join(' ')}`);
if (left !== 0 || allocatedBytes !== 0) process.exitCode = 1;

// Random arguments for the fuzz: plausible ones, and hostile ones that no function should choke on.
import * as r from '../../../dist/index.mjs';

/** Mulberry32. */
export function randomSource(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (low, high) => low + Math.floor(next() * (high - low + 1));
  return { next, integer, chance: (p) => next() < p, pick: (list) => list[integer(0, list.length - 1)] };
}

export const dtypes = ['float32', 'float64', 'int32', 'uint8', 'bool'];

const numbers = [0, -0, 1, 2, 3, 7, 100, -1, -7, 0.5, 1.5, Number.NaN, Infinity, -Infinity, 1e-300, 1e300];
const hugeNumbers = [2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 31), -(2 ** 53), 1e9];
const words = [
  '',
  'same',
  'valid',
  'mean',
  'none',
  'NCHW',
  'NHWC',
  'cpu',
  'cuda:9',
  'auto',
  'float32',
  '__proto__',
  'x'.repeat(1000),
];
const optionNames =
  'stride padding dilation groups layout algorithm kernelSize ceilMode countIncludePad axis keepDims correction reduction dtype ' +
  'device shape bias transposeA transposeB learningRate momentum velocity nesterov weightDecay approximate requiresGrad low high ' +
  'mean std activation inputGrad weightGrad biasGrad inputShape outputPadding largest ' +
  'constructor __proto__';

export function argumentSource(random, pool) {
  const { integer, chance, pick } = random;

  const shape = () => Array.from({ length: integer(0, 5) }, () => (chance(0.1) ? 0 : integer(1, 6)));

  /** A new tensor of small integers, given to the pool, which disposes it some day. */
  const tensor = (extents, dtype = 'float32') => {
    const integers = r.randint(0, dtype === 'bool' ? 2 : 5, extents);
    const t = integers.cast(dtype);
    integers.dispose();
    pool.add(t);
    return t;
  };

  /** A tensor of the pool: of any shape, possibly disposed or poisoned. */
  const anyTensor = () => pool.any() ?? tensor(shape(), pick(dtypes));

  const hostileArrays = [
    () => [],
    () => shape(),
    () => [pick(numbers), pick(hugeNumbers)],
    () => [pick(numbers), pick(numbers)],
    () => Array.from({ length: 40 }, () => 2),
    () => [[1, 2], [3]],
    () => [anyTensor(), anyTensor()],
    () => [anyTensor(), null],
    () => new Array(5),
    () => Object.freeze([2, 3]),
    () => {
      const loop = [];
      loop.push(loop);
      return loop;
    },
  ];

  const hostileBuffers = [
    () => new Float32Array(integer(0, 20)),
    () => new Float64Array(integer(0, 20)),
    () => new Int32Array(integer(0, 20)).fill(integer(-3, 9)),
    () => new Uint8Array(integer(0, 20)),
    () => new BigInt64Array(2),
    () => new DataView(new ArrayBuffer(8)),
    () => new ArrayBuffer(16),
    () => new Float32Array(new SharedArrayBuffer(16)),
    () => Buffer.from('abc'),
    () => {
      const detached = new Float32Array(4);
      structuredClone(detached, { transfer: [detached.buffer] });
      return detached;
    },
  ];

  const hostileObjects = [
    () => ({}),
    () => null,
    () => undefined,
    () => Object.create(null),
    () => new Date(),
    () => new Map([['a', 1]]),
    () => () => anyTensor(),
    () => Symbol('s'),
    () => 10n,
    () => true,
    () => false,
    () => /x/,
    () => new Proxy({}, {}),
    () => Object.create(r.Tensor.prototype),
    () => ({ shape: [2], dtype: 'float32', _slot: 0, _generation: 0 }),
    () => ({ top: 1, bottom: 0, left: 2, right: pick(numbers) }),
    () => Promise.resolve(1),
  ];

  function hostile() {
    const kind = integer(0, 9);
    if (kind < 2) return pick(numbers);
    if (kind === 2) return pick(hugeNumbers);
    if (kind === 3) return pick(words);
    if (kind === 4) return pick(hostileArrays)();
    if (kind === 5) return pick(hostileBuffers)();
    if (kind === 6) return pick(hostileObjects)();
    if (kind === 7) return hostileOptions();
    return anyTensor();
  }

  function hostileOptions() {
    const names = optionNames.split(' ');
    const entries = Array.from({ length: integer(0, 3) }, () => [
      pick(names),
      pick([...numbers, ...words, ...hugeNumbers]),
    ]);
    return Object.fromEntries(entries);
  }

  /** Replaces something within plausible arguments: one of them, or one option. */
  function spoil(args) {
    const i = integer(0, args.length);
    const value = args[i];
    const isOptions = value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;
    if (i === args.length) args.push(hostile());
    else if (isOptions && chance(0.7)) {
      const name = pick([...Object.keys(value), ...optionNames.split(' ')]);
      Object.defineProperty(value, name, { value: hostile(), enumerable: true, configurable: true, writable: true });
    } else if (Array.isArray(value) && value.length > 0 && !Object.isFrozen(value) && chance(0.5)) {
      value[integer(0, value.length - 1)] = hostile();
    } else if (chance(0.1)) args.splice(i, 1);
    else args[i] = hostile();
    return args;
  }

  return { shape, tensor, anyTensor, hostile, spoil, outputShape: r.convOutputSize };
}

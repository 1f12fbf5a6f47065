// Plausible calls of every public function that computes, and what becomes of one: for tests that compare runs of a call on
// devices, or while something fails. Without vitest, so that a process of its own can make them too.
import * as r from '../../../dist/index.mjs';
import { argumentSource, randomSource } from './fuzzArguments.mjs';
import { recipes } from './fuzzRecipes.mjs';

/** What computes nothing, or runs a callback that does. */
const leftOut = new Set(
  (
    'convOutputSize convAlgorithms convSearchResults clearConvSearchResults loadConvSearchResults setRngState getRngState ' +
    'manualSeed setNumThreads getNumThreads setMatmulPrecision getMatmulPrecision setDefaultDevice getDefaultDevice ' +
    'memoryStats resetPeakMemory emptyCache devices tidy keep noGrad checkpoint customGradient gradients withDevice profile ' +
    'chromeTrace synchronize withSampleRange setMemoryLimit'
  ).split(' '),
);

const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array, bool: Uint8Array };

/** @type {(value: unknown) => value is Record<string, unknown>} */
export const isOptions = (value) =>
  value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;

/** The same value with all tensors in it put through `f`. */
export function mapTensors(value, f) {
  if (value instanceof r.Tensor) return f(value);
  if (Array.isArray(value)) return value.map((item) => mapTensors(item, f));
  if (!isOptions(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTensors(item, f)]));
}

/** Every tensor in it, those in arrays and options included. */
export function tensorsIn(value) {
  const found = [];
  mapTensors(value, (t) => found.push(t));
  return found;
}

/** Draws calls, and holds the tensors that they need and make until release(). */
export class ApiCalls {
  /** Float tensors are drawn as small `integers`, whose sums have the same bits in any order, or as random `values`. */
  fill = 'integers';
  /** `[name, function, recipe]`: a recipe draws arguments, on the default device. */
  functions;
  #held = [];
  #random;

  constructor(seed) {
    const random = randomSource(seed);
    this.#random = randomSource(seed + 1);
    const hold = (t) => this.hold(t);
    const source = argumentSource(random, { add: hold, any: () => undefined, empty: () => {} });
    const { ops, gradients } = recipes(random, {
      ...source,
      tensor: (shape, dtype) => this.#tensor(shape, dtype),
      anyTensor: () => this.#tensor(source.shape(), random.pick(Object.keys(arrays))),
    });
    this.functions = [
      ...Object.entries(ops)
        .filter(([name]) => !leftOut.has(name))
        .map(([name, recipe]) => [name, r[name], recipe]),
      ...Object.entries(gradients).map(([name, recipe]) => [`grad.${name}`, r.grad[name], recipe]),
    ];
  }

  #tensor(shape, dtype = 'float32') {
    const { integer, next } = this.#random;
    const isFloat = dtype.startsWith('float');
    const [low, high] = [isFloat ? -4 : 0, dtype === 'bool' ? 1 : 4];
    const draw = isFloat && this.fill === 'values' ? () => 2 * next() - 1 : () => integer(low, high);
    const size = shape.reduce((product, extent) => product * extent, 1);
    return this.hold(r.tensor(arrays[dtype].from({ length: size }, draw), { shape, dtype }));
  }

  hold(t) {
    this.#held.push(t);
    return t;
  }

  release() {
    for (const t of this.#held.splice(0)) if (!t.disposed) t.dispose();
  }

  /** Arguments from the recipe, made on the CPU. */
  draw(recipe) {
    return r.withDevice('cpu', recipe);
  }

  /** The arguments with copies of their tensors on the device. */
  moved(args, device) {
    return mapTensors(args, (t) => this.hold(t.to(device)));
  }

  /**
   * What the call makes of its arguments: shape, dtype and values of the tensors of its result, which is disposed again, and of
   * those that it was given.
   */
  run(f, args, device) {
    const given = tensorsIn(args);
    let result = [];
    r.manualSeed(7);
    try {
      result = tensorsIn(r.withDevice(device, () => f(...args)));
      return [...result, ...given].map((t) => ({ shape: t.shape, dtype: t.dtype, data: t.dataSync() }));
    } finally {
      for (const t of result) if (!given.includes(t)) t.dispose();
    }
  }

  /** Arguments that the device accepts, and what the call makes of them: with elements, if `draws` draws find such. */
  accepted(f, recipe, device, draws = 20) {
    let found;
    for (let i = 0; i < draws; i++) {
      const args = this.draw(recipe);
      try {
        const expected = this.run(f, this.moved(args, device), device);
        found = { args, expected };
        if (expected.some(({ data }) => data.length > 0)) return found;
      } catch (error) {
        if (!(error instanceof r.ReceptiveError)) throw error;
      }
    }
    return found;
  }
}

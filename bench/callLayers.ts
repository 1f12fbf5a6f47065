// What a call consists of, layer by layer: each line contains the one before it, all on 16 floats, in turn.
import { dirname, join } from 'node:path';
import { relu, tensor, tidy } from 'receptive';
import { median } from './statistics';

interface Internals {
  readonly native: {
    readonly words: Uint32Array;
    readonly numbers: Float64Array;
    readonly ops: readonly { readonly name: string }[];
    dispatch(): void;
    release(slot: number, generation: number): void;
  };
}

interface Layer {
  readonly name: string;
  run(times: number): void;
}

const timesPerRound = 20_000;
const warmUp = 5;
const rounds = 25;
const newOutput = 0xffffffff;

/** Handles of tensors, which the package keeps to itself. */
interface Handle {
  readonly _slot: number;
  readonly _generation: number;
}

function layers(): { readonly all: readonly Layer[]; release(): void } {
  const { native } = require(join(dirname(require.resolve('receptive')), 'native')) as Internals;
  const { words, numbers } = native;
  const op = native.ops.findIndex(({ name }) => name === 'relu');
  const x = tensor(Float32Array.from({ length: 16 }, (_, i) => i - 8));
  const y = x.clone();
  const [input, output] = [x, y] as unknown as [Handle, Handle];
  const begin = (slot: number, generation: number): void => {
    words.set([op, 0, 1, 1, 0, input._slot, input._generation, slot, generation]);
  };
  const registry = new FinalizationRegistry<object>(() => {});
  const all: Layer[] = [
    {
      name: 'a native call with two integers that finds nothing to do',
      run(times) {
        for (let i = 0; i < times; i++) native.release(newOutput, 0);
      },
    },
    {
      name: 'a native op in place: call buffer read and checked, run inline',
      run(times) {
        begin(output._slot, output._generation);
        for (let i = 0; i < times; i++) native.dispatch();
      },
    },
    {
      name: 'a native op with a new output, and its release: memory and handle',
      run(times) {
        begin(newOutput, 0);
        numbers[0] = 1;
        numbers[1] = 16;
        for (let i = 0; i < times; i++) {
          words[7] = newOutput;
          words[8] = 0;
          native.dispatch();
          native.release(words[7], words[8]);
        }
      },
    },
    {
      name: 'relu(x).dispose(): checks, call buffer written, wrapper',
      run(times) {
        for (let i = 0; i < times; i++) relu(x).dispose();
      },
    },
    {
      name: 'tidy(() => relu(x)) without a result: scope as well',
      run(times) {
        const body = (): void => void relu(x);
        for (let i = 0; i < times; i++) tidy(body);
      },
    },
    {
      name: 'aside: an object registered for finalization, and unregistered',
      run(times) {
        for (let i = 0; i < times; i++) {
          const object = { i };
          registry.register(object, { i }, object);
          registry.unregister(object);
        }
      },
    },
  ];
  return {
    all,
    release() {
      x.dispose();
      y.dispose();
    },
  };
}

/** Prints nanoseconds per call of each layer: median and least of the rounds. */
export function callLayers(): void {
  const { all, release } = layers();
  const ns = all.map((): number[] => []);
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const [i, layer] of all.entries()) {
      const start = process.hrtime.bigint();
      layer.run(timesPerRound);
      const each = Number(process.hrtime.bigint() - start) / timesPerRound;
      if (round >= warmUp) ns[i].push(each);
    }
  }
  for (const [i, { name }] of all.entries()) {
    const [middle, least] = [median(ns[i]), Math.min(...ns[i])];
    console.log(`${middle.toFixed(0).padStart(8)} ns, least ${least.toFixed(0).padStart(4)}  ${name}`);
  }
  release();
}

// What cuBLAS does on cuda:0 as the environment has it, as JSON: `info`, what is found; `products`, its results beside those of
// the own kernels; `failures`, what becomes of products while calls of the library fail.
import {
  devices,
  grad,
  linear,
  matmul,
  memoryStats,
  profile,
  setDefaultDevice,
  setMatmulPrecision,
  sum,
  synchronize,
  tensor,
  tidy,
} from '../../../dist/index.mjs';

const device = 'cuda:0';
const cublas = { matmulBackend: 'cublas' };
setDefaultDevice(device);

const sizeOf = (shape) => shape.reduce((product, extent) => product * extent, 1);

/** Small integers, whose products and sums are exact. */
function integers(shape, dtype, seed) {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => (((i + seed) * 7919) % 13) - 6);
  return tensor(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values), { shape });
}

const outcome = (run) => {
  try {
    return run();
  } catch (error) {
    return { name: error.name, code: error.code, message: error.message };
  }
};

/** `[name, a, b, options]`: shapes of one product each. */
const products = [
  ['one', [1, 1], [1, 1]],
  ['row', [1, 7], [7, 5]],
  ['column', [6, 3], [3, 1]],
  ['rank one', [5, 1], [1, 4]],
  ['vectors', [9], [9]],
  ['no steps', [3, 0], [0, 4]],
  ['no rows', [0, 3], [3, 4]],
  ['no batch', [0, 3, 2], [0, 2, 4]],
  ['batch', [3, 4, 5], [3, 5, 2]],
  ['one for all', [3, 4, 5], [5, 2]],
  ['broadcast a', [4, 5], [3, 5, 2]],
  ['broadcast both', [2, 1, 4, 5], [1, 3, 5, 2]],
  ['outer and inner', [2, 3, 4, 3, 5], [2, 1, 4, 5, 2]],
  ['inner', [2, 3, 4, 5], [3, 5, 2]],
  ['larger', [33, 70], [70, 129]],
];

const transposed = (shape) => [...shape.slice(0, -2), ...shape.slice(-2).reverse()];

function compareProducts() {
  const different = [];
  let count = 0;
  const compare = (name, own, theirs) => {
    count++;
    const [x, y] = [own.dataSync(), theirs.dataSync()];
    const same = `${own.shape}` === `${theirs.shape}` && x.every((value, i) => Object.is(value, y[i]));
    if (!same) different.push(`${name}: [${own.shape}] ${x.slice(0, 8)} and [${theirs.shape}] ${y.slice(0, 8)}`);
  };
  for (const dtype of ['float32', 'float64']) {
    for (const [name, aShape, bShape] of products) {
      for (const [transposeA, transposeB] of [[], [true], [false, true], [true, true]]) {
        if ((transposeA && aShape.length < 2) || (transposeB && bShape.length < 2)) continue;
        const options = { transposeA: transposeA ?? false, transposeB: transposeB ?? false };
        const what = `${dtype} ${name} ${JSON.stringify(options)}`;
        tidy(() => {
          const a = integers(transposeA ? transposed(aShape) : aShape, dtype, 1);
          const b = integers(transposeB ? transposed(bShape) : bShape, dtype, 2);
          const own = matmul(a, b, options);
          compare(what, own, matmul(a, b, { ...options, ...cublas }));
          const g = integers(own.shape, dtype, 3);
          const [mine, theirs] = [grad.matmul(g, a, b, options), grad.matmul(g, a, b, { ...options, ...cublas })];
          for (const key of ['a', 'b']) compare(`${what} gradient of ${key}`, mine[key], theirs[key]);
        });
      }
    }
    for (const shape of [[7], [1, 7], [5, 7], [2, 3, 7], [0, 7], [5, 0]]) {
      for (const bias of [null, integers([4], dtype, 5)]) {
        tidy(() => {
          const [input, weight] = [integers(shape, dtype, 3), integers([4, shape.at(-1)], dtype, 4)];
          const what = `${dtype} linear [${shape}] ${bias === null ? 'without bias' : 'with bias'}`;
          const own = linear(input, weight, bias);
          compare(what, own, linear(input, weight, bias, cublas));
          const g = integers(own.shape, dtype, 6);
          const [mine, theirs] = [grad.linear(g, input, weight), grad.linear(g, input, weight, cublas)];
          for (const key of ['input', 'weight', 'bias']) compare(`${what} gradient of ${key}`, mine[key], theirs[key]);
        });
      }
    }
  }
  return { count, different };
}

/** Op and algorithm of each event of `fn` that is a product. */
async function algorithms(fn) {
  const { events } = await profile(fn);
  return events.filter(({ op }) => op === 'matmul' || op === 'linear').map(({ op, algorithm }) => `${op} ${algorithm}`);
}

async function reportProducts() {
  const [a, b] = [integers([3, 4], 'float32', 1), integers([4, 5], 'float32', 2)];
  const parameter = integers([4, 5], 'float32', 2);
  const layer = integers([5, 4], 'float32', 2);
  parameter.requiresGrad = true;
  layer.requiresGrad = true;
  const fine = tensor([1 + 2 ** -12]);
  const square = (options) => matmul(fine, fine, options).dataSync()[0];
  const results = {
    ...compareProducts(),
    events: await algorithms(() => {
      matmul(a, b);
      matmul(a, b, { matmulBackend: 'auto' });
      matmul(a, b, cublas);
      linear(a, layer, null, cublas);
    }),
    backward: await algorithms(() => {
      sum(matmul(a, parameter, cublas)).backward();
      sum(linear(a, layer, null, cublas)).backward();
    }),
    highest: square(cublas),
  };
  setMatmulPrecision('high');
  return { ...results, high: square(cublas), own: square({}) };
}

async function reportFailures(count) {
  const [a, b] = [integers([3, 4], 'float32', 1), integers([4, 5], 'float32', 2)];
  const expected = matmul(a, b);
  const values = `${expected.dataSync()}`;
  expected.dispose();
  const before = memoryStats(device);
  const results = [];
  for (let i = 0; i < count; i++) {
    results.push(
      outcome(() => {
        const c = matmul(a, b, cublas);
        const right = `${c.dataSync()}` === values;
        c.dispose();
        return right ? 'ok' : 'wrong';
      }),
    );
  }
  const own = matmul(a, b);
  const ownValues = `${own.dataSync()}`;
  own.dispose();
  await synchronize();
  return { results, own: ownValues === values, tensors: memoryStats(device).tensors - before.tensors };
}

const [mode, rounds = '4'] = process.argv.slice(2);
const report =
  mode === 'info'
    ? {
        devices: devices().map(({ id, libraries }) => ({ id, libraries })),
        used: outcome(() => matmul(tensor([1]), tensor([2]), cublas).dataSync()[0]),
      }
    : mode === 'products'
      ? await reportProducts()
      : await reportFailures(Number(rounds));
console.log(JSON.stringify(report));

// A few operations of each kind against plain JavaScript, for processors that the machine only emulates:
//
//   qemu-x86_64 -cpu Haswell  "$(command -v node)" test/tools/smokeOldCpu.mjs x86-64-v3
//   qemu-x86_64 -cpu Westmere "$(command -v node)" test/tools/smokeOldCpu.mjs x86-64
//
// The emulator ends the program at the first instruction that its processor does not have, so that code of a newer target
// which got in among an older one's is found out. Sizes are larger than a vector register and no multiples of one.
import assert from 'node:assert/strict';
import * as r from 'receptive';
import { probe } from './probe.mjs';

const expectedTarget = process.argv[2];
const { target } = r.devices()[0];
assert.equal(target, expectedTarget, 'the target chosen for this processor');

/** Small integers, so that sums are exact in any order. */
const integers = (size, seed) => Array.from({ length: size }, (_, i) => ((i * 7 + seed * 3) % 11) - 5);
const range = (n) => Array.from({ length: n }, (_, i) => i);

let checks = 0;
/** Equal within a relative error; 0 means the same numbers. */
function check(name, actual, expected, tolerance = 0) {
  const values = Array.from(actual.dataSync());
  assert.equal(values.length, expected.length, `${name}: size`);
  for (const [i, value] of values.entries()) {
    const error = Math.abs(value - expected[i]);
    const bound = tolerance * Math.max(1, Math.abs(expected[i]));
    assert.ok(Object.is(value, expected[i]) || error <= bound, `${name}[${i}] is ${value}, expected ${expected[i]}`);
  }
  checks++;
}

/** One element of a 3x3 convolution with stride 2 and padding (top 1, left 2) over 2 channels of 19 x 23. */
function convolution(x, w, k, oy, ox) {
  let sum = 0;
  for (const c of range(2)) {
    for (const tap of range(9)) {
      const y = 2 * oy + Math.floor(tap / 3) - 1;
      const column = 2 * ox + (tap % 3) - 2;
      if (y >= 0 && y < 19 && column >= 0 && column < 23)
        sum += x[(c * 19 + y) * 23 + column] * w[(k * 2 + c) * 9 + tap];
    }
  }
  return sum;
}

for (const dtype of ['float32', 'float64']) {
  const tolerance = dtype === 'float32' ? 2e-6 : 1e-14;
  const make = (values, shape) => r.tensor(values, { shape, dtype });

  const x = integers(2 * 19 * 23, 1);
  const w = integers(5 * 2 * 9, 2);
  const options = { stride: 2, padding: { top: 1, bottom: 2, left: 2, right: 1 } };
  const output = range(5 * 10 * 12).map((i) => convolution(x, w, Math.floor(i / 120), Math.floor(i / 12) % 10, i % 12));
  for (const algorithm of ['im2col', 'implicit']) {
    const actual = r.conv2d(make(x, [1, 2, 19, 23]), make(w, [5, 2, 3, 3]), { ...options, algorithm });
    assert.deepEqual(actual.shape, [1, 5, 10, 12]);
    check(`conv2d ${algorithm} ${dtype}`, actual, output);
  }

  const plane = integers(18 * 38, 3);
  const largest = range(9 * 19).map((i) => {
    const at = 2 * 38 * Math.floor(i / 19) + 2 * (i % 19);
    return Math.max(plane[at], plane[at + 1], plane[at + 38], plane[at + 39]);
  });
  check(`maxPool2d ${dtype}`, r.maxPool2d(make(plane, [1, 1, 18, 38]), { kernelSize: 2 }), largest);

  const a = integers(13 * 37, 4);
  const b = integers(37 * 21, 5);
  const product = range(13 * 21).map((i) =>
    range(37).reduce((sum, k) => sum + a[Math.floor(i / 21) * 37 + k] * b[k * 21 + (i % 21)], 0),
  );
  check(`matmul ${dtype}`, r.matmul(make(a, [13, 37]), make(b, [37, 21])), product);

  check(`sum ${dtype}`, r.sum(make(a, [13, 37])), [a.reduce((sum, v) => sum + v)]);
  check(
    `add ${dtype}`,
    r.add(make(a, [13, 37]), make(b.slice(0, 37), [37])),
    a.map((v, i) => v + b[i % 37]),
  );
  check(
    `relu ${dtype}`,
    r.relu(make(a, [13, 37])),
    a.map((v) => Math.max(v, 0)),
  );
  check(`exp ${dtype}`, r.exp(make(a, [13, 37])), a.map(Math.exp), tolerance);
  check(`tanh ${dtype}`, r.tanh(make(a, [13, 37])), a.map(Math.tanh), tolerance);
  const total = a.slice(0, 37).reduce((sum, v) => sum + Math.exp(v), 0);
  const softmax = a.slice(0, 37).map((v) => Math.exp(v) / total);
  check(`softmax ${dtype}`, r.softmax(make(a.slice(0, 37), [37])), softmax, tolerance);

  const parameter = make(a, [13, 37]);
  r.sgdStep_(parameter, make(a, [13, 37]), { learningRate: 0.5 });
  check(
    `sgdStep_ ${dtype}`,
    parameter,
    a.map((v) => v - 0.5 * v),
  );
}

const bytes = integers(101, 6).map((v) => v + 5);
check('cast uint8', r.cast(r.tensor(bytes, { dtype: 'uint8' }), 'float32'), bytes);
check(
  'transpose int32',
  r.transpose(r.tensor(integers(77, 7), { shape: [7, 11], dtype: 'int32' })),
  range(77).map((i) => integers(77, 7)[(i % 7) * 11 + Math.floor(i / 7)]),
);

// Uniform numbers lie in [0, 1) and are not constant; that they are the right ones is tested elsewhere.
r.manualSeed(1);
const uniform = r.rand([1000]).dataSync();
assert.ok(uniform.every((v) => v >= 0 && v < 1) && new Set(uniform).size > 900, 'rand');
checks++;

// And every operation with every element type once, whatever it computes.
assert.deepEqual(probe(), []);

console.log(`${target}: ${checks} checks passed`);

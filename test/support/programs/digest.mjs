// Prints, as JSON, the CPU target in use and a digest of the bits of many results: of integer-valued problems, which are
// exact in any order of summation, and of random numbers.
import { createHash } from 'node:crypto';
import * as r from '../../../dist/index.mjs';

const { grad, tidy } = r;
const digests = {};

function record(name, ...tensors) {
  const hash = createHash('sha256');
  for (const tensor of tensors) {
    hash.update(`${tensor.dtype} ${tensor.shape.join()}`);
    hash.update(tensor.dataSync());
  }
  digests[name] = hash.digest('hex');
}

/** Small integers as floats. */
function integers(shape, low = -4, high = 5) {
  return r.randint(low, high, shape).cast('float32');
}

r.manualSeed(1234);
tidy(() => {
  record('rand', r.rand([10_007]), r.rand([10_007], { dtype: 'float64' }));
  record('randn', r.randn([10_007]), r.randn([10_007], { dtype: 'float64' }));
  record(
    'dropout',
    r.dropout(r.ones([10_007]), { p: 0.3 }),
    r.dropout(r.ones([333], { dtype: 'float64' }), { p: 0.9 }),
  );
  record('randint', r.randint(-5, 1000, [10_007]), r.randint(0, 256, [1001], { dtype: 'uint8' }));
});

const problems = [
  { input: [2, 8, 13, 17], weight: [12, 8, 3, 5], options: { padding: [1, 2] } },
  { input: [2, 9, 12, 7], weight: [6, 3, 2, 3], options: { groups: 3, stride: [2, 1], dilation: [1, 2] } },
  { input: [1, 33, 9, 11], weight: [40, 33, 1, 1], options: {} },
  {
    input: [3, 5, 8, 9],
    weight: [5, 1, 3, 2],
    options: { groups: 5, padding: { top: 1, bottom: 0, left: 2, right: 1 } },
  },
  { input: [2, 10, 14, 4], weight: [7, 4, 3, 3], options: { layout: 'NHWC', padding: 1 } },
];
for (const [i, { input, weight, options }] of problems.entries()) {
  tidy(() => {
    const [x, w] = [integers(input), integers(weight)];
    for (const algorithm of ['im2col', 'implicit', 'auto']) {
      const settings = { ...options, algorithm };
      const y = r.conv2d(x, w, settings);
      const gx = grad.conv2dInput(input, w, y, settings);
      const gw = grad.conv2dWeight(x, weight, y, settings);
      record(`conv2d ${i} ${algorithm}`, y, gx, gw, grad.conv2dBias(y, { layout: options.layout }));
    }
  });
}

for (const layout of ['NCHW', 'NHWC']) {
  tidy(() => {
    const x = integers([2, 9, 11, 10], -20, 20);
    const window = { kernelSize: [3, 2], stride: [2, 1], padding: { top: 1, bottom: 0, left: 0, right: 1 }, layout };
    const { output, indices } = r.maxPool2dWithIndices(x, window);
    record(`maxPool2d ${layout}`, output, indices, grad.maxPool2d(output, indices, x.shape, window));
    const powers = { kernelSize: [2, 4], layout };
    const average = r.avgPool2d(x, powers);
    record(`avgPool2d ${layout}`, average, grad.avgPool2d(average, x.shape, powers));
  });
}

tidy(() => {
  const [a, b] = [integers([61, 133]), integers([133, 47])];
  record('matmul', r.matmul(a, b), r.matmul(b, a, { transposeA: true, transposeB: true }));
  const x = integers([13, 517]);
  record(
    'reduce',
    r.sum(x),
    r.sum(x, { axis: 0 }),
    r.sum(x, { axis: 1 }),
    r.max(x, { axis: 1 }),
    r.argmax(x, { axis: 0 }),
  );
  record('im2col', r.im2col(integers([1, 3, 9, 7]), { kernelSize: [2, 3], padding: 1 }));
  const y = integers([517], 1, 9);
  record('arithmetic', r.add(x, y), r.sub(x, y), r.mul(x, y), r.div(x, y), r.maximum(x, y), r.sqrt(y), r.relu(x));
  record('comparison', r.greater(x, y), r.equal(x, y), r.where(r.less(x, y), x, y));
  const bits = r.randint(-(2 ** 31), 2 ** 31 - 1, [1003]);
  record('integers', r.add(bits, bits), r.mul(bits, bits), bits.cast('uint8'), bits.cast('float32'), r.sum(bits));
  record(
    'copies',
    r.concat([x, x], 1),
    r.permute(x, [1, 0]),
    r.pad(x, [
      [1, 2],
      [3, 4],
    ]),
  );
});

process.stdout.write(JSON.stringify({ target: r.devices()[0].target, digests }));

// What the README's table of operations claims: element types, devices and gradient kernels of each public function, with a call
// on small tensors for each claim. test/tools/probe.mjs makes the calls; scripts/readmeTables.mjs renders the table.
//
// `call(t, r)` gets t(shape), a tensor of the element type in question, t.of(dtype, shape), and the package.
// `gradients` are rows of the same kind, for the functions of `grad` that belong to the op; they take float32 and float64.

/** @typedef {import('receptive').DType} DType */

const floats = ['float32', 'float64'];
const numbers = ['float32', 'float64', 'int32', 'uint8'];
const signed = ['float32', 'float64', 'int32'];
const all = ['float32', 'float64', 'int32', 'uint8', 'bool'];
const bool = ['bool'];

/** Kinds of devices on which every operation runs. */
export const devices = ['cpu', 'cuda'];

const x = [1, 2, 5, 4]; // input of window ops
const w = [3, 2, 3, 2]; // 3 filters of 3x2
const y = [1, 3, 3, 3]; // their output
const volume = { x: [1, 2, 4, 5, 4], w: [3, 2, 2, 3, 2], y: [1, 3, 3, 3, 3] };
const pool = { kernelSize: [2, 3], stride: [2, 1] };
const pooled = [1, 2, 2, 2];
const [x1, w1, y1] = [
  [1, 2, 6],
  [3, 2, 3],
  [1, 3, 4],
]; // the same along one axis
const wt = [2, 3, 3, 2]; // filters of a transposed convolution
const yt = [1, 3, 7, 5]; // its output

const window = [
  {
    name: 'conv2d',
    dtypes: floats,
    call: (t, r) => r.conv2d(t(x), t(w), { bias: t([3]) }),
    gradients: {
      conv2d: (t, r) => Object.values(r.grad.conv2d(t(y), t(x), t(w), { biasGrad: true })),
      conv2dInput: (t, r) => r.grad.conv2dInput(x, t(w), t(y)),
      conv2dWeight: (t, r) => r.grad.conv2dWeight(t(x), w, t(y)),
      conv2dBias: (t, r) => r.grad.conv2dBias(t(y)),
    },
  },
  {
    name: 'conv3d',
    dtypes: floats,
    call: (t, r) => r.conv3d(t(volume.x), t(volume.w), { bias: t([3]) }),
    gradients: {
      conv3d: (t, r) => Object.values(r.grad.conv3d(t(volume.y), t(volume.x), t(volume.w), { biasGrad: true })),
      conv3dInput: (t, r) => r.grad.conv3dInput(volume.x, t(volume.w), t(volume.y)),
      conv3dWeight: (t, r) => r.grad.conv3dWeight(t(volume.x), volume.w, t(volume.y)),
      conv3dBias: (t, r) => r.grad.conv3dBias(t(volume.y)),
    },
  },
  {
    name: 'conv1d',
    dtypes: floats,
    call: (t, r) => r.conv1d(t(x1), t(w1), { bias: t([3]) }),
    gradients: {
      conv1d: (t, r) => Object.values(r.grad.conv1d(t(y1), t(x1), t(w1))),
      conv1dInput: (t, r) => r.grad.conv1dInput(x1, t(w1), t(y1)),
      conv1dWeight: (t, r) => r.grad.conv1dWeight(t(x1), w1, t(y1)),
      conv1dBias: (t, r) => r.grad.conv1dBias(t(y1)),
    },
  },
  {
    name: 'convTranspose2d',
    dtypes: floats,
    call: (t, r) => r.convTranspose2d(t(x), t(wt), { bias: t([3]) }),
    gradients: {
      convTranspose2d: (t, r) => Object.values(r.grad.convTranspose2d(t(yt), t(x), t(wt))),
      convTranspose2dInput: (t, r) => r.grad.convTranspose2dInput(x, t(wt), t(yt)),
      convTranspose2dWeight: (t, r) => r.grad.convTranspose2dWeight(t(x), wt, t(yt)),
      convTranspose2dBias: (t, r) => r.grad.convTranspose2dBias(t(yt)),
    },
  },
  {
    name: 'im2col',
    dtypes: floats,
    call: (t, r) => r.im2col(t(x), { kernelSize: [3, 2] }),
    gradients: { im2col: (t, r) => r.grad.im2col(t([1, 12, 9]), x, { kernelSize: [3, 2] }) },
  },
  {
    name: 'col2im',
    dtypes: floats,
    call: (t, r) => r.col2im(t([1, 12, 9]), { inputShape: x, kernelSize: [3, 2] }),
    gradients: { col2im: (t, r) => r.grad.col2im(t(x), { inputShape: x, kernelSize: [3, 2] }) },
  },
  {
    name: 'maxPool2d',
    dtypes: floats,
    call: (t, r) => r.maxPool2d(t(x), pool),
    gradients: { maxPool2d: (t, r) => r.grad.maxPool2d(t(pooled), t.of('int32', pooled), x, pool) },
  },
  {
    name: 'maxPool2dWithIndices',
    dtypes: floats,
    call: (t, r) => Object.values(r.maxPool2dWithIndices(t(x), pool)),
    sharedGradient: 'maxPool2d',
  },
  {
    name: 'avgPool2d',
    dtypes: floats,
    call: (t, r) => r.avgPool2d(t(x), pool),
    gradients: { avgPool2d: (t, r) => r.grad.avgPool2d(t(pooled), x, pool) },
  },
  {
    name: 'maxPool1d',
    dtypes: floats,
    call: (t, r) => r.maxPool1d(t(x1), { kernelSize: 2 }),
    gradients: { maxPool1d: (t, r) => r.grad.maxPool1d(t([1, 2, 3]), t.of('int32', [1, 2, 3]), x1, { kernelSize: 2 }) },
  },
  {
    name: 'maxPool1dWithIndices',
    dtypes: floats,
    call: (t, r) => Object.values(r.maxPool1dWithIndices(t(x1), { kernelSize: 2 })),
    sharedGradient: 'maxPool1d',
  },
  {
    name: 'avgPool1d',
    dtypes: floats,
    call: (t, r) => r.avgPool1d(t(x1), { kernelSize: 2 }),
    gradients: { avgPool1d: (t, r) => r.grad.avgPool1d(t([1, 2, 3]), x1, { kernelSize: 2 }) },
  },
  {
    name: 'adaptiveAvgPool2d',
    dtypes: floats,
    call: (t, r) => r.adaptiveAvgPool2d(t(x), [2, 2]),
    gradients: { adaptiveAvgPool2d: (t, r) => r.grad.adaptiveAvgPool2d(t(pooled), x) },
  },
  {
    name: 'globalAvgPool2d',
    dtypes: floats,
    call: (t, r) => r.globalAvgPool2d(t(x)),
    gradients: { globalAvgPool2d: (t, r) => r.grad.globalAvgPool2d(t([1, 2, 1, 1]), x) },
  },
];

const perChannel = (t) => ({ weight: t([2]), bias: t([2]), training: true });
const rowOf4 = (t) => ({ weight: t([4]), bias: t([4]) });
const response = { size: 3 };

const normalisation = [
  {
    name: 'batchNorm',
    dtypes: floats,
    call: (t, r) => r.batchNorm(t(x), perChannel(t)),
    gradients: {
      batchNorm: (t, r) =>
        Object.values(r.grad.batchNorm(t(x), t(x), t([2]), t([2]), { weight: t([2]), training: true })),
    },
  },
  {
    name: 'batchNormWithStatistics',
    dtypes: floats,
    call: (t, r) => Object.values(r.batchNormWithStatistics(t(x), perChannel(t))),
    sharedGradient: 'batchNorm',
  },
  {
    name: 'layerNorm',
    dtypes: floats,
    call: (t, r) => r.layerNorm(t([2, 3, 4]), rowOf4(t)),
    gradients: {
      layerNorm: (t, r) =>
        Object.values(r.grad.layerNorm(t([2, 3, 4]), t([2, 3, 4]), t([2, 3]), t([2, 3]), { weight: t([4]) })),
    },
  },
  {
    name: 'layerNormWithStatistics',
    dtypes: floats,
    call: (t, r) => Object.values(r.layerNormWithStatistics(t([2, 3, 4]), rowOf4(t))),
    sharedGradient: 'layerNorm',
  },
  {
    name: 'localResponseNorm',
    dtypes: floats,
    call: (t, r) => r.localResponseNorm(t(x), response),
    gradients: { localResponseNorm: (t, r) => r.grad.localResponseNorm(t(x), t(x), t(x), response) },
  },
  {
    name: 'dropout',
    dtypes: floats,
    call: (t, r) => r.dropout(t([2, 3]), { rngState: { seed: [1, 2], offset: 0 } }),
    gradients: { dropout: (t, r) => r.grad.dropout(t([2, 3]), r.getRngState()) },
  },
];

const linear = [
  {
    name: 'matmul',
    dtypes: floats,
    call: (t, r) => r.matmul(t([2, 2, 3]), t([3, 4])),
    gradients: { matmul: (t, r) => Object.values(r.grad.matmul(t([2, 4]), t([2, 3]), t([3, 4]))) },
  },
  {
    name: 'linear',
    dtypes: floats,
    call: (t, r) => r.linear(t([2, 3]), t([4, 3]), t([4])),
    gradients: { linear: (t, r) => Object.values(r.grad.linear(t([2, 4]), t([2, 3]), t([4, 3]))) },
  },
];

/** An activation or unary op and, if it has one, its gradient, which takes the output or the input and arguments. */
const pointwise = (name, dtypes, gradient = true, args = []) => ({
  name,
  dtypes,
  call: (t, r) => r[name](t([2, 3]), ...args),
  ...(gradient ? { gradients: { [name]: (t, r) => r.grad[name](t([2, 3]), t([2, 3]), ...args) } } : {}),
});

const activation = [
  ...['relu', 'relu6', 'leakyRelu', 'elu', 'selu', 'gelu', 'silu', 'mish', 'softplus'],
  ...['sigmoid', 'hardSigmoid', 'hardSwish', 'tanh'],
].map((name) => pointwise(name, floats));

activation.push(
  {
    name: 'prelu',
    dtypes: floats,
    call: (t, r) => r.prelu(t([2, 3]), t([3])),
    gradients: { prelu: (t, r) => Object.values(r.grad.prelu(t([2, 3]), t([2, 3]), t([3]))) },
  },
  pointwise('softmax', floats),
  pointwise('logSoftmax', floats),
);

const unary = [
  pointwise('neg', signed),
  ...['abs', 'square'].map((name) => pointwise(name, numbers)),
  pointwise('sign', numbers, false),
  ...['exp', 'log', 'sqrt', 'rsqrt', 'reciprocal'].map((name) => pointwise(name, floats)),
  ...['floor', 'ceil', 'round'].map((name) => pointwise(name, floats, false)),
  pointwise('clamp', numbers, true, [1, 2]),
  pointwise('logicalNot', bool, false),
  { name: 'cast', dtypes: all, call: (t, r) => all.map((dtype) => r.cast(t([2, 3]), dtype)) },
];

const binaryOp = (name, dtypes, gradient) => ({
  name,
  dtypes,
  call: (t, r) => r[name](t([2, 3]), t([3])),
  ...(gradient ? { gradients: { [name]: (t, r) => Object.values(r.grad[name](t([2, 3]), t([2, 3]), t([3]))) } } : {}),
});

const binary = [
  ...['add', 'sub', 'mul', 'div', 'maximum', 'minimum'].map((name) => binaryOp(name, numbers, true)),
  binaryOp('pow', floats, true),
  ...['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'].map((name) => binaryOp(name, all, false)),
  ...['logicalAnd', 'logicalOr', 'logicalXor'].map((name) => binaryOp(name, bool, false)),
  {
    name: 'where',
    dtypes: all,
    call: (t, r) => r.where(t.of('bool', [2, 3]), t([2, 3]), t([3])),
    gradients: {
      where: (t, r) => Object.values(r.grad.where(t([2, 3]), t.of('bool', [2, 3]), t([2, 3]), t([3]))),
    },
  },
];

const rows = { axis: 1 };
const extremum = (name) => ({
  name,
  dtypes: numbers,
  call: (t, r) => r[name](t([2, 3]), rows),
  gradients: { [name]: (t, r) => r.grad[name](t([2]), t([2, 3]), t([2]), rows) },
});

const reduction = [
  {
    name: 'sum',
    dtypes: all,
    call: (t, r) => r.sum(t([2, 3]), rows),
    gradients: { sum: (t, r) => r.grad.sum(t([2]), [2, 3], rows) },
  },
  {
    name: 'sumSquares',
    dtypes: floats,
    call: (t, r) => r.sumSquares(t([2, 3])),
    gradients: { sumSquares: (t, r) => r.grad.sumSquares(t([]), t([2, 3])) },
  },
  {
    name: 'mean',
    dtypes: all,
    call: (t, r) => r.mean(t([2, 3]), rows),
    gradients: { mean: (t, r) => r.grad.mean(t([2]), [2, 3], rows) },
  },
  {
    name: 'variance',
    dtypes: floats,
    call: (t, r) => r.variance(t([2, 3]), rows),
    gradients: { variance: (t, r) => r.grad.variance(t([2]), t([2, 3]), rows) },
  },
  extremum('max'),
  extremum('min'),
  ...['argmax', 'argmin'].map((name) => ({ name, dtypes: numbers, call: (t, r) => r[name](t([2, 3]), rows) })),
];

const shape = [
  {
    name: 'concat',
    dtypes: all,
    call: (t, r) => r.concat([t([2, 3]), t([1, 3])]),
    gradients: { concat: (t, r) => r.grad.concat(t([3, 3]), [2, 1]) },
  },
  {
    name: 'stack',
    dtypes: all,
    call: (t, r) => r.stack([t([2, 3]), t([2, 3])]),
    gradients: { stack: (t, r) => r.grad.stack(t([2, 2, 3])) },
  },
  {
    name: 'split',
    dtypes: all,
    call: (t, r) => r.split(t([4, 3]), 2),
    gradients: { split: (t, r) => r.grad.split([t([2, 3]), t([2, 3])]) },
  },
  {
    name: 'slice',
    dtypes: all,
    call: (t, r) => r.slice(t([3, 4]), [1, 1], [3, 3]),
    gradients: { slice: (t, r) => r.grad.slice(t([2, 2]), [3, 4], [1, 1], [3, 3]) },
  },
  {
    name: 'pad',
    dtypes: all,
    call: (t, r) =>
      r.pad(t([2, 3]), [
        [1, 0],
        [0, 2],
      ]),
    gradients: {
      pad: (t, r) =>
        r.grad.pad(t([3, 5]), [
          [1, 0],
          [0, 2],
        ]),
    },
  },
  {
    name: 'permute',
    dtypes: all,
    call: (t, r) => r.permute(t([2, 3, 4]), [2, 0, 1]),
    gradients: { permute: (t, r) => r.grad.permute(t([4, 2, 3]), [2, 0, 1]) },
  },
  {
    name: 'transpose',
    dtypes: all,
    call: (t, r) => r.transpose(t([2, 3])),
    gradients: { transpose: (t, r) => r.grad.transpose(t([3, 2])) },
  },
  { name: 'clone', dtypes: all, call: (t, r) => r.clone(t([2, 3])) },
  {
    name: 'gather',
    dtypes: all,
    call: (t, r) => r.gather(t([4, 3]), t.of('int32', [2]), 0),
    gradients: { gather: (t, r) => r.grad.gather(t([2, 3]), t.of('int32', [2]), [4, 3], 0) },
  },
  {
    name: 'gatherElements',
    dtypes: all,
    call: (t, r) => r.gatherElements(t([4, 3]), t.of('int32', [2, 3]), 0),
    gradients: { gatherElements: (t, r) => r.grad.gatherElements(t([2, 3]), t.of('int32', [2, 3]), [4, 3], 0) },
  },
  {
    name: 'topk',
    dtypes: numbers,
    call: (t, r) => Object.values(r.topk(t([2, 4]), 2)),
    gradients: { topk: (t, r) => r.grad.topk(t([2, 2]), t.of('int32', [2, 2]), [2, 4]) },
  },
  { name: 'oneHot', dtypes: ['int32'], call: (t, r) => r.oneHot(t([2]), 4) },
];

const elementwiseLoss = (name) => ({
  name,
  dtypes: floats,
  call: (t, r) => r[name](t([2, 3]), t([2, 3])),
  gradients: { [name]: (t, r) => r.grad[name](t([]), t([2, 3]), t([2, 3])) },
});

const classLoss = (name) => ({
  name,
  dtypes: floats,
  call: (t, r) => r[name](t([2, 3]), t.of('int32', [2])),
  gradients: { [name]: (t, r) => r.grad[name](t([]), t([2, 3]), t.of('int32', [2])) },
});

const loss = [
  classLoss('crossEntropy'),
  classLoss('nllLoss'),
  ...['mseLoss', 'sumSquaredError', 'binaryCrossEntropy', 'binaryCrossEntropyWithLogits', 'hingeLoss'].map(
    elementwiseLoss,
  ),
];

const update = [
  {
    name: 'sgdStep_',
    dtypes: floats,
    call: (t, r) => {
      const parameter = t([2, 3]);
      r.sgdStep_(parameter, t([2, 3]), { learningRate: 0.1, momentum: 0.9, velocity: t([2, 3]) });
      return parameter;
    },
  },
  {
    name: 'adamStep_',
    dtypes: floats,
    call: (t, r) => {
      const parameter = t([2, 3]);
      const state = { firstMoment: t([2, 3]), secondMoment: t([2, 3]), step: 1 };
      r.adamStep_(parameter, t([2, 3]), { learningRate: 0.1, ...state });
      return parameter;
    },
  },
  {
    name: 'rmspropStep_',
    dtypes: floats,
    call: (t, r) => {
      const parameter = t([2, 3]);
      r.rmspropStep_(parameter, t([2, 3]), { learningRate: 0.1, squareAverage: t([2, 3]) });
      return parameter;
    },
  },
  {
    name: 'scale_',
    dtypes: floats,
    call: (t, r) => {
      const tensor = t([2, 3]);
      r.scale_(tensor, t([]));
      return tensor;
    },
  },
];

/** Sections of the table, in its order. */
export const families = [
  { title: 'Window operations', ops: window },
  { title: 'Products', ops: linear },
  { title: 'Normalisation and dropout', ops: normalisation },
  { title: 'Activations', ops: activation },
  { title: 'One tensor, element by element', ops: unary },
  { title: 'Two tensors, broadcast', ops: binary },
  { title: 'Reductions', ops: reduction },
  { title: 'Shape and order', ops: shape },
  { title: 'Losses', ops: loss },
  { title: 'Parameter updates, in place', ops: update },
];

/** Public functions that the table leaves out: they compute nothing on tensors. */
export const notOps = new Set([
  ...['tensor', 'zeros', 'ones', 'full', 'eye', 'arange', 'linspace', 'rand', 'randn', 'randint'],
  ...['manualSeed', 'getRngState', 'setRngState', 'withSampleRange', 'tidy', 'keep', 'profile', 'chromeTrace'],
  ...['synchronize', 'noGrad', 'gradients', 'customGradient', 'checkpoint'],
  ...['devices', 'getDefaultDevice', 'setDefaultDevice', 'withDevice', 'getNumThreads', 'setNumThreads'],
  ...['getMatmulPrecision', 'setMatmulPrecision', 'memoryStats', 'setMemoryLimit', 'emptyCache', 'resetPeakMemory'],
  ...['convOutputSize', 'convAlgorithms', 'convSearchResults', 'loadConvSearchResults', 'clearConvSearchResults'],
]);

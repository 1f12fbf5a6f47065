// Plausible calls of every function: the fuzz spoils some of their arguments.

export function recipes(random, { shape, tensor, anyTensor, outputShape }) {
  const { integer, chance, pick } = random;
  const float = () => (chance(0.8) ? 'float32' : 'float64');
  const maybe = (options) => Object.fromEntries(Object.entries(options).filter(() => chance(0.6)));
  const axisOf = (extents) => integer(-extents.length, Math.max(extents.length - 1, 0));

  const windowOptions = () =>
    maybe({
      stride: pick([1, 2, [1, 3]]),
      padding: pick([0, 1, [1, 0], 'same', 'valid', { top: 1, bottom: 0, left: 1, right: 2 }]),
      dilation: pick([1, [2, 1]]),
    });

  const convolution = () => {
    const groups = pick([1, 1, 2]);
    const [c, k] = [groups * integer(1, 3), groups * integer(1, 3)];
    const layout = pick(['NCHW', 'NHWC']);
    const [n, h, w] = [integer(0, 2), integer(5, 9), integer(4, 9)];
    const x = layout === 'NCHW' ? [n, c, h, w] : [n, h, w, c];
    const options = {
      groups,
      layout,
      ...windowOptions(),
      ...maybe({ algorithm: chance(0.02) ? 'search' : pick(['auto', 'im2col', 'implicit']) }),
      ...maybe({ workspaceLimit: integer(200_000, 1_000_000) }),
    };
    // The window fits, whatever the padding and dilation.
    const weight = [k, c / groups, integer(1, 2), integer(1, 3)];
    return { x, w: weight, y: outputShape(x, weight, options), options };
  };

  // What winograd or direct compute; `byWeight`: the gradient by weight is asked for too.
  const special = (byWeight) => {
    const direct = byWeight || chance(0.5);
    const groups = direct ? integer(1, 4) : pick([1, 2]);
    const [c, k] = [groups * (direct && chance(0.5) ? 1 : integer(1, 4)), groups * integer(1, 9)];
    const x = [integer(0, 2), c, integer(3, 12), integer(3, 20)];
    const options = {
      groups,
      padding: pick([1, 2, [0, 1], { top: 1, bottom: 0, left: 2, right: 1 }]),
      algorithm: direct ? 'direct' : pick(['winograd', 'winogradF2', 'winogradF4']),
      ...(direct ? maybe({ stride: pick([1, 2, [2, 1]]) }) : {}),
    };
    const weight = [k, c / groups, 3, 3];
    return { x, w: weight, y: outputShape(x, weight, options), options };
  };
  const anyConvolution = (byWeight) => (chance(0.3) ? special(byWeight) : convolution());

  // The window fits, whatever the padding and dilation.
  const volumes = () => {
    const groups = pick([1, 1, 2]);
    const [c, k] = [groups * integer(1, 3), groups * integer(1, 3)];
    const [input, kernel] = [
      [integer(2, 4), integer(5, 7), integer(4, 8)],
      [integer(1, 2), integer(1, 3), integer(1, 2)],
    ];
    const { stride, padding } = { stride: 1, padding: 0, ...maybe({ stride: pick([1, 2]), padding: pick([0, 1, 2]) }) };
    const output = input.map((extent, i) => Math.floor((extent + 2 * padding - kernel[i]) / stride) + 1);
    const [n, options] = [integer(0, 2), { groups, stride: [stride, stride, stride], padding }];
    return { x: [n, c, ...input], w: [k, c / groups, ...kernel], y: [n, k, ...output], options };
  };

  // A convolution along one axis, and a transposed one.
  const line = () => {
    const groups = pick([1, 1, 2]);
    const [c, k] = [groups * integer(1, 3), groups * integer(1, 3)];
    const layout = pick(['NCW', 'NWC']);
    const [n, width] = [integer(0, 2), integer(6, 12)];
    const [stride, dilation, taps] = [integer(1, 2), integer(1, 2), integer(1, 3)];
    const [before, after] = [integer(0, 2), integer(0, 2)];
    const outputs = Math.floor((width + before + after - dilation * (taps - 1) - 1) / stride) + 1;
    const shaped = (channels, extent) => (layout === 'NCW' ? [n, channels, extent] : [n, extent, channels]);
    const options = { groups, layout, stride, dilation, padding: [before, after], ...maybe({ algorithm: 'implicit' }) };
    return { x: shaped(c, width), w: [k, c / groups, taps], y: shaped(k, outputs), options };
  };
  const transposed = () => {
    const groups = pick([1, 1, 2]);
    const [c, k] = [groups * integer(1, 3), integer(1, 3)];
    const layout = pick(['NCHW', 'NHWC']);
    const [n, h, w, taps] = [integer(0, 2), integer(2, 5), integer(3, 6), [integer(1, 2), integer(1, 3)]];
    const [stride, dilation, padding] = [pick([1, 2]), pick([1, 2]), pick([0, 1])];
    const outputPadding = integer(0, Math.max(stride, dilation) - 1);
    const extent = (input, kernel) => (input - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1;
    const shaped = (channels, height, width) =>
      layout === 'NCHW' ? [n, channels, height, width] : [n, height, width, channels];
    return {
      x: shaped(c, h, w),
      w: [c, k, ...taps],
      y: shaped(k * groups, extent(h, taps[0]), extent(w, taps[1])),
      channels: k * groups,
      options: { groups, layout, stride, dilation, padding, outputPadding, ...maybe({ algorithm: 'implicit' }) },
    };
  };

  const image = () => [integer(0, 2), integer(1, 3), integer(4, 8), integer(5, 9)];
  const pooling = () => ({ kernelSize: pick([2, [2, 3], 1]), ...windowOptions(), ...maybe({ ceilMode: chance(0.5) }) });
  const same = (count, dtype = float()) => {
    const extents = shape();
    return Array.from({ length: count }, () => tensor(extents, dtype));
  };
  const pointwise = () => [tensor(shape(), float())];
  const binary = () => {
    const extents = shape();
    const dtype = pick(['float32', 'float64', 'int32', 'uint8']);
    const other = chance(0.3) ? 2 : tensor(chance(0.5) ? extents : extents.map((e) => (chance(0.3) ? 1 : e)), dtype);
    return [tensor(extents, dtype), other];
  };
  const reduction = () => {
    const extents = shape();
    return [tensor(extents, float()), maybe({ axis: extents.length ? axisOf(extents) : [], keepDims: chance(0.5) })];
  };
  const loss = () => [...same(2), maybe({ reduction: pick(['mean', 'sum', 'none']) })];
  const classes = () => {
    const [n, c] = [integer(0, 4), integer(1, 6)];
    return [tensor([n, c]), tensor([n], 'int32'), maybe({ reduction: pick(['mean', 'sum', 'none']) })];
  };

  const state = () => ({ seed: [integer(0, 9), 1], offset: integer(0, 1e6) });
  // Activations, one number per channel of theirs, and the layout.
  const normalised = () => {
    const last = chance(0.5);
    const [n, c, rest] = [integer(0, 3), integer(1, 5), pick([[], [4], [3, 2], [2, 1, 3]])];
    const dtype = float();
    return {
      x: () => tensor(last ? [n, ...rest, c] : [n, c, ...rest], dtype),
      perChannel: () => tensor([c], dtype),
      layout: last ? 'NHWC' : 'NCHW',
    };
  };
  const batchNorm = () => {
    const { x, perChannel, layout } = normalised();
    const running = chance(0.7) ? { runningMean: perChannel(), runningVar: perChannel() } : { training: true };
    return [x(), { layout, ...running, ...maybe({ weight: perChannel(), bias: perChannel(), epsilon: 1e-3 }) }];
  };
  const layerNorm = () => {
    const row = pick([[4], [2, 3], [1]]);
    return [
      tensor([integer(0, 3), ...row]),
      { normalizedShape: row, ...maybe({ weight: tensor(row), bias: tensor(row) }) },
    ];
  };
  const response = () => ({ size: integer(1, 4), ...maybe({ alpha: 0.5, beta: pick([0.5, 0.75, 1.2]), k: 2 }) });

  const ops = {
    tensor: () => [pick([[1, 2, 3], 5, [[1], [2]], new Float32Array(6), [true, false], new Int32Array(3)]), {}],
    zeros: () => [shape(), maybe({ dtype: pick(['float32', 'bool', 'int32']) })],
    ones: () => [shape()],
    full: () => [shape(), 3.5],
    eye: () => [integer(0, 5), integer(0, 5)],
    arange: () => [0, integer(0, 50), pick([1, 2, 0.5])],
    linspace: () => [0, 1, integer(0, 50)],
    rand: () => [shape()],
    randn: () => [shape(), maybe({ dtype: float() })],
    randint: () => [-3, 9, shape()],
    conv2d: () => {
      const { x, w, options } = anyConvolution(false);
      return [tensor(x), tensor(w), { ...options, ...maybe({ bias: tensor([w[0]]) }) }];
    },
    conv3d: () => {
      const { x, w, options } = volumes();
      return [tensor(x), tensor(w), { ...options, ...maybe({ bias: tensor([w[0]]), padding: 'same' }) }];
    },
    conv1d: () => {
      const { x, w, options } = line();
      return [tensor(x), tensor(w), { ...options, ...maybe({ bias: tensor([w[0]]) }) }];
    },
    convTranspose2d: () => {
      const { x, w, channels, options } = transposed();
      return [tensor(x), tensor(w), { ...options, ...maybe({ bias: tensor([channels]) }) }];
    },
    convOutputSize: () => {
      const { x, w, options } = convolution();
      return [x, w, options];
    },
    convAlgorithms: () => {
      const { x, w, options } = anyConvolution(false);
      return [x, w, { ...options, ...maybe({ direction: pick(['forward', 'input', 'weight']) }) }];
    },
    convSearchResults: () => [],
    clearConvSearchResults: () => [],
    loadConvSearchResults: () => [
      Array.from({ length: integer(0, 2) }, () => ({
        direction: pick(['forward', 'input', 'weight']),
        dtype: pick(['float32', 'float64']),
        target: pick(['x86-64', 'x86-64-v3', 'x86-64-v4', 'arm64']),
        ...{ threads: integer(1, 2), batch: integer(1, 2), channels: integer(1, 4), filters: integer(1, 4), groups: 1 },
        layout: pick(['NCHW', 'NHWC']),
        ...{ input: [integer(5, 9), integer(4, 9)], kernel: [integer(1, 2), integer(1, 3)], stride: [1, 1] },
        ...{ dilation: [1, 1], padding: [0, 0, 0, 0] },
        microseconds: { implicit: integer(1, 9), ...maybe({ im2col: integer(1, 9) }) },
      })),
    ],
    im2col: () => [tensor(image()), { kernelSize: pick([1, 2, [2, 3]]), ...windowOptions() }],
    col2im: () => [tensor([1, 8, 12]), { inputShape: [1, 2, 4, 5], kernelSize: 2 }],
    maxPool2d: () => [tensor(image(), float()), pooling()],
    maxPool2dWithIndices: () => [tensor(image(), float()), pooling()],
    avgPool2d: () => [tensor(image(), float()), { ...pooling(), ...maybe({ countIncludePad: chance(0.5) }) }],
    adaptiveAvgPool2d: () => [tensor(image()), pick([1, 3, [2, 5]])],
    globalAvgPool2d: () => [tensor(image())],
    maxPool1d: () => [tensor([2, 3, integer(4, 9)], float()), { kernelSize: integer(1, 3), ...maybe({ stride: 2 }) }],
    maxPool1dWithIndices: () => [
      tensor([2, 3, integer(4, 9)]),
      { kernelSize: integer(2, 3), padding: pick([0, 1, 'same']) },
    ],
    avgPool1d: () => [tensor([2, 3, integer(4, 9)]), { kernelSize: 3, ...maybe({ ceilMode: true, padding: [1, 0] }) }],
    matmul: () => {
      const [m, n, k] = [integer(0, 6), integer(1, 6), integer(0, 6)];
      return [tensor([m, k]), tensor([k, n])];
    },
    linear: () => [tensor([integer(0, 4), 5]), tensor([3, 5]), tensor([3])],
    prelu: () => [tensor([2, 3, 4]), tensor(pick([[3], [1], [4]]))],
    where: () => [tensor([2, 3], 'bool'), tensor([2, 3]), tensor([3])],
    clamp: () => [tensor(shape()), -1, 2],
    softmax: () => [tensor([integer(0, 3), integer(1, 9)], float()), pick([0, 1, -1])],
    logSoftmax: () => [tensor([2, 3, 4]), integer(-3, 2)],
    batchNorm,
    batchNormWithStatistics: batchNorm,
    layerNorm,
    layerNormWithStatistics: layerNorm,
    localResponseNorm: () => {
      const { x, layout } = normalised();
      return [x(), { ...response(), layout }];
    },
    dropout: () => [
      tensor(shape(), float()),
      maybe({ p: pick([0, 0.5, 1]), training: chance(0.8), rngState: state() }),
    ],
    withSampleRange: () => [{ first: integer(0, 4), total: integer(4, 9) }, () => anyTensor().clone()],
    concat: () => [[tensor([2, integer(0, 3)]), tensor([2, integer(0, 3)])], 1],
    stack: () => [same(integer(1, 3)), 0],
    split: () => [tensor([4, 6]), pick([2, [1, 3]]), 0],
    pad: () => [
      tensor([2, 3]),
      [
        [integer(0, 2), 1],
        [0, integer(0, 2)],
      ],
      1,
    ],
    permute: () => [
      tensor([2, 3, 4]),
      pick([
        [0, 1, 2],
        [2, 0, 1],
        [-1, 0, 1],
      ]),
    ],
    transpose: () => [tensor([2, 3, 4])],
    slice: () => [tensor([4, 5]), [integer(0, 2), 0], [integer(2, 4), 5]],
    gather: () => [tensor([integer(3, 6), 4]), tensor(pick([[], [3], [2, 2], [0]]), 'int32'), pick([0, 1, -1])],
    gatherElements: () => [tensor([3, 5]), tensor([integer(0, 3), integer(1, 5)], 'int32'), pick([0, 1, -2])],
    topk: () => [tensor([integer(0, 3), 6], float()), integer(0, 6), pick([1, -1]), maybe({ largest: chance(0.5) })],
    oneHot: () => [tensor([integer(0, 5)], 'int32'), integer(1, 6)],
    crossEntropy: classes,
    nllLoss: classes,
    sgdStep_: () => [...same(2), { learningRate: 0.1 }],
    adamStep_: () => {
      const [parameter, gradient, firstMoment, secondMoment] = same(4);
      const options = { learningRate: 0.1, step: integer(1, 9), ...maybe({ decoupled: chance(0.5) }) };
      return [parameter, gradient, { ...options, firstMoment, secondMoment }];
    },
    rmspropStep_: () => {
      const [parameter, gradient, squareAverage, gradientAverage, momentumBuffer] = same(5);
      const options = { learningRate: 0.1, squareAverage, ...(chance(0.5) ? { centered: true, gradientAverage } : {}) };
      return [parameter, gradient, { ...options, ...(chance(0.5) ? { momentum: 0.9, momentumBuffer } : {}) }];
    },
    scale_: () => {
      const dtype = float();
      return [tensor(shape(), dtype), chance(0.5) ? 0.5 : tensor([], dtype)];
    },
    sumSquares: pointwise,
    clone: () => [anyTensor()],
    cast: () => [anyTensor(), pick(['float32', 'int32', 'bool', 'uint8', 'float64'])],
    setRngState: () => [state()],
    getRngState: () => [],
    manualSeed: () => [integer(0, 1e9)],
    setNumThreads: () => [integer(1, 3)],
    getNumThreads: () => [],
    setMatmulPrecision: () => [pick(['highest', 'high'])],
    getMatmulPrecision: () => [],
    setDefaultDevice: () => ['cpu'],
    getDefaultDevice: () => [],
    memoryStats: () => [],
    resetPeakMemory: () => [],
    emptyCache: () => [],
    devices: () => [],
    tidy: () => [() => anyTensor().clone()],
    keep: () => [anyTensor()],
    noGrad: () => [() => anyTensor().clone()],
    // The fuzz may leave out or replace the operand, and what a callback throws is its own.
    checkpoint: () => [(x) => (typeof x?.clone === 'function' ? x : anyTensor()).clone(), anyTensor()],
    customGradient: () => [(_save, x) => x.clone(), (g) => g],
    gradients: () => {
      const leaf = Object.assign(tensor([], 'float32'), { requiresGrad: true });
      return [leaf, [leaf]];
    },
    withDevice: () => ['cpu', () => anyTensor().clone()],
    // Where its work fails a profile has no result, and a tensor within it would be left to the garbage collector.
    profile: () => [() => anyTensor().clone().dispose()],
    chromeTrace: () => [[]],
    synchronize: () => [],
  };
  const families = [
    [pointwise, 'relu relu6 leakyRelu elu selu gelu silu mish softplus sigmoid hardSigmoid hardSwish tanh'],
    [pointwise, 'neg abs exp log sqrt rsqrt square sign reciprocal floor ceil round'],
    [() => same(1, 'bool'), 'logicalNot'],
    [() => same(2, 'bool'), 'logicalAnd logicalOr logicalXor'],
    [binary, 'add sub mul div pow maximum minimum equal notEqual greater greaterEqual less lessEqual'],
    [reduction, 'sum mean max min argmax argmin variance'],
    [loss, 'mseLoss sumSquaredError binaryCrossEntropy binaryCrossEntropyWithLogits hingeLoss'],
  ];
  for (const [recipe, names] of families) for (const name of names.split(' ')) ops[name] = recipe;

  const gradients = {
    conv2dInput: () => {
      const { x, w, y, options } = anyConvolution(false);
      return [x, tensor(w), tensor(y), options];
    },
    conv2dWeight: () => {
      const { x, w, y, options } = anyConvolution(true);
      return [tensor(x), w, tensor(y), options];
    },
    conv2dBias: () => [tensor([2, 4, 4, 4]), {}],
    conv2d: () => {
      const { x, w, y, options } = anyConvolution(true);
      return [tensor(y), tensor(x), tensor(w), { ...options, ...maybe({ inputGrad: chance(0.5), biasGrad: false }) }];
    },
    conv3dInput: () => {
      const { x, w, y, options } = volumes();
      return [x, tensor(w), tensor(y), options];
    },
    conv3dWeight: () => {
      const { x, w, y, options } = volumes();
      return [tensor(x), w, tensor(y), options];
    },
    conv3dBias: () => [tensor([2, 4, 2, 3, 4])],
    conv3d: () => {
      const { x, w, y, options } = volumes();
      return [tensor(y), tensor(x), tensor(w), { ...options, ...maybe({ inputGrad: chance(0.5), biasGrad: false }) }];
    },
    conv1dInput: () => {
      const { x, w, y, options } = line();
      return [x, tensor(w), tensor(y), options];
    },
    conv1dWeight: () => {
      const { x, w, y, options } = line();
      return [tensor(x), w, tensor(y), options];
    },
    conv1dBias: () => [tensor([2, 4, 5]), {}],
    conv1d: () => {
      const { x, w, y, options } = line();
      return [tensor(y), tensor(x), tensor(w), { ...options, ...maybe({ weightGrad: chance(0.5) }) }];
    },
    convTranspose2dInput: () => {
      const { x, w, y, options } = transposed();
      return [x, tensor(w), tensor(y), options];
    },
    convTranspose2dWeight: () => {
      const { x, w, y, options } = transposed();
      return [tensor(x), w, tensor(y), options];
    },
    convTranspose2dBias: () => [tensor([2, 4, 4, 4]), {}],
    convTranspose2d: () => {
      const { x, w, y, options } = transposed();
      return [tensor(y), tensor(x), tensor(w), { ...options, ...maybe({ inputGrad: chance(0.5) }) }];
    },
    maxPool1d: () => [tensor([1, 2, 3]), tensor([1, 2, 3], 'int32'), [1, 2, 6], { kernelSize: 2 }],
    avgPool1d: () => [tensor([1, 2, 3]), [1, 2, 6], { kernelSize: 2 }],
    gather: () => [tensor([3, 4]), tensor([3], 'int32'), [integer(1, 6), 4], pick([0, -2])],
    gatherElements: () => [tensor([2, 3]), tensor([2, 3], 'int32'), [integer(2, 4), integer(3, 5)], pick([0, 1])],
    topk: () => [tensor([2, 3]), tensor([2, 3], 'int32'), [2, integer(3, 6)]],
    maxPool2d: () => [tensor([1, 2, 2, 3]), tensor([1, 2, 2, 3], 'int32'), [1, 2, 4, 6], { kernelSize: 2 }],
    avgPool2d: () => [tensor([1, 2, 2, 3]), [1, 2, 4, 6], { kernelSize: 2 }],
    adaptiveAvgPool2d: () => [tensor([1, 2, 2, 3]), [1, 2, 4, 6]],
    globalAvgPool2d: () => [tensor([1, 2, 1, 1]), [1, 2, 4, 6]],
    matmul: () => [tensor([2, 4]), tensor([2, 3]), tensor([3, 4])],
    linear: () => [tensor([2, 4]), tensor([2, 3]), tensor([4, 3]), { bias: true }],
    sum: () => [tensor([2]), [2, 3], { axis: 1 }],
    mean: () => [tensor([2]), [2, 3], { axis: 1 }],
    sumSquares: () => [tensor([]), tensor([2, 3])],
    max: () => [tensor([2]), tensor([2, 3]), tensor([2]), { axis: 1 }],
    variance: () => [tensor([2]), tensor([2, 3]), { axis: 1 }],
    crossEntropy: () => [tensor([]), ...classes()],
    nllLoss: () => [tensor([]), ...classes()],
    concat: () => [tensor([2, 5]), [2, 3], 1],
    split: () => [[tensor([2, 2]), tensor([2, 3])], 1],
    im2col: () => [tensor([1, 8, 12]), [1, 2, 4, 5], { kernelSize: 2 }],
    col2im: () => [tensor([1, 2, 4, 5]), { inputShape: [1, 2, 4, 5], kernelSize: 2 }],
    clamp: () => [...same(2), -1, 2],
    where: () => [tensor([2, 3]), tensor([2, 3], 'bool'), tensor([2, 3]), tensor([3])],
    pad: () => [
      tensor([4, 5]),
      [
        [1, 1],
        [0, 2],
      ],
    ],
    permute: () => [tensor([2, 3]), [1, 0]],
    slice: () => [tensor([1, 2]), [3, 4], [1, 0], [2, 2]],
    stack: () => [tensor([3, 2]), 0],
    transpose: () => [tensor([3, 2])],
    batchNorm: () => {
      const { x, perChannel, layout } = normalised();
      const options = { layout, training: chance(0.5), ...maybe({ weight: perChannel(), biasGrad: chance(0.5) }) };
      return [x(), x(), perChannel(), perChannel(), options];
    },
    layerNorm: () => [tensor([2, 3]), tensor([2, 3]), tensor([2]), tensor([2]), maybe({ weight: tensor([3]) })],
    localResponseNorm: () => {
      const { x, layout } = normalised();
      return [x(), x(), x(), { ...response(), layout }];
    },
    dropout: () => [tensor(shape(), float()), state(), maybe({ p: pick([0, 0.3, 1]) })],
    min: () => [tensor([3]), tensor([2, 3]), tensor([3]), { axis: 0 }],
    prelu: () => [tensor([2, 3]), tensor([2, 3]), tensor([3])],
  };
  const operands = () => [tensor([2, 3]), tensor(pick([[2, 3], [2, 1], [3]])), chance(0.3) ? 2 : tensor([2, 3])];
  const gradientFamilies = [
    [() => same(2), 'relu relu6 leakyRelu elu selu gelu silu mish softplus sigmoid hardSigmoid hardSwish tanh'],
    [() => same(2), 'neg abs exp log sqrt rsqrt square reciprocal'],
    [operands, 'add sub mul div pow maximum minimum'],
    [() => [tensor([2, 3]), tensor([2, 3]), pick([0, 1, -1])], 'softmax logSoftmax'],
    [
      () => [tensor([]), ...loss()],
      'mseLoss sumSquaredError binaryCrossEntropy binaryCrossEntropyWithLogits hingeLoss',
    ],
  ];
  for (const [recipe, names] of gradientFamilies) for (const name of names.split(' ')) gradients[name] = recipe;

  const methods = {
    data: () => [],
    dataSync: () => [],
    item: () => [],
    toArray: () => [],
    readInto: () => [new Float32Array(integer(0, 30))],
    to: () => ['cpu'],
    cast: () => [pick(['float32', 'int32'])],
    reshape: () => [pick([[-1], [2, -1], shape()])],
    slice: () => [integer(-2, 2), integer(0, 3)],
    clone: () => [],
    detach: () => [],
    copy_: () => [anyTensor()],
    backward: () => [],
    toString: () => [],
  };
  return { ops, gradients, methods };
}

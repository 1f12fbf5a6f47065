// Calls of ops that random numbers hardly ever make valid. A recipe gives shapes and attributes that fit each other; the fuzzer
// then spoils a few of them, which reaches deeper than noise does.

const dtype = { float32: 0, float64: 1, int32: 2, uint8: 3, bool: 4 };

/** `{ op, inputs: [[dtype, shape]], outputs: [[dtype, shape]], attrs: [...] }` for one of the ops below. */
export function recipe(below) {
  const float = below(2);
  const [n, c, k] = [1 + below(2), 1 + below(4), 1 + below(4)];
  const pick = (list) => list[below(list.length)];

  const window = () => {
    const kernel = [1 + below(3), 1 + below(3)];
    const stride = [1 + below(3), 1 + below(2)];
    const dilation = [1 + below(2), 1 + below(2)];
    const padding = [below(2), below(2), below(2), below(2)];
    const [h, w] = [5 + below(6), 5 + below(8)];
    const oh = Math.floor((h + padding[0] + padding[1] - dilation[0] * (kernel[0] - 1) - 1) / stride[0]) + 1;
    const ow = Math.floor((w + padding[2] + padding[3] - dilation[1] * (kernel[1] - 1) - 1) / stride[1]) + 1;
    return { kernel, stride, dilation, padding, h, w, oh, ow };
  };

  /** 3x3 windows of stride 1, which winograd computes. */
  const dense = () => {
    const [h, w] = [3 + below(9), 3 + below(20)];
    const padding = [below(3), below(3), below(3), below(3)];
    const [oh, ow] = [h + padding[0] + padding[1] - 2, w + padding[2] + padding[3] - 2];
    return { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding, h, w, oh, ow };
  };

  const convolution = () => {
    const algorithm = below(5);
    const [winograd, direct] = [algorithm === 2 || algorithm === 3, algorithm === 4];
    const { kernel, stride, dilation, padding, h, w, oh, ow } = winograd ? dense() : window();
    const groups = 1 + below(2);
    const perGroup = direct ? pick([1, c]) : c;
    const [channels, filters] = [perGroup * groups, k * groups];
    const nhwc = winograd || direct ? 0 : below(2);
    const image = (depth, height, width) => (nhwc ? [n, height, width, depth] : [n, depth, height, width]);
    const attrs = [
      n,
      channels,
      h,
      w,
      filters,
      ...kernel,
      oh,
      ow,
      ...stride,
      ...padding,
      ...dilation,
      groups,
      nhwc,
      algorithm,
      0,
    ];
    const x = [float, image(channels, h, w)];
    const weight = [float, [filters, perGroup, ...kernel]];
    const y = [float, image(filters, oh, ow)];
    const columns = [float, [n, channels * kernel[0] * kernel[1], oh * ow]];
    if (nhwc === 0 && below(3) === 0) {
      return pick([
        { op: 'im2col', inputs: [x], outputs: [columns], attrs },
        { op: 'col2im', inputs: [columns], outputs: [x], attrs },
      ]);
    }
    return pick([
      { op: 'conv2d', inputs: [x, weight, [float, [filters]]], outputs: [y], attrs },
      { op: 'conv2d', inputs: [x, weight], outputs: [y], attrs: [...attrs.slice(0, -1), below(3)] },
      { op: 'conv2dInput', inputs: [weight, y], outputs: [x], attrs },
      { op: 'conv2dWeight', inputs: [x, y], outputs: [weight], attrs },
    ]);
  };

  const pooling = () => {
    const { kernel, stride, dilation, padding, h, w, oh, ow } = window();
    const nhwc = below(2);
    const image = (rows, columns) => (nhwc ? [n, rows, columns, c] : [n, c, rows, columns]);
    const attrs = [n, c, h, w, ...kernel, oh, ow, ...stride, ...padding, ...dilation, nhwc, below(2)];
    const [x, y, indices] = [
      [float, image(h, w)],
      [float, image(oh, ow)],
      [dtype.int32, image(oh, ow)],
    ];
    return pick([
      { op: 'maxPool2d', inputs: [x], outputs: [y], attrs },
      { op: 'maxPool2dWithIndices', inputs: [x], outputs: [y, indices], attrs },
      { op: 'maxPool2dGrad', inputs: [y, indices], outputs: [x], attrs },
      { op: 'avgPool2d', inputs: [x], outputs: [y], attrs },
      { op: 'avgPool2dGrad', inputs: [y], outputs: [x], attrs },
      { op: 'adaptiveAvgPool2d', inputs: [x], outputs: [y], attrs },
      { op: 'adaptiveAvgPool2dGrad', inputs: [y], outputs: [x], attrs },
    ]);
  };

  const classes = () => {
    const [outer, count, inner] = [n, 1 + below(5), 1 + below(3)];
    const sizes = [outer, count, inner];
    const [rows, labels] = [
      [float, [outer * inner]],
      [dtype.int32, [outer * inner]],
    ];
    const logits = [float, sizes];
    return pick([
      { op: 'crossEntropy', inputs: [logits, labels], outputs: [rows], attrs: sizes },
      { op: 'crossEntropyGrad', inputs: [rows, logits, labels], outputs: [logits], attrs: [...sizes, 1] },
      { op: 'softCrossEntropy', inputs: [logits, logits], outputs: [rows], attrs: sizes },
      { op: 'nllLoss', inputs: [logits, labels], outputs: [rows], attrs: sizes },
      { op: 'nllLossGrad', inputs: [rows, labels], outputs: [logits], attrs: [...sizes, 1] },
      { op: 'oneHot', inputs: [labels], outputs: [[float, [outer * inner, count]]], attrs: [count, 1, 0] },
    ]);
  };

  const selection = () => {
    const type = below(5);
    const [outer, size, count, inner] = [n, 1 + below(6), 1 + below(5), pick([1, 1 + below(20)])];
    const attrs = [outer, size, count, inner];
    const [x, y] = [
      [type, [outer, size, inner]],
      [type, [outer, count, inner]],
    ];
    const gradient = ([, shape]) => [float, shape];
    const [some, each] = [
      [dtype.int32, [count]],
      [dtype.int32, [outer, count, inner]],
    ];
    const number = below(4);
    const best = [outer, below(size + 1), inner];
    return pick([
      { op: 'gather', inputs: [x, some], outputs: [y], attrs },
      { op: 'gatherElements', inputs: [x, each], outputs: [y], attrs },
      { op: 'gatherGrad', inputs: [gradient(y), some], outputs: [gradient(x)], attrs },
      { op: 'gatherElementsGrad', inputs: [gradient(y), each], outputs: [gradient(x)], attrs },
      {
        op: 'topk',
        inputs: [[number, x[1]]],
        outputs: [
          [number, best],
          [dtype.int32, best],
        ],
        attrs: [outer, size, inner, best[1], below(2)],
      },
    ]);
  };

  const matrices = () => {
    const [rows, inner, columns] = [1 + below(9), 1 + below(9), 1 + below(9)];
    const [ta, tb] = [below(2), below(2)];
    const a = [float, ta ? [n, inner, rows] : [n, rows, inner]];
    const b = [float, tb ? [columns, inner] : [inner, columns]];
    const pad = (list) => [...list, 0, 0, 0, 0, 0, 0, 0, 0].slice(0, 8);
    const attrs = [1, ...pad([n]), ...pad([rows * inner]), ...pad([0]), rows, columns, inner, ta, tb];
    return pick([
      { op: 'matmul', inputs: [a, b], outputs: [[float, [n, rows, columns]]], attrs },
      {
        op: 'linear',
        inputs: [
          [float, [rows, inner]],
          [float, [columns, inner]],
          [float, [columns]],
        ],
        outputs: [[float, [rows, columns]]],
        attrs: [rows, inner, columns],
      },
    ]);
  };

  const logical = () => ({
    op: pick(['logicalAnd', 'logicalOr', 'logicalXor']),
    inputs: [
      [dtype.bool, [n, c]],
      [dtype.bool, [n, c]],
    ],
    outputs: [[dtype.bool, [n, c]]],
    attrs: [1, n * c, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  });

  return pick([convolution, convolution, pooling, pooling, classes, selection, matrices, logical])();
}

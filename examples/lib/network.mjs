/**
 * A LeNet-5-like network (Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
 * recognition", 1998) with ReLU and max pooling in place of tanh and subsampling, and more feature maps:
 *
 *   images [N, 1, 28, 28]
 *   conv1  5x5, padding 2  [N, 16, 28, 28]  relu, max pooling 2x2  [N, 16, 14, 14]
 *   conv2  5x5             [N, 64, 10, 10]  relu, max pooling 2x2  [N, 64, 5, 5]  flattened  [N, 1600]
 *   fc1    [N, 128]  relu
 *   fc2    [N, 84]   relu
 *   fc3    [N, 10]   logits
 *
 * Forward and backward are written with the explicit kernels only, as the author of a framework would: no tape, every
 * saved tensor is named. Callers provide the `tidy` scope.
 */
import { conv2d, grad, linear, manualSeed, maxPool2dWithIndices, mul, randn, relu, tidy, zeros } from 'receptive';

/** @typedef {import('receptive').Tensor} Tensor float32 */
/** @typedef {import('receptive').Tensor<'int32'>} IndexTensor */

/** Parameter shapes in a fixed order: the order of initialisation, of the updates and of the weights file. */
export const PARAMETER_SHAPES = Object.freeze({
  'conv1.weight': [16, 1, 5, 5],
  'conv1.bias': [16],
  'conv2.weight': [64, 16, 5, 5],
  'conv2.bias': [64],
  'fc1.weight': [128, 1600],
  'fc1.bias': [128],
  'fc2.weight': [84, 128],
  'fc2.bias': [84],
  'fc3.weight': [10, 84],
  'fc3.bias': [10],
});

/** @typedef {keyof typeof PARAMETER_SHAPES} ParameterName */
/** @typedef {Record<ParameterName, Tensor>} Parameters one tensor per parameter: values, gradients or velocities */

export const PARAMETER_NAMES = Object.freeze(/** @type {ParameterName[]} */ (Object.keys(PARAMETER_SHAPES)));

const CONV1 = Object.freeze({ padding: 2 });
const POOL = Object.freeze({ kernelSize: 2 });

/**
 * One tensor per parameter, made by `make`.
 * @param {(name: ParameterName, shape: number[]) => Tensor} make
 * @returns {Parameters}
 */
export function mapParameters(make) {
  return /** @type {Parameters} */ (
    Object.fromEntries(PARAMETER_NAMES.map((name) => [name, make(name, PARAMETER_SHAPES[name])]))
  );
}

// The last layer starts with logits near 0, so that the first gradients are small: from full size, at this learning rate,
// they drive units of the layers before into the half where ReLU is 0 for every image, and they stay there.
const LAST_LAYER_SCALE = 0.1;

/**
 * He initialisation (K. He et al., arXiv:1502.01852): weights normal with variance 2 / fan-in, but for the last layer's;
 * biases 0.
 * @param {number} seed
 * @returns {Parameters}
 */
export function initialParameters(seed) {
  manualSeed(seed);
  return mapParameters((name, shape) => {
    if (name.endsWith('.bias')) return zeros(shape);
    const fanIn = shape.slice(1).reduce((product, dim) => product * dim, 1);
    const scale = name === 'fc3.weight' ? LAST_LAYER_SCALE : 1;
    return tidy(() => mul(randn(shape), scale * Math.sqrt(2 / fanIn)));
  });
}

/** @returns {Parameters} zeros: the momentum buffers before the first step, or what saved values are copied to */
export function zeroParameters() {
  return mapParameters((_, shape) => zeros(shape));
}

/** @param {Parameters} parameters */
export function disposeParameters(parameters) {
  for (const name of PARAMETER_NAMES) parameters[name].dispose();
}

/**
 * @typedef {object} Activations what backward needs of forward, and the logits
 * @property {Tensor} images
 * @property {Tensor} relu1
 * @property {Tensor} pool1
 * @property {IndexTensor} indices1
 * @property {Tensor} relu2
 * @property {IndexTensor} indices2
 * @property {Tensor} pool2
 * @property {Tensor} flat
 * @property {Tensor} relu3
 * @property {Tensor} relu4
 * @property {Tensor} logits
 */

/**
 * @param {Parameters} p
 * @param {Tensor} images [N, 1, 28, 28]
 * @returns {Activations}
 */
export function forward(p, images) {
  const relu1 = relu(conv2d(images, p['conv1.weight'], { bias: p['conv1.bias'], ...CONV1 }));
  const { output: pool1, indices: indices1 } = maxPool2dWithIndices(relu1, POOL);
  const relu2 = relu(conv2d(pool1, p['conv2.weight'], { bias: p['conv2.bias'] }));
  const { output: pool2, indices: indices2 } = maxPool2dWithIndices(relu2, POOL);
  const flat = pool2.reshape([images.shape[0], PARAMETER_SHAPES['fc1.weight'][1]]);
  const relu3 = relu(linear(flat, p['fc1.weight'], p['fc1.bias']));
  const relu4 = relu(linear(relu3, p['fc2.weight'], p['fc2.bias']));
  const logits = linear(relu4, p['fc3.weight'], p['fc3.bias']);
  return { images, relu1, pool1, indices1, relu2, indices2, pool2, flat, relu3, relu4, logits };
}

/**
 * Gradients of every parameter, from the gradient of the logits. The images need none, so conv1 computes no input gradient.
 * @param {Parameters} p
 * @param {Activations} saved
 * @param {Tensor} gradLogits [N, 10]
 * @returns {Parameters}
 */
export function backward(p, saved, gradLogits) {
  const fc3 = grad.linear(gradLogits, saved.relu4, p['fc3.weight']);
  const fc2 = grad.linear(grad.relu(fc3.input, saved.relu4), saved.relu3, p['fc2.weight']);
  const fc1 = grad.linear(grad.relu(fc2.input, saved.relu3), saved.flat, p['fc1.weight']);

  const gradPool2 = fc1.input.reshape(saved.pool2.shape);
  const gradRelu2 = grad.maxPool2d(gradPool2, saved.indices2, saved.relu2.shape, POOL);
  const gradConv2 = grad.relu(gradRelu2, saved.relu2);
  const gradPool1 = grad.conv2dInput(saved.pool1.shape, p['conv2.weight'], gradConv2, {});

  const gradRelu1 = grad.maxPool2d(gradPool1, saved.indices1, saved.relu1.shape, POOL);
  const gradConv1 = grad.relu(gradRelu1, saved.relu1);
  return {
    'conv1.weight': grad.conv2dWeight(saved.images, p['conv1.weight'].shape, gradConv1, CONV1),
    'conv1.bias': grad.conv2dBias(gradConv1, CONV1),
    'conv2.weight': grad.conv2dWeight(saved.pool1, p['conv2.weight'].shape, gradConv2, {}),
    'conv2.bias': grad.conv2dBias(gradConv2, {}),
    'fc1.weight': fc1.weight,
    'fc1.bias': fc1.bias,
    'fc2.weight': fc2.weight,
    'fc2.bias': fc2.bias,
    'fc3.weight': fc3.weight,
    'fc3.bias': fc3.bias,
  };
}

import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Residual } from '../nn/branches';
import { Conv2d } from '../nn/conv';
import { heNormal_ } from '../nn/init';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { BatchNorm2d } from '../nn/norm';
import { GlobalAvgPool2d, MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { Block } from './block';
import { initialise } from './initialise';
import { type ModelOptions, type ModelSettings, modelSettings } from './options';

type Where<D extends FloatDType> = ModelSettings<D>['where'];
type Parts<D extends FloatDType> = Record<string, Module<D>>;

/** A way around, with a projection where shapes differ (the paper's option B). */
function around<D extends FloatDType>(
  inputs: number,
  outputs: number,
  stride: number,
  body: Parts<D>,
  where: Where<D>,
): Module<D> {
  const downsample =
    stride === 1 && inputs === outputs
      ? null
      : new Sequential<D>([
          new Conv2d(inputs, outputs, 1, { stride, bias: false, ...where }),
          new BatchNorm2d(outputs, where),
        ]);
  const relu = new ReLU<D>();
  const block = new Residual<D>(new Sequential<D>(body), downsample, relu);
  return new Block<D>(block, { ...body, ...(downsample === null ? {} : { downsample }), relu });
}

type MakeBlock<D extends FloatDType> = typeof basic<D>;

function basic<D extends FloatDType>(inputs: number, width: number, stride: number, where: Where<D>): Module<D> {
  const body = {
    conv1: new Conv2d(inputs, width, 3, { stride, padding: 1, bias: false, ...where }),
    bn1: new BatchNorm2d(width, where),
    relu1: new ReLU<D>(),
    conv2: new Conv2d(width, width, 3, { padding: 1, bias: false, ...where }),
    bn2: new BatchNorm2d(width, where),
  };
  return around(inputs, width, stride, body, where);
}

function bottleneck<D extends FloatDType>(inputs: number, width: number, stride: number, where: Where<D>): Module<D> {
  const outputs = 4 * width;
  const body = {
    conv1: new Conv2d(inputs, width, 1, { bias: false, ...where }),
    bn1: new BatchNorm2d(width, where),
    relu1: new ReLU<D>(),
    conv2: new Conv2d(width, width, 3, { stride, padding: 1, bias: false, ...where }),
    bn2: new BatchNorm2d(width, where),
    relu2: new ReLU<D>(),
    conv3: new Conv2d(width, outputs, 1, { bias: false, ...where }),
    bn3: new BatchNorm2d(outputs, where),
  };
  return around(inputs, outputs, stride, body, where);
}

/**
 * @param depths Blocks in each of the four stages.
 * @param expansion Output channels of a block over its width.
 */
function resnet<D extends FloatDType>(
  op: string,
  depths: readonly number[],
  makeBlock: MakeBlock<D>,
  expansion: number,
  options: ModelOptions<D> | undefined,
): Module<D> {
  const { classes, channels, where } = modelSettings<D, ModelOptions<D>>(op, options).settings;
  let inputs = 64;
  const stages = depths.map((count, stage): [string, Module<D>] => {
    const width = 64 * 2 ** stage;
    const blocks = Array.from({ length: count }, (_, i) => {
      const block = makeBlock(inputs, width, i === 0 && stage > 0 ? 2 : 1, where);
      inputs = expansion * width;
      return block;
    });
    return [`layer${stage + 1}`, new Sequential<D>(blocks)];
  });
  const model = new Sequential<D>({
    conv1: new Conv2d(channels, 64, 7, { stride: 2, padding: 3, bias: false, ...where }),
    bn1: new BatchNorm2d(64, where),
    relu: new ReLU<D>(),
    maxpool: new MaxPool2d<D>(3, { stride: 2, padding: 1 }),
    ...Object.fromEntries(stages),
    avgpool: new GlobalAvgPool2d<D>(),
    flatten: new Flatten<D>(),
    fc: new Linear(inputs, classes, where),
  });
  return initialise(model, { conv: (weight) => heNormal_(weight, { mode: 'fanOut' }) });
}

/**
 * ResNet-18 (He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition, table 1): blocks of two 3x3 convolutions
 * with a way around, projections where shapes change, [N, channels, 224, 224] to [N, classes]; any size is legal. Names are
 * torchvision's. Weights of convolutions begin by `heNormal_` over fan-out, those of the dense layer as `Linear` makes them.
 *
 * @param options `classes` (1000), `channels` (3), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function resnet18<D extends FloatDType = 'float32'>(options?: ModelOptions<D>): Module<D> {
  return resnet('resnet18', [2, 2, 2, 2], basic, 1, options);
}

/**
 * ResNet-50 of the same table: blocks of a 3x3 convolution between two of 1x1. The 3x3 convolution has the stride, as in
 * torchvision, where the paper gives it to the 1x1 before; sizes and parameters are the same. All else is as of `resnet18`.
 */
export function resnet50<D extends FloatDType = 'float32'>(options?: ModelOptions<D>): Module<D> {
  return resnet('resnet50', [3, 4, 6, 3], bottleneck, 4, options);
}

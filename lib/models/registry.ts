// What is known of each model: for command lines, tests and tables.
import { expectOneOf } from '../check';
import type { FloatDType } from '../dtype';
import type { Module } from '../nn/module';
import { alexnet } from './alexnet';
import { bnInception } from './bnInception';
import { googlenet } from './googlenet';
import { lenet5 } from './lenet5';
import { mobilenetV2 } from './mobilenetV2';
import type { ModelOptions } from './options';
import { preluNet } from './preluNet';
import { resnet18, resnet50 } from './resnet';
import { squeezenet } from './squeezenet';
import { vgg16, vgg19 } from './vgg';
import { zfnet } from './zfnet';

/** What is known of a model. Numbers are those of a model made without options. */
export interface ModelInfo {
  /** As the literature writes it. */
  readonly title: string;
  /** The paper. */
  readonly citation: string;
  /** Makes one; each model's own function has further options. */
  readonly create: <D extends FloatDType = 'float32'>(options?: ModelOptions<D>) => Module<D>;
  readonly classes: number;
  readonly channels: number;
  /** Side of the square images that it was published for. */
  readonly inputSize: number;
  /** Side of the smallest square images that it takes. */
  readonly smallestInput: number;
  /** Number of parameters. */
  readonly parameters: number;
  /** Where that number is published, or what it is the sum of. */
  readonly parametersSource: string;
}

const table = {
  lenet5: {
    title: 'LeNet-5',
    citation: 'LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition',
    create: lenet5,
    classes: 10,
    channels: 1,
    inputSize: 28,
    smallestInput: 28,
    parameters: 61_706,
    parametersSource: 'the 60,000 of the paper, all maps connected, no trainable subsampling, and 850 for the logits',
  },
  alexnet: {
    title: 'AlexNet',
    citation: 'Krizhevsky, Sutskever & Hinton 2012, ImageNet classification with deep convolutional neural networks',
    create: alexnet,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 64,
    parameters: 60_965_224,
    parametersSource: "60,954,656 weights and 10,568 biases of the paper's layers",
  },
  zfnet: {
    title: 'ZFNet',
    citation: 'Zeiler & Fergus 2014, Visualizing and understanding convolutional networks',
    create: zfnet,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 63,
    parameters: 62_357_608,
    parametersSource: "62,347,040 weights and 10,568 biases of the paper's layers",
  },
  vgg16: {
    title: 'VGG-16',
    citation: 'Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition',
    create: vgg16,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 32,
    parameters: 138_357_544,
    parametersSource: 'torchvision 0.13; 138 million in the paper',
  },
  vgg19: {
    title: 'VGG-19',
    citation: 'Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition',
    create: vgg19,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 32,
    parameters: 143_667_240,
    parametersSource: 'torchvision 0.13; 144 million in the paper',
  },
  googlenet: {
    title: 'GoogLeNet',
    citation: 'Szegedy et al. 2015, Going deeper with convolutions',
    create: googlenet,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 15,
    parameters: 13_004_888,
    parametersSource: 'torchvision 0.13, of which 6,379,984 are in the auxiliary classifiers',
  },
  preluNet: {
    title: 'PReLU-net A',
    citation: 'He, Zhang, Ren & Sun 2015, Delving deep into rectifiers',
    create: preluNet,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 15,
    parameters: 178_032_072,
    parametersSource: "178,017,384 weights and biases of the paper's layers, and 14,688 slopes",
  },
  bnInception: {
    title: 'BN-Inception',
    citation: 'Ioffe & Szegedy 2015, Batch normalization: accelerating deep network training',
    create: bnInception,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 1,
    parameters: 11_188_288,
    parametersSource:
      "the authors' program (TF-slim's inception_v2) with a batch normalisation behind its first convolution too",
  },
  resnet18: {
    title: 'ResNet-18',
    citation: 'He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition',
    create: resnet18,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 1,
    parameters: 11_689_512,
    parametersSource: 'torchvision 0.13',
  },
  resnet50: {
    title: 'ResNet-50',
    citation: 'He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition',
    create: resnet50,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 1,
    parameters: 25_557_032,
    parametersSource: 'torchvision 0.13',
  },
  squeezenet: {
    title: 'SqueezeNet 1.0',
    citation: 'Iandola et al. 2016, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters',
    create: squeezenet,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 21,
    parameters: 1_248_424,
    parametersSource: "the paper's table 1 and torchvision 0.13",
  },
  mobilenetV2: {
    title: 'MobileNetV2',
    citation: 'Sandler et al. 2018, MobileNetV2: inverted residuals and linear bottlenecks',
    create: mobilenetV2,
    classes: 1000,
    channels: 3,
    inputSize: 224,
    smallestInput: 1,
    parameters: 3_504_872,
    parametersSource: 'torchvision 0.13; 3.4 million in the paper',
  },
} as const satisfies Record<string, ModelInfo>;

/** Name of a model, which is that of its function. */
export type ModelName = keyof typeof table;

/** Models by name. */
export const models: Readonly<Record<ModelName, ModelInfo>> = table;

/** Names of all models. */
export const modelNames = Object.keys(table) as readonly ModelName[];

/**
 * Makes a model by name.
 *
 * @param options Those that all models have; each model's own function has further ones.
 * @throws ArgumentError for a name that is none of `modelNames`; what the model's function throws.
 */
export function createModel<D extends FloatDType = 'float32'>(name: ModelName, options?: ModelOptions<D>): Module<D> {
  return models[expectOneOf('createModel', 'name', name, modelNames)].create(options);
}

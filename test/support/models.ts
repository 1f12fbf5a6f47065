import { add, randn, type Tensor, tensor, tidy } from 'receptive';
import {
  alexnet,
  bnInception,
  googlenet,
  lenet5,
  type ModelName,
  mobilenetV2,
  models,
  preluNet,
  resnet18,
  resnet50,
  squeezenet,
  vgg16,
  vgg19,
  zfnet,
} from 'receptive/models';
import { Conv2d, init, Linear, type Module } from 'receptive/nn';

/** A model in a form that is quick to train: few classes, few dense units, nothing dropped. */
export interface SmallModel {
  readonly name: string;
  readonly make: () => Module;
  readonly channels: number;
  /** Side of the smallest image. */
  readonly smallest: number;
  /** Begins by `beginByHe`: without batch normalisation, as it begins by itself it takes long to learn. */
  readonly plain: boolean;
  /** With which learning rate Adam teaches it a few images. */
  readonly rate: number;
}

export const smallClasses = 3;
const small = { classes: smallClasses, dropout: 0 } as const;
const dense = { ...small, hidden: 16 } as const;
const classes = { classes: smallClasses } as const;

/** A model of the registry, or a variant of one with a smallest image of its own. */
function entry(name: ModelName, make: () => Module, rate: number, variant?: string, smallest?: number): SmallModel {
  const info = models[name];
  return {
    name: variant === undefined ? name : `${name}, ${variant}`,
    make,
    channels: info.channels,
    smallest: smallest ?? info.smallestInput,
    plain: ['alexnet', 'zfnet', 'vgg16', 'vgg19', 'preluNet', 'squeezenet'].includes(name),
    rate,
  };
}

export const smallModels: readonly SmallModel[] = [
  entry('lenet5', () => lenet5(classes), 3e-3),
  entry('alexnet', () => alexnet(dense), 1e-4),
  entry('alexnet', () => alexnet({ ...dense, variant: 'one-column' }), 1e-4, 'one column', 63),
  entry('zfnet', () => zfnet(dense), 1e-4),
  entry('vgg16', () => vgg16(dense), 1e-4),
  entry('vgg19', () => vgg19(dense), 1e-4),
  entry('googlenet', () => googlenet({ ...small, auxiliaryDropout: 0 }), 1e-3),
  entry('googlenet', () => googlenet({ ...small, variant: 'published', auxiliary: false }), 1e-3, 'published', 31),
  entry('preluNet', () => preluNet(dense), 1e-4),
  entry('bnInception', () => bnInception(classes), 1e-3),
  entry('resnet18', () => resnet18(classes), 1e-3),
  entry('resnet50', () => resnet50(classes), 1e-3),
  entry('squeezenet', () => squeezenet(small), 3e-4),
  entry('squeezenet', () => squeezenet({ ...small, version: '1.1' }), 3e-4, '1.1', 17),
  entry('mobilenetV2', () => mobilenetV2(small), 3e-3),
];

/** Images of one colour each under noise, [3, channels, size, size]: the class is the number of the image. */
export function colouredImages(channels: number, size: number): { images: Tensor; labels: Tensor<'int32'> } {
  const colours = Float32Array.from({ length: smallClasses * channels }, (_, i) => {
    const [image, channel] = [Math.floor(i / channels), i % channels];
    if (channels === 1) return 2 * (image - 1);
    return image === channel ? 2 : -2;
  });
  const images = tidy(() =>
    add(randn([smallClasses, channels, size, size]), tensor(colours, { shape: [smallClasses, channels, 1, 1] })),
  );
  return { images, labels: tensor(Int32Array.of(0, 1, 2)) };
}

/** Lets a deep net without batch normalisation begin with activations that keep their size, and with positive logits. */
export function beginByHe(model: Module): void {
  const layers = model.modules().filter((layer) => layer instanceof Conv2d || layer instanceof Linear);
  for (const [i, { weight, bias }] of layers.entries()) {
    init.heNormal_(weight);
    // SqueezeNet rectifies its logits: those that are negative for all images learn nothing.
    if (bias !== null) init.constant_(bias, i === layers.length - 1 ? 2 : 0);
  }
}

/** The part of that name of a model that is a `Sequential` of named parts. */
export function part(model: Module, name: string): Module {
  const found = model.namedChildren().find(([own]) => own === name);
  if (found === undefined) throw new Error(`the model has no part ${name}`);
  return found[1];
}

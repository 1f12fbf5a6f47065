import { add, randn, type Tensor, tensor, tidy } from 'receptive';
import {
  alexnet,
  bnInception,
  googlenet,
  lenet5,
  mobilenetV2,
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
  /** Whether weights of this model as it begins are slow to train, for want of batch normalisation. */
  readonly plain?: boolean;
}

export const smallClasses = 3;
const small = { classes: smallClasses, dropout: 0 } as const;
const dense = { ...small, hidden: 16 } as const;
const classes = { classes: smallClasses } as const;

export const smallModels: readonly SmallModel[] = [
  { name: 'lenet5', make: () => lenet5(classes), channels: 1, smallest: 28 },
  { name: 'alexnet', make: () => alexnet(dense), channels: 3, smallest: 64, plain: true },
  {
    name: 'alexnet with one column',
    make: () => alexnet({ ...dense, variant: 'one-column' }),
    channels: 3,
    smallest: 63,
    plain: true,
  },
  { name: 'zfnet', make: () => zfnet(dense), channels: 3, smallest: 63, plain: true },
  { name: 'vgg16', make: () => vgg16(dense), channels: 3, smallest: 32, plain: true },
  { name: 'vgg19', make: () => vgg19(dense), channels: 3, smallest: 32, plain: true },
  { name: 'googlenet', make: () => googlenet({ ...small, auxiliaryDropout: 0 }), channels: 3, smallest: 15 },
  {
    name: 'googlenet as published',
    make: () => googlenet({ ...small, variant: 'published', auxiliary: false }),
    channels: 3,
    smallest: 31,
  },
  { name: 'preluNet', make: () => preluNet(dense), channels: 3, smallest: 15, plain: true },
  { name: 'bnInception', make: () => bnInception(classes), channels: 3, smallest: 1 },
  { name: 'resnet18', make: () => resnet18(classes), channels: 3, smallest: 1 },
  { name: 'resnet50', make: () => resnet50(classes), channels: 3, smallest: 1 },
  { name: 'squeezenet', make: () => squeezenet(small), channels: 3, smallest: 21, plain: true },
  {
    name: 'squeezenet 1.1',
    make: () => squeezenet({ ...small, version: '1.1' }),
    channels: 3,
    smallest: 17,
    plain: true,
  },
  { name: 'mobilenetV2', make: () => mobilenetV2(small), channels: 3, smallest: 1 },
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

/** Lets a deep net without batch normalisation begin with activations that keep their size. */
export function beginByHe(model: Module): void {
  for (const layer of model.modules()) {
    if (!(layer instanceof Conv2d || layer instanceof Linear)) continue;
    init.heNormal_(layer.weight);
    if (layer.bias !== null) init.constant_(layer.bias, 0);
  }
}

/** The part of that name of a model that is a `Sequential` of named parts. */
export function part(model: Module, name: string): Module {
  const found = model.namedChildren().find(([own]) => own === name);
  if (found === undefined) throw new Error(`the model has no part ${name}`);
  return found[1];
}

import { expectBoolean, expectOneOf } from '../check';
import type { FloatDType } from '../dtype';
import { ReLU } from '../nn/activations';
import { Concat } from '../nn/branches';
import { Dropout } from '../nn/dropout';
import type { Field } from '../nn/field';
import { heNormal_ } from '../nn/init';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { LocalResponseNorm } from '../nn/norm';
import { AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d } from '../nn/pool';
import { Sequential } from '../nn/sequential';
import { Flatten } from '../nn/shaping';
import { tidy } from '../scope';
import type { Tensor } from '../tensor';
import { MultiHeadModule, type TrainingHead } from './heads';
import { type MakeUnit, normalisedUnits, plainUnits } from './inception';
import { type Fill, initialise, normal } from './initialise';
import { type DropoutModelOptions, dropoutOption, modelSettings } from './options';

/** Options of `googlenet`. */
export interface GoogLeNetOptions<D extends FloatDType = 'float32'> extends DropoutModelOptions<D> {
  /** `'batch-norm'`, as torchvision has it, if left out; `'published'`. */
  readonly variant?: 'batch-norm' | 'published';
  /** Whether there are the auxiliary classifiers; true if left out. */
  readonly auxiliary?: boolean;
  /** Probability of an element to be dropped in an auxiliary classifier; 0.7 if left out. */
  readonly auxiliaryDropout?: number;
}

/** All outputs of a `GoogLeNet`, each [N, classes]. */
export interface GoogLeNetOutputs<D extends FloatDType = 'float32'> {
  readonly logits: Tensor<D>;
  /** Behind inception 4a; null without auxiliary classifiers. */
  readonly aux1: Tensor<D> | null;
  /** Behind inception 4d; null without auxiliary classifiers. */
  readonly aux2: Tensor<D> | null;
}

/** Share of an auxiliary classifier's loss (section 5 of the paper). */
const auxiliaryWeight = 0.3;

/** Table 1 of the paper: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj. */
const modules = {
  inception3a: [64, 96, 128, 16, 32, 32],
  inception3b: [128, 128, 192, 32, 96, 64],
  inception4a: [192, 96, 208, 16, 48, 64],
  inception4b: [160, 112, 224, 24, 64, 64],
  inception4c: [128, 128, 256, 24, 64, 64],
  inception4d: [112, 144, 288, 32, 64, 64],
  inception4e: [256, 160, 320, 32, 128, 128],
  inception5a: [256, 160, 320, 32, 128, 128],
  inception5b: [384, 192, 384, 48, 128, 128],
} as const;

type Name = keyof typeof modules;

const outputsOf = (name: Name): number => {
  const [single, , triple, , quintuple, projected] = modules[name];
  return single + triple + quintuple + projected;
};

/** What the two variants differ in. */
interface Kit<D extends FloatDType> {
  readonly unit: MakeUnit<D>;
  /** Kernel of the third branch: 5 as published; torchvision has 3 there. */
  readonly wide: 3 | 5;
  /** Window of the fourth pooling. */
  readonly lastPool: 2 | 3;
  /** Behind the first pooling and before the second. */
  readonly norm: (name: string) => Record<string, Module<D>>;
  readonly auxiliaryPool: () => Module<D>;
}

function batchNormKit<D extends FloatDType>(where: { readonly dtype: D; readonly device: string }): Kit<D> {
  return {
    unit: normalisedUnits<D>(where, 1e-3),
    wide: 3,
    lastPool: 2,
    norm: () => ({}),
    auxiliaryPool: () => new AdaptiveAvgPool2d<D>(4),
  };
}

function publishedKit<D extends FloatDType>(where: { readonly dtype: D; readonly device: string }): Kit<D> {
  return {
    unit: plainUnits<D>(where),
    wide: 5,
    lastPool: 3,
    // The paper gives no numbers; these are those of the Caffe model zoo's net.
    norm: (name) => ({ [name]: new LocalResponseNorm<D>(5, { alpha: 1e-4, beta: 0.75, k: 1 }) }),
    auxiliaryPool: () => new AvgPool2d<D>(5, { stride: 3 }),
  };
}

function inception<D extends FloatDType>(
  name: Name,
  inputs: number,
  { unit, wide }: Kit<D>,
): Record<string, Module<D>> {
  const [single, reduce3, triple, reduce5, quintuple, projected] = modules[name];
  const module = new Concat<D>({
    branch1: unit(inputs, single, 1),
    branch2: new Sequential<D>([unit(inputs, reduce3, 1), unit(reduce3, triple, 3, { padding: 1 })]),
    branch3: new Sequential<D>([unit(inputs, reduce5, 1), unit(reduce5, quintuple, wide, { padding: (wide - 1) / 2 })]),
    branch4: new Sequential<D>([new MaxPool2d<D>(3, { stride: 1, padding: 1 }), unit(inputs, projected, 1)]),
  });
  return { [name]: module };
}

/** GoogLeNet, as `googlenet()` makes it. */
export class GoogLeNet<D extends FloatDType = 'float32'> extends MultiHeadModule<D> {
  /** The auxiliary classifier behind inception 4a. */
  readonly aux1: Module<D> | null;
  /** The auxiliary classifier behind inception 4d. */
  readonly aux2: Module<D> | null;
  /** The net up to the first auxiliary classifier, up to the second, and from there on. */
  readonly #trunk: readonly [Sequential<D>, Sequential<D>, Sequential<D>];

  /** As `googlenet`. */
  constructor(options?: GoogLeNetOptions<D>) {
    super();
    const op = 'googlenet';
    const own = ['variant', 'auxiliary', 'dropout', 'auxiliaryDropout'] as const;
    const { settings, given } = modelSettings<D, GoogLeNetOptions<D>>(op, options, own);
    const { classes, channels, where } = settings;
    const variant = expectOneOf(op, 'variant', given.variant ?? 'batch-norm', ['batch-norm', 'published']);
    const published = variant === 'published';
    const auxiliary = expectBoolean(op, 'auxiliary', given.auxiliary ?? true);
    const dropout = dropoutOption(op, given.dropout, published ? 0.4 : 0.2);
    const auxiliaryDropout = dropoutOption(op, given.auxiliaryDropout, 0.7, 'auxiliaryDropout');
    const kit = published ? publishedKit<D>(where) : batchNormKit<D>(where);
    const { unit, norm } = kit;
    const pool = (size: number): Module<D> => new MaxPool2d<D>(size, { stride: 2, ceilMode: true });
    const after = (before: Name, name: Name): Record<string, Module<D>> => inception(name, outputsOf(before), kit);
    this.#trunk = [
      new Sequential<D>({
        conv1: unit(channels, 64, 7, { stride: 2, padding: 3 }),
        maxpool1: pool(3),
        ...norm('norm1'),
        conv2: unit(64, 64, 1),
        conv3: unit(64, 192, 3, { padding: 1 }),
        ...norm('norm2'),
        maxpool2: pool(3),
        ...inception('inception3a', 192, kit),
        ...after('inception3a', 'inception3b'),
        maxpool3: pool(3),
        ...after('inception3b', 'inception4a'),
      }),
      new Sequential<D>({
        ...after('inception4a', 'inception4b'),
        ...after('inception4b', 'inception4c'),
        ...after('inception4c', 'inception4d'),
      }),
      new Sequential<D>({
        ...after('inception4d', 'inception4e'),
        maxpool4: pool(kit.lastPool),
        ...after('inception4e', 'inception5a'),
        ...after('inception5a', 'inception5b'),
        avgpool: new GlobalAvgPool2d<D>(),
        flatten: new Flatten<D>(),
        dropout: new Dropout<D>(dropout),
        fc: new Linear(outputsOf('inception5b'), classes, where),
      }),
    ];
    const classifier = (before: Name): Module<D> =>
      new Sequential<D>({
        pool: kit.auxiliaryPool(),
        conv: unit(outputsOf(before), 128, 1),
        flatten: new Flatten<D>(),
        fc1: new Linear(128 * 4 * 4, 1024, where),
        relu: new ReLU<D>(),
        dropout: new Dropout<D>(auxiliaryDropout),
        fc2: new Linear(1024, classes, where),
      });
    this.aux1 = auxiliary ? classifier('inception4a') : null;
    this.aux2 = auxiliary ? classifier('inception4d') : null;
    const fill: Fill = published ? heNormal_ : normal(0.01);
    initialise(this, { conv: fill, linear: fill });
  }

  override namedChildren(): [name: string, module: Module<D>][] {
    return [...this.#trunk.flatMap((part) => part.namedChildren()), ...super.namedChildren()];
  }

  /** The logits of inference. */
  override forward(input: Tensor<D>): Tensor<D> {
    const [front, middle, back] = this.#trunk;
    return back.call(middle.call(front.call(input)));
  }

  /**
   * All outputs. Hooks of the layers run, those of this module itself do not.
   *
   * @throws What the layers throw. As published, the auxiliary classifiers take features of 14x14 to 16x16 alone, which are
   *   those of images of 223x223 to 270x270.
   */
  forwardWithHeads(input: Tensor<D>): GoogLeNetOutputs<D> {
    return tidy(() => {
      const [front, middle, back] = this.#trunk;
      const early = front.call(input);
      const late = middle.call(early);
      return {
        logits: back.call(late),
        aux1: this.aux1 === null ? null : this.aux1.call(early),
        aux2: this.aux2 === null ? null : this.aux2.call(late),
      };
    });
  }

  override trainingHeads(input: Tensor<D>): readonly TrainingHead<D>[] {
    const { logits, aux1, aux2 } = this.forwardWithHeads(input);
    const others = [aux1, aux2].flatMap((one) => (one === null ? [] : [{ logits: one, weight: auxiliaryWeight }]));
    return [{ logits, weight: 1 }, ...others];
  }

  override extendField(field: Field): Field {
    return this.#trunk.reduce((extended, part) => part.extendField(extended), field);
  }
}

/**
 * GoogLeNet (Szegedy et al. 2015, Going deeper with convolutions, table 1): nine inception modules, [N, channels, 224, 224] to
 * [N, classes], and in training two auxiliary classifiers, whose losses count 0.3 each: `trainingLogits()` gives all three
 * outputs, `call()` that of the net.
 *
 * `'batch-norm'` is torchvision's, with its names: batch normalisation behind each convolution, and 3x3 where the paper has 5x5.
 * Weights begin normal with standard deviation 0.01, biases 0. torchvision's trained weights want images scaled to (x - 0.5) /
 * 0.5. 13,004,888 parameters, 6,624,904 without the auxiliary classifiers.
 *
 * `'published'` is the paper's: 5x5 convolutions, biases, local response normalisation around the second and third convolution.
 * Weights begin by `heNormal_`, biases with 0. In inference images of 31x31 and more are legal, with auxiliary classifiers in
 * training those of 223x223 to 270x270. The other variant takes 15x15 and more.
 *
 * @param options `variant` ('batch-norm'), `auxiliary` (true), `classes` (1000), `channels` (3), `dropout` (0.2; as published
 *   0.4), `auxiliaryDropout` (0.7), `dtype`, `device`.
 * @throws ArgumentError, DTypeError, DeviceError, OutOfMemoryError.
 */
export function googlenet<D extends FloatDType = 'float32'>(options?: GoogLeNetOptions<D>): GoogLeNet<D> {
  return new GoogLeNet<D>(options);
}

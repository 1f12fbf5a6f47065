import {
  alexnet,
  createModel,
  googlenet,
  type ModelInfo,
  type ModelName,
  mobilenetV2,
  modelNames,
  models,
  squeezenet,
} from 'receptive/models';
import { type Module, receptiveField, Sequential, type Summary, skipInit, summary } from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { part } from '../support/models';

type Stages = Readonly<Record<string, readonly number[]>>;

/** The summary of a model for one image of the published size, and the shape that each of its modules gave. */
function run(model: Module, { channels, inputSize }: ModelInfo): { found: Summary; shapes: Map<string, number[]> } {
  const shapes = new Map<string, number[]>();
  for (const [name, module] of model.namedModules()) {
    module.registerForwardHook((_, __, output) => void shapes.set(name, output.shape.slice(1)));
  }
  return { found: summary(model, [1, channels, inputSize, inputSize]), shapes };
}

const square = (channels: number, size: number): number[] => [channels, size, size];

/** Sizes that the papers' tables and figures give: channels, height, width; those of dense layers: units. */
const stages: Readonly<Record<ModelName, Stages>> = {
  // Figure 2: C1, S2, C3, S4, C5, F6, output.
  lenet5: {
    'features.0': square(6, 28),
    'features.2': square(6, 14),
    'features.3': square(16, 10),
    'features.5': square(16, 5),
    'classifier.0': [120],
    'classifier.2': [84],
  },
  // Figure 2 and section 3.5.
  alexnet: {
    'features.0': square(96, 55),
    'features.4': square(256, 27),
    'features.8': square(384, 13),
    'features.10': square(384, 13),
    'features.12': square(256, 13),
    'classifier.0': [4096],
    'classifier.3': [4096],
  },
  // Figure 3.
  zfnet: {
    'features.0': square(96, 110),
    'features.3': square(96, 55),
    'features.4': square(256, 26),
    'features.7': square(256, 13),
    'features.8': square(384, 13),
    'features.10': square(384, 13),
    'features.12': square(256, 13),
    'features.14': square(256, 6),
    'classifier.0': [4096],
    'classifier.3': [4096],
  },
  // Table 1: the last convolutions of the stages, and the last pooling.
  vgg16: {
    'features.2': square(64, 224),
    'features.7': square(128, 112),
    'features.14': square(256, 56),
    'features.21': square(512, 28),
    'features.28': square(512, 14),
    'features.30': square(512, 7),
    'classifier.0': [4096],
    'classifier.3': [4096],
  },
  vgg19: {
    'features.2': square(64, 224),
    'features.7': square(128, 112),
    'features.16': square(256, 56),
    'features.25': square(512, 28),
    'features.34': square(512, 14),
    'features.36': square(512, 7),
  },
  // Table 1.
  googlenet: {
    conv1: square(64, 112),
    maxpool1: square(64, 56),
    conv3: square(192, 56),
    maxpool2: square(192, 28),
    inception3a: square(256, 28),
    inception3b: square(480, 28),
    maxpool3: square(480, 14),
    inception4a: square(512, 14),
    inception4b: square(512, 14),
    inception4c: square(512, 14),
    inception4d: square(528, 14),
    inception4e: square(832, 14),
    maxpool4: square(832, 7),
    inception5a: square(832, 7),
    inception5b: square(1024, 7),
    avgpool: square(1024, 1),
  },
  // Table 3: sizes of the stages of model A; the pyramid has 49 + 9 + 4 + 1 bins.
  preluNet: {
    'features.0': square(96, 112),
    'features.2': square(96, 56),
    'features.11': square(256, 56),
    'features.22': square(512, 28),
    'features.33': square(512, 14),
    pyramid: [512 * 63],
    'classifier.0': [4096],
    'classifier.3': [4096],
  },
  // Appendix, figure 5.
  bnInception: {
    conv1: square(64, 112),
    maxpool1: square(64, 56),
    conv3: square(192, 56),
    maxpool2: square(192, 28),
    inception3a: square(256, 28),
    inception3b: square(320, 28),
    inception3c: square(576, 14),
    inception4a: square(576, 14),
    inception4b: square(576, 14),
    inception4c: square(576, 14),
    inception4d: square(576, 14),
    inception4e: square(1024, 7),
    inception5a: square(1024, 7),
    inception5b: square(1024, 7),
    avgpool: square(1024, 1),
  },
  // Table 1.
  resnet18: {
    conv1: square(64, 112),
    layer1: square(64, 56),
    layer2: square(128, 28),
    layer3: square(256, 14),
    layer4: square(512, 7),
    avgpool: square(512, 1),
  },
  resnet50: {
    conv1: square(64, 112),
    layer1: square(256, 56),
    layer2: square(512, 28),
    layer3: square(1024, 14),
    layer4: square(2048, 7),
    avgpool: square(2048, 1),
  },
  // Table 1 for its 224x224; the sizes in it are those of 227x227, below.
  squeezenet: {
    'features.0': square(96, 109),
    'features.2': square(96, 54),
    'features.3': square(128, 54),
    'features.4': square(128, 54),
    'features.5': square(256, 54),
    'features.6': square(256, 27),
    'features.7': square(256, 27),
    'features.8': square(384, 27),
    'features.9': square(384, 27),
    'features.10': square(512, 27),
    'features.11': square(512, 13),
    'features.12': square(512, 13),
    'classifier.1': square(1000, 13),
  },
  // Table 2.
  mobilenetV2: {
    'features.0': square(32, 112),
    'features.1': square(16, 112),
    'features.3': square(24, 56),
    'features.6': square(32, 28),
    'features.10': square(64, 14),
    'features.13': square(96, 14),
    'features.16': square(160, 7),
    'features.17': square(320, 7),
    'features.18': square(1280, 7),
  },
};

/** Multiplications with an addition each, in thousand millions, as far as published, to the last digit given. */
const multiplyAdds: Readonly<Partial<Record<ModelName, readonly [published: number, digits: number]>>> = {
  // torchvision's table of classification weights ("GFLOPS").
  vgg16: [15.47, 2],
  vgg19: [19.63, 2], // 1.96e10 in He et al. 2015, table 3
  googlenet: [1.5, 2],
  resnet18: [1.81, 2],
  resnet50: [4.09, 2],
  squeezenet: [0.82, 2],
  mobilenetV2: [0.3, 2], // 300 million in the paper
  preluNet: [19, 0], // 1.90e10 in He et al. 2015, table 3
};

/** Receptive fields of the features, and their stride. */
const fields: Readonly<
  Partial<Record<ModelName, readonly [part: readonly [first: number, end: number], field: number]>>
> = {
  // Araujo, Norris & Sim 2019, Computing receptive fields of convolutional neural networks: VGG-16, Inception-v2.
  vgg16: [[0, 1], 212],
  bnInception: [[0, 15], 699],
  // By hand: 11 behind the first pooling; 3 convolutions at stride 4; (1, 3), (1, 5), (1, 2) at (4, 8), (8, 16), (16, 32).
  resnet50: [[0, 8], 11 + 2 * (3 * 4 + 4 + 3 * 8 + 8 + 5 * 16 + 16 + 2 * 32)],
};

describe.each(modelNames.map((name) => ({ name, info: models[name] })))(
  '$name',
  { timeout: 120_000 },
  ({ name, info }) => {
    it('has the published layers, parameters and multiplications', () => {
      using model = skipInit(() => createModel(name));
      const { found, shapes } = run(model, info);
      expect(Object.fromEntries(Object.keys(stages[name]).map((key) => [key, shapes.get(key)]))).toEqual(stages[name]);
      expect(shapes.get('')).toEqual([info.classes]);
      expect(found.total.parameters).toBe(info.parameters);
      const published = multiplyAdds[name];
      if (published !== undefined) expect(found.total.multiplyAdds / 1e9).toBeCloseTo(...published);
      const field = fields[name];
      if (field !== undefined) {
        const { size, stride } = receptiveField(new Sequential(model.children().slice(...field[0])));
        expect([size, stride]).toEqual([
          [field[1], field[1]],
          [32, 32],
        ]);
      }
      if (name !== 'alexnet') return;
      // The lecture's and section 3.5's count; weights without biases.
      expect(found.total.neurons).toBe(
        290_400 + 186_624 + 64_896 + 64_896 + 43_264 + 4096 + 4096 + 1000, // 659,272
      );
      const weights = model.namedParameters().filter(([own]) => own.endsWith('weight'));
      expect(weights.reduce((sum, [, { size }]) => sum + size, 0)).toBe(60_954_656);
    });
  },
);

describe('variants', { timeout: 120_000 }, () => {
  const count = (model: Module): number => model.parameters().reduce((sum, { size }) => sum + size, 0);

  it("alexnet with one column is torchvision's, and sees 195x195", () => {
    using model = skipInit(() => alexnet({ variant: 'one-column' }));
    const { found, shapes } = run(model, models.alexnet);
    expect(found.total.parameters).toBe(61_100_840); // torchvision 0.13
    expect(found.total.multiplyAdds / 1e9).toBeCloseTo(0.71, 2); // torchvision's table
    expect(shapes.get('features.12')).toEqual(square(256, 6));
    // Araujo, Norris & Sim 2019: AlexNet-v2.
    expect(receptiveField(part(model, 'features'))).toMatchObject({ size: [195, 195], stride: [32, 32] });
  });

  it('googlenet has 6,624,904 parameters without auxiliary classifiers', () => {
    using model = skipInit(() => googlenet({ auxiliary: false }));
    expect(count(model)).toBe(6_624_904); // torchvision 0.13
  });

  it('googlenet as published has the parameters of the net in the Caffe model zoo', () => {
    using model = skipInit(() => googlenet({ variant: 'published' }));
    using alone = skipInit(() => googlenet({ variant: 'published', auxiliary: false }));
    expect([count(model), count(alone)]).toEqual([13_378_280, 6_998_552]);
    const { found, shapes } = run(alone, models.googlenet);
    expect(Object.fromEntries(Object.keys(stages.googlenet).map((key) => [key, shapes.get(key)]))).toEqual(
      stages.googlenet,
    );
    expect(found.total.multiplyAdds / 1e9).toBeCloseTo(1.58, 2); // "1.5 billion" in the paper's introduction
  });

  it("bnInception has the parameters of its authors' program", () => {
    using model = skipInit(() => createModel('bnInception'));
    // TF-slim's test of inception_v2 without its dense layer: 10,173,112. That counts running statistics, has no factors behind
    // normalisation, and where the first convolution is normalised here it has 64 biases instead.
    const normalised = model
      .namedBuffers()
      .filter(([name]) => name.endsWith('running_mean'))
      .reduce((sum, [, { size }]) => sum + size, 0);
    const convolutions = count(model) - 2 * normalised - 1025 * 1000;
    expect(convolutions + 3 * (normalised - 64) + 64).toBe(10_173_112);
  });

  it("squeezenet 1.0 has the table's sizes for the 227x227 that these are of", () => {
    using model = skipInit(() => squeezenet());
    const { shapes } = run(model, { ...models.squeezenet, inputSize: 227 });
    const sizes = ['features.0', 'features.2', 'features.6', 'features.11'].map((name) => shapes.get(name)?.[1]);
    expect(sizes).toEqual([111, 55, 27, 13]);
  });

  it('squeezenet 1.1 has 1,235,496 parameters', () => {
    using model = skipInit(() => squeezenet({ version: '1.1' }));
    const { found } = run(model, models.squeezenet);
    expect(found.total.parameters).toBe(1_235_496); // torchvision 0.13
    expect(found.total.multiplyAdds / 1e9).toBeCloseTo(0.35, 2); // torchvision's table
  });

  it('mobilenetV2 has as many channels as its width says', () => {
    using wide = skipInit(() => mobilenetV2({ width: 1.4 }));
    const { found, shapes } = run(wide, models.mobilenetV2);
    // 6.06 million, and 582 million multiplications, in the table of the authors' program.
    expect(found.total.parameters / 1e6).toBeCloseTo(6.1, 1);
    expect(found.total.multiplyAdds / 1e6).toBeCloseTo(582, 0);
    expect([shapes.get('features.0')?.[0], shapes.get('features.18')?.[0]]).toEqual([48, 1792]);
  });
});

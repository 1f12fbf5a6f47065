import { type Tensor, tidy, zeros } from 'receptive';
import * as nn from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { expectThrows } from '../support/errors';

const { Conv2d, Linear, MaxPool2d, ReLU, Sequential, receptiveField, summary } = nn;

/** LeNet-like: 1x28x28, two convolutions with pooling, two fully connected layers. */
const lenet = () =>
  new Sequential({
    features: new Sequential([
      new Conv2d(1, 6, 5, { padding: 2 }),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(6, 16, 5),
      new ReLU(),
      new MaxPool2d(2),
    ]),
    flatten: new nn.Flatten(),
    classifier: new Sequential([new Linear(400, 120), new nn.Dropout(), new Linear(120, 10)]),
  });

describe('summary', () => {
  it('counts what can be counted by hand', () => {
    using model = lenet();
    const { rows, total } = summary(model, [2, 1, 28, 28]);
    const columns = rows.map((r) => [r.name, r.type, r.outputShape, r.neurons, r.parameters, r.multiplyAdds]);
    expect(columns).toEqual([
      ['features.0', 'Conv2d', [2, 6, 28, 28], 4704, 6 * 26, 2 * 4704 * 25],
      ['features.1', 'ReLU', [2, 6, 28, 28], 0, 0, 0],
      ['features.2', 'MaxPool2d', [2, 6, 14, 14], 0, 0, 0],
      ['features.3', 'Conv2d', [2, 16, 10, 10], 1600, 16 * 151, 2 * 1600 * 150],
      ['features.4', 'ReLU', [2, 16, 10, 10], 0, 0, 0],
      ['features.5', 'MaxPool2d', [2, 16, 5, 5], 0, 0, 0],
      ['flatten', 'Flatten', [2, 400], 0, 0, 0],
      ['classifier.0', 'Linear', [2, 120], 120, 120 * 401, 2 * 400 * 120],
      ['classifier.1', 'Dropout', [2, 120], 0, 0, 0],
      ['classifier.2', 'Linear', [2, 10], 10, 10 * 121, 2 * 120 * 10],
    ]);
    expect(rows.map((r) => r.activationBytes)).toEqual(rows.map((r) => 4 * r.outputShape.reduce((a, b) => a * b)));
    expect(total).toEqual({
      neurons: 4704 + 1600 + 120 + 10,
      parameters: 156 + 2416 + 48_120 + 1210,
      multiplyAdds: 2 * (117_600 + 240_000 + 48_000 + 1200),
      activationBytes: rows.reduce((sum, r) => sum + r.activationBytes, 0),
    });
    expect(model.training).toBe(true);
  });

  it("has the lecture's numbers: ten 5x5 filters on 32x32x3 with padding 2", () => {
    using conv = new Conv2d(3, 10, 5, { padding: 2 });
    const { rows, total } = summary(conv, [1, 3, 32, 32]);
    expect(total.parameters).toBe(760);
    expect(rows[0].outputShape).toEqual([1, 10, 32, 32]);
    expect(rows[0].name).toBe('');
  });

  it('prints a table, with totals at the end', () => {
    using conv = new Conv2d(3, 10, 5, { padding: 2 });
    const lines = String(summary(conv, [1, 3, 32, 32])).split('\n');
    expect(lines.length).toBe(4);
    expect(lines[0]).toMatch(/^name +type +output shape +neurons +parameters +multiply-adds +activation bytes$/);
    expect(lines[2]).toMatch(/Conv2d +\[1, 10, 32, 32\] +10,240 +760 +768,000 +40,960$/);
    expect(lines[3]).toMatch(/^total +10,240 +760 +768,000 +40,960$/);
  });

  it('counts shared parameters once, those of modules that did not run in the total, and restores modes', () => {
    class Shared extends nn.Module<'float64'> {
      fc = new Linear(3, 3, { dtype: 'float64' });
      unused = new Linear(3, 1, { dtype: 'float64' });
      scale = nn.parameter(zeros([3], { dtype: 'float64' }));
      forward(x: Tensor<'float64'>) {
        return this.fc.call(this.fc.call(x));
      }
    }
    using model = new Shared();
    model.fc.eval();
    const { rows, total } = summary(model, [1, 3]);
    expect(rows.map(({ name, parameters }) => [name, parameters])).toEqual([
      ['fc', 12],
      ['fc', 0],
      ['', 3],
    ]);
    expect(total).toEqual({ neurons: 6, parameters: 19, multiplyAdds: 18, activationBytes: 3 * 24 });
    expect([model.training, model.fc.training, model.unused.training]).toEqual([true, false, true]);
  });

  it('counts other sums of products', () => {
    using transposed = new nn.ConvTranspose2d(4, 6, 3, { stride: 2, groups: 2 });
    expect(summary(transposed, [1, 4, 5, 7]).total.multiplyAdds).toBe(4 * 5 * 7 * 3 * 9);
    using grouped = new Conv2d(4, 6, 3, { groups: 2 });
    expect(summary(grouped, [1, 4, 5, 7]).total.multiplyAdds).toBe(6 * 3 * 5 * 2 * 9);
  });

  it('leaves no hook behind where the model throws', () => {
    using model = lenet();
    expectThrows(() => summary(model, [1, 2, 28, 28]), 'ShapeError');
    expect(model.modules().every((m) => m.training)).toBe(true);
    expectThrows(() => summary({} as never, [1]), 'ArgumentError', /summary: model must be a Module/);
    tidy(() => model.call(zeros([1, 1, 28, 28])).dispose());
    expect(summary(model, [1, 1, 28, 28]).rows.length).toBe(10);
  });
});

describe('receptiveField', () => {
  const field = (...layers: nn.Module[]) => {
    using model = new Sequential(layers);
    const { size, stride, offset } = receptiveField(model);
    return [size, stride, offset];
  };

  it('composes windows', () => {
    expect(field(new Conv2d(1, 1, 3), new Conv2d(1, 1, 3))).toEqual([
      [5, 5],
      [1, 1],
      [0, 0],
    ]);
    expect(field(new Conv2d(1, 1, [3, 5], { stride: [2, 1], padding: [1, 2] }), new ReLU(), new MaxPool2d(2))).toEqual([
      [3 + 2, 5 + 1],
      [4, 2],
      [-1, -2],
    ]);
    expect(field(new Conv2d(1, 1, 3, { dilation: 4 }))).toEqual([
      [9, 9],
      [1, 1],
      [0, 0],
    ]);
    expect(field(new Conv2d(1, 1, 5, { padding: 'same' }))).toEqual([
      [5, 5],
      [1, 1],
      [-2, -2],
    ]);
    expect(field(new nn.Conv1d(1, 1, 3, { padding: [2, 0] }))).toEqual([[3], [1], [-2]]);
    expect(field(new nn.Conv3d(1, 1, [1, 2, 3], { stride: 2 }))).toEqual([
      [1, 2, 3],
      [2, 2, 2],
      [0, 0, 0],
    ]);
    expect(field(new ReLU(), new nn.LocalResponseNorm(3))).toEqual([
      [1, 1],
      [1, 1],
      [0, 0],
    ]);
  });

  it('of five stages of 3x3 convolutions and pooling is 212, as of VGG-16', () => {
    // Stage i of n layers adds (2 n + 1) 2^i: 1 + 5 + 10 + 28 + 56 + 112.
    const stages = [2, 2, 3, 3, 3].flatMap((count) => [
      ...Array.from({ length: count }, () => new Conv2d(1, 1, 3, { padding: 1 })),
      new MaxPool2d(2),
    ]);
    expect(field(...stages)).toEqual([
      [212, 212],
      [32, 32],
      [-90, -90],
    ]);
  });

  it('of branches holds them all', () => {
    const wide = () => new Conv2d(1, 1, 5, { padding: 2 });
    expect(field(new nn.Concat([new Conv2d(1, 1, 1), wide(), new nn.Identity()]))).toEqual([
      [5, 5],
      [1, 1],
      [-2, -2],
    ]);
    expect(field(new nn.Residual(wide(), null, new ReLU()), wide())).toEqual([
      [9, 9],
      [1, 1],
      [-4, -4],
    ]);
    // One looks to the left, one to the right.
    const side = (left: number, right: number) =>
      new Conv2d(1, 1, [1, 3], { padding: { top: 0, bottom: 0, left, right } });
    expect(field(new nn.Concat([side(2, 0), side(0, 2)]))).toEqual([
      [1, 5],
      [1, 1],
      [0, -2],
    ]);
    using uneven = new nn.Residual(new Conv2d(1, 1, 3, { stride: 2 }));
    expectThrows(() => receptiveField(uneven), 'ArgumentError', /branches of Residual have strides/);
  });

  it('of what sees everything is infinite', () => {
    const all = [
      [Infinity, Infinity],
      [1, 1],
      [-Infinity, -Infinity],
    ];
    expect(field(new Conv2d(1, 1, 3, { stride: 2 }), new nn.GlobalAvgPool2d(), new Conv2d(1, 1, 1))).toEqual(all);
    expect(field(new Conv2d(1, 1, 3), new nn.Flatten(), new Linear(4, 1))).toEqual(all);
  });

  it('of a transposed convolution counts the most inputs that one output sees', () => {
    expect(field(new nn.ConvTranspose2d(1, 1, 4, { stride: 2, padding: 1 }))).toEqual([
      [2, 2],
      [0.5, 0.5],
      [-1, -1],
    ]);
    expect(field(new nn.ConvTranspose2d(1, 1, 2, { stride: 2 }))).toEqual([
      [1, 1],
      [0.5, 0.5],
      [0, 0],
    ]);
  });

  it('asks classes of one’s own, and says so where they do not know', () => {
    class Silent extends nn.Module {
      forward(x: Tensor) {
        return x;
      }
    }
    class Known extends Silent {
      override extendField(before: nn.Field) {
        return before;
      }
    }
    expectThrows(() => receptiveField(new Silent()), 'UnsupportedError', /Silent does not say.*extendField\(\)/);
    expect(receptiveField(new Known()).size).toEqual([1, 1]);
    expectThrows(() => receptiveField(3 as never), 'ArgumentError', /receptiveField: model must be a Module/);
    using mixed = new Sequential([new nn.Conv1d(1, 1, 3), new Conv2d(1, 1, 3)]);
    expectThrows(() => receptiveField(mixed), 'ArgumentError', /windows over 2 axes, the layers before it over 1/);
  });
});

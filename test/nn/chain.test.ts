import {
  add,
  manualSeed,
  memoryStats,
  mul,
  noGrad,
  profile,
  rand,
  randn,
  scale_,
  sum,
  type Tensor,
  tidy,
} from 'receptive';
import {
  BatchNorm2d,
  Conv2d,
  type Conv2dLayerOptions,
  Identity,
  type Module,
  ReLU,
  ReLU6,
  Sequential,
} from 'receptive/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectClose, expectSame } from '../support/compare';
import { expectThrows } from '../support/errors';
import { read } from '../support/tensors';

const close = { dtype: 'float32', terms: 40 } as const;

/** Gives every parameter and buffer values from 0.5 to 1.5, none of them neutral. */
function disturb<M extends Module>(model: M): M {
  for (const tensor of [...model.parameters(), ...model.buffers()] as Tensor[]) {
    noGrad(() => tidy(() => tensor.copy_(rand(tensor.shape, { low: 0.5, high: 1.5, dtype: tensor.dtype })).size));
  }
  return model;
}

const block = (options?: Conv2dLayerOptions): Sequential => {
  const { layout } = options ?? {};
  return disturb(
    new Sequential([new Conv2d(3, 4, 3, options), new BatchNorm2d(4, { layout, epsilon: 0.1 }), new ReLU()]),
  );
};

/** What the model gives off the tape, by which operations. */
async function inference(model: Module, input: Tensor) {
  const { result, events } = await profile(() => noGrad(() => model.call(input)));
  const values = read(result);
  result.dispose();
  return { values, ops: events.map(({ op }) => op) };
}

/** Runs `fn` while a hook keeps each layer of the model by itself. */
async function apart<T>(model: Module, fn: () => Promise<T>): Promise<T> {
  const remove = model.children().map((layer) => layer.registerForwardHook(() => undefined));
  try {
    return await fn();
  } finally {
    for (const one of remove) one();
  }
}

/** The model computes in one pass what its layers compute by themselves. */
async function expectFolded(model: Module, input: Tensor): Promise<void> {
  const folded = await inference(model, input);
  const layers = await apart(model, () => inference(model, input));
  expect(layers.ops).toContain('batchNorm');
  expect(folded.ops).not.toContain('batchNorm');
  expect(folded.ops).not.toContain('relu');
  expectClose(folded.values, layers.values, { ...close, dtype: input.dtype });
}

beforeEach(() => manualSeed(5));

describe('a convolution in inference', () => {
  it('takes the normalisation and the activation behind it along', async () => {
    for (const layout of ['NCHW', 'NHWC'] as const) {
      for (const bias of [true, false]) {
        using model = block({ padding: 1, stride: [1, 2], bias, layout }).eval();
        using x = randn(layout === 'NHWC' ? [2, 7, 9, 3] : [2, 3, 7, 9]);
        await expectFolded(model, x);
      }
    }
    using plain = disturb(new Sequential([new Conv2d(3, 6, 1, { groups: 3 }), new BatchNorm2d(6, { affine: false })]));
    using x = randn([2, 3, 7, 9]);
    await expectFolded(plain.eval(), x);
  });

  it('does so in float64, to its precision', async () => {
    const dtype = 'float64';
    const layers = [new Conv2d(3, 4, 3, { dtype }), new BatchNorm2d(4, { dtype }), new ReLU6<'float64'>()];
    using model = disturb(new Sequential(layers) as unknown as Module).eval();
    using x = randn([2, 3, 7, 9], { dtype }) as unknown as Tensor;
    await expectFolded(model, x);
  });

  it('sees every change of what the weights follow from', async () => {
    using model = block().eval();
    using x = randn([2, 3, 7, 9]);
    const tensors = [...model.parameters(), ...model.buffers()];
    expect(tensors.length).toBe(6);
    for (const tensor of tensors as Tensor[]) {
      await inference(model, x);
      noGrad(() => scale_(tensor, 1.5));
      await expectFolded(model, x);
    }
    using other = block();
    model.loadStateDict(other.stateDict());
    await expectFolded(model, x);
  });

  it('leaves to themselves what is recorded, in training, hooked, or of a class of its own', async () => {
    using x = randn([2, 3, 7, 9]);
    using model = block().eval();
    const { result, events } = await profile(() => model.call(x));
    result.dispose();
    expect(events.map(({ op }) => op)).toContain('batchNorm');
    expect((await inference(model.train(), x)).ops).toContain('batchNorm');
    const seen: (readonly number[])[] = [];
    const remove = (model.eval().at(0) as Module).registerForwardHook((_, __, output) => void seen.push(output.shape));
    expect((await inference(model, x)).ops).toContain('batchNorm');
    expect(seen).toEqual([[2, 4, 5, 7]]);
    remove();
    expect((await inference(model, x)).ops).not.toContain('batchNorm');

    class Doubled extends Conv2d {
      override forward(one: Tensor): Tensor {
        return mul(super.forward(one), 2);
      }
    }
    using doubled = new Sequential([new Doubled(3, 4, 3), new BatchNorm2d(4)]).eval();
    expect((await inference(doubled, x)).ops).toContain('batchNorm');
    using between = new Sequential([new Conv2d(3, 4, 3), new Identity(), new BatchNorm2d(4)]).eval();
    expect((await inference(between, x)).ops).toContain('batchNorm');
    // Seven columns: channels last, for a normalisation that takes them so.
    using mixed = new Sequential([new Conv2d(3, 4, 3), new BatchNorm2d(7, { layout: 'NHWC' })]).eval();
    expect((await inference(mixed, x)).ops).toContain('batchNorm');
  });

  it('fails as the layers by themselves do', () => {
    using x = randn([2, 3, 7, 9]);
    using model = new Sequential([new Conv2d(3, 4, 3), new BatchNorm2d(5), new ReLU()]).eval();
    expectThrows(() => noGrad(() => model.call(x)), 'ShapeError', /batchNorm.*5/);
    using disposed = new Sequential([new Conv2d(3, 4, 3), new BatchNorm2d(4)]).eval();
    disposed.at(1)?.dispose();
    expectThrows(() => noGrad(() => disposed.call(x)), 'DisposedError', /batchNorm/);
  });

  it('holds the folded weights until training or disposal, once', () => {
    using x = randn([2, 3, 7, 9]);
    const { tensors: start } = memoryStats();
    const model = block().eval();
    const { tensors: before } = memoryStats();
    const run = (): void => {
      noGrad(() => model.call(x)).dispose();
    };
    for (let i = 0; i < 5; i++) {
      run();
      if (i === 2) noGrad(() => scale_(model.parameters()[0], 2));
    }
    expect(memoryStats().tensors).toBe(before + 2);
    model.train();
    expect(memoryStats().tensors).toBe(before);
    model.eval();
    tidy(run); // they outlive it
    expect(memoryStats().tensors).toBe(before + 2);
    model.dispose();
    expect(memoryStats().tensors).toBe(start);
  });
});

describe('a convolution in training', () => {
  it('takes the activation along, with the same values and gradients', async () => {
    using model = disturb(new Sequential([new Conv2d(3, 4, 3, { padding: 1 }), new ReLU()]));
    using x = randn([2, 3, 7, 9]);
    const step = async () => {
      model.zeroGrad();
      const { result, events } = await profile(() =>
        tidy(() => {
          const output = model.call(x);
          sum(mul(output, add(output, 1))).backward();
          return output.detach();
        }),
      );
      const values = [read(result)];
      for (const parameter of model.parameters()) values.push(read(parameter.grad as Tensor));
      result.dispose();
      return { values, ops: events.map(({ op }) => op) };
    };
    const together = await step();
    const separate = await apart(model, step);
    expect(separate.ops).toContain('relu');
    expect(together.ops).not.toContain('relu');
    for (const [i, values] of together.values.entries()) expectSame(values, separate.values[i]);
  });
});

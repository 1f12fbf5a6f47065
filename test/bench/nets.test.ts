import { mul, type Tensor } from 'receptive';
import { resnet18 } from 'receptive/models';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Concat,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Residual,
  Sequential,
} from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { graphOf } from '../../bench/nets/graph';
import { type NetTask, netArguments, parseNetTask } from '../../bench/nets/task';

describe('the graph of a model', () => {
  it('has layers, sums and joins with what each takes, whichever container they are in', () => {
    const block = new Residual(new Sequential([new Conv2d(3, 3, 3, { padding: 1, bias: false }), new BatchNorm2d(3)]));
    const active = new Residual(new Conv2d(3, 4, 1), new Conv2d(3, 4, 1), new ReLU());
    using model = new Sequential({
      block,
      active,
      joined: new Concat([
        new MaxPool2d(3, { stride: 2, padding: [1, 0] }),
        new MaxPool2d([3, 3], { stride: 2, padding: [1, 0] }),
      ]),
      pool: new AdaptiveAvgPool2d(1),
      same: new AdaptiveAvgPool2d(1),
      flatten: new Flatten(),
      dropout: new Dropout(),
      dense: new Linear(8, 5),
    }).eval();
    const graph = graphOf(model, [2, 3, 7, 9]);
    expect([graph.inputShape, graph.outputShape]).toEqual([
      [2, 3, 7, 9],
      [2, 5],
    ]);
    expect(graph.nodes.map(({ op, inputs, output }) => `${output} = ${op} ${inputs}`)).toEqual([
      ...['v0 = conv x', 'v1 = batchNorm v0', 'v2 = add v1,x'],
      ...['v3 = conv v2', 'v4 = conv v2', 'v5 = add v3,v4', 'v6 = relu v5'],
      ...['v7 = maxPool v6', 'v8 = maxPool v6', 'v9 = concat v7,v8'],
      ...['v10 = globalAvgPool v9', 'v11 = flatten v10', 'v12 = dropout v11', 'v13 = linear v12'],
    ]);
    expect([graph.input, graph.output]).toEqual(['x', 'v13']);
    expect(graph.nodes[0]).toMatchObject({
      attributes: { kernel: [3, 3], stride: [1, 1], pads: [1, 1, 1, 1], dilation: [1, 1], groups: 1 },
      tensors: { weight: 'block.body.0.weight' },
    });
    expect(Object.keys(graph.nodes[0].tensors)).toEqual(['weight']);
    expect(graph.nodes[1].tensors).toEqual({
      weight: 'block.body.1.weight',
      bias: 'block.body.1.bias',
      mean: 'block.body.1.running_mean',
      variance: 'block.body.1.running_var',
    });
    expect(graph.nodes[7].attributes).toEqual({
      ...{ kernel: [3, 3], stride: [2, 2], pads: [1, 0, 1, 0], dilation: [1, 1], ceil: false },
    });
  });

  it('sees through modules that give their parts other names', () => {
    using model = resnet18({ classes: 4 }).eval();
    const counts = new Map<string, number>();
    for (const { op } of graphOf(model, [1, 3, 33, 33]).nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({
      ...{ conv: 20, batchNorm: 20, relu: 17, add: 8, maxPool: 1, globalAvgPool: 1, flatten: 1, linear: 1 },
    });
  });

  it('is refused where a module computes something else, and leaves no hooks', () => {
    class Doubled extends Module {
      readonly inner = new ReLU();
      forward(input: Tensor): Tensor {
        return this.inner.call(mul(input, 2));
      }
    }
    const model = new Sequential([new Doubled()]).eval();
    expect(() => graphOf(model, [1, 2, 3, 4])).toThrow(/no layer/);
    expect(model.modules().some((one) => (one as unknown as { _hooked: boolean })._hooked)).toBe(false);
    expect(() => graphOf(new AdaptiveAvgPool2d(2).eval(), [1, 2, 3, 4])).toThrow(/\[1,2,3,4\] to \[1,2,2,2\]/);
  });
});

it('tasks survive being arguments', () => {
  const task: NetTask = { model: 'lenet5', mode: 'training', threads: 2, seed: 7, folder: '/a=b/c', samples: [0, 12] };
  expect(parseNetTask(netArguments(task))).toEqual(task);
});

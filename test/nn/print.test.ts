import { inspect } from 'node:util';
import type { Tensor } from 'receptive';
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  Module,
  ReLU,
  Residual,
  Sequential,
} from 'receptive/nn';
import { expect, it } from 'vitest';

it('a model prints as its layers with their options and shapes, indented by container', () => {
  using model = new Sequential({
    features: new Sequential([
      new Conv2d(1, 6, 5, { padding: { top: 2, bottom: 2, left: 1, right: 1 }, bias: false }),
      new BatchNorm2d(6, { affine: false }),
      new Residual(new Conv2d(6, 6, [3, 1], { padding: [1, 0] }), null, new ReLU()),
      new AvgPool2d(2, { countIncludePad: false }),
    ]),
    flatten: new Flatten(),
    dropout: new Dropout(0.3),
    dense: new Linear(6 * 14 * 13, 10),
  });
  const text = `Sequential(
  features: Sequential(
    0: Conv2d(weight [6, 1, 5, 5], padding {top:2,bottom:2,left:1,right:1})
    1: BatchNorm2d(runningMean [6], runningVar [6], epsilon 0.00001, momentum 0.1)
    2: Residual(
      body: Conv2d(weight [6, 6, 3, 1], bias [6], padding [1, 0])
      activation: ReLU()
    )
    3: AvgPool2d(no countIncludePad, kernelSize 2)
  )
  flatten: Flatten(startAxis 1)
  dropout: Dropout(p 0.3)
  dense: Linear(weight [10, 1092], bias [10])
)`;
  expect(String(model)).toBe(text);
  expect(inspect(model)).toBe(text);
});

it('also where it contains itself', () => {
  class Loop extends Module {
    again: Module = this;
    depth = 3;
    private readonly hidden = new Map();
    forward(input: Tensor): Tensor {
      return this.hidden.size > 0 ? input : input.clone();
    }
  }
  expect(String(new Loop())).toBe('Loop(depth 3\n  again: Loop(…)\n)');
});

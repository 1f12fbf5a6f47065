import {
  adaptiveAvgPool2d,
  add,
  arange,
  conv2d,
  eye,
  full,
  grad,
  im2col,
  linspace,
  matmul,
  maximum,
  memoryStats,
  oneHot,
  ones,
  pad,
  rand,
  randint,
  randn,
  split,
  tensor,
  tidy,
  where,
  zeros,
} from 'receptive';
import { describe, expect, it } from 'vitest';
import { describeOnDevices } from './support/devices';
import { expectThrows } from './support/errors';

// Sizes that no number or no memory can hold: an error at the call, from the function called, and nothing is left behind.

const huge = 2 ** 53 - 1;
const image = (...shape: number[]) => zeros(shape);

const uncountable: Record<string, [string, () => unknown]> = {
  'zeros of 2^54 bytes': ['zeros', () => zeros([2 ** 52])],
  'ones of a product beyond 2^53': ['ones', () => ones([2 ** 31, 2 ** 31])],
  'full of a product beyond every float': ['full', () => full([huge, huge, huge, huge, huge, huge, huge, huge], 1)],
  'an empty tensor whose strides overflow': ['zeros', () => zeros([0, huge, 2])],
  'an empty random tensor whose strides overflow': ['randn', () => randn([huge, 3, 0])],
  rand: ['rand', () => rand([2 ** 30, 2 ** 30], { dtype: 'float64' })],
  randint: ['randint', () => randint(0, 2, [huge])],
  eye: ['eye', () => eye(2 ** 40)],
  arange: ['arange', () => arange(0, huge)],
  'arange of more steps than integers': ['arange', () => arange(0, 1e300, 1e-10)],
  linspace: ['linspace', () => linspace(0, 1, huge)],
  pad: ['pad', () => pad(zeros([2]), [[2 ** 52, 2 ** 52]])],
  'conv2d beyond 2^31 - 1 rows': ['conv2d', () => conv2d(image(1, 1, 4, 5), image(1, 1, 3, 2), { padding: 2 ** 30 })],
  'conv2d of too many pixels': ['conv2d', () => conv2d(image(1, 1, 4, 5), image(1, 1, 3, 2), { padding: 2 ** 29 })],
  adaptiveAvgPool2d: ['adaptiveAvgPool2d', () => adaptiveAvgPool2d(image(1, 1, 4, 5), 2 ** 31 - 1)],
  im2col: ['im2col', () => im2col(image(1, 1, 4, 5), { kernelSize: [2 ** 20, 3], padding: [2 ** 29, 2 ** 30 - 1] })],
  reshape: ['reshape', () => zeros([0]).reshape([0, 2 ** 31, 2 ** 31])],
  'split into more parts than arrays hold': ['split', () => split(zeros([2 ** 40, 0]), 2 ** 40)],
  'grad.stack': ['grad.stack', () => grad.stack(zeros([2 ** 31, 0]))],
  'grad.sum': ['grad.sum', () => grad.sum(tensor(1), [2 ** 30, 2 ** 30])],
  'grad.mean': ['grad.mean', () => grad.mean(tensor([1, 2]), [2, huge], { axis: 1 })],
  'grad.slice': ['grad.slice', () => grad.slice(zeros([2, 1]), [2, huge], [0, 0], [2, 1])],
};

const unavailable: Record<string, () => unknown> = {
  'toArray of 2^31 empty rows': () => zeros([2 ** 31, 0]).toArray(),
  zeros: () => zeros([2 ** 40]),
  pad: () => pad(zeros([1]), [[2 ** 40, 0]]),
  oneHot: () => oneHot(zeros([2 ** 12], { dtype: 'int32' }), 2 ** 31 - 1),
  'add, by broadcasting': () => add(zeros([2 ** 20, 1]), zeros([2 ** 20])),
  'maximum of float64': () =>
    maximum(zeros([2 ** 20, 1], { dtype: 'float64' }), zeros([2 ** 20], { dtype: 'float64' })),
  where: () => where(zeros([2 ** 20, 1], { dtype: 'bool' }), zeros([2 ** 20]), 0),
  matmul: () => matmul(zeros([2 ** 20, 1]), zeros([1, 2 ** 20])),
  adaptiveAvgPool2d: () => adaptiveAvgPool2d(image(1, 1, 4, 5), 2 ** 20),
  // Beyond every address, where sums of addresses overflow.
  'grad.sum': () => grad.sum(tensor(1), [2 ** 46]),
};

describeOnDevices('sizes', (device) => {
  const held = (): number => memoryStats(device).tensors;

  describe('that cannot be counted', () => {
    it.each(Object.entries(uncountable))('%s', (_, [op, call]) => {
      const before = held();
      const error = expectThrows(() => tidy(call), 'ShapeError');
      expect(error.message.startsWith(`${op}: `), error.message).toBe(true);
      expect(error.message).toMatch(/2\^53 - 1|2\^31 - 1|2\^20 = |cannot be counted/);
      expect(held()).toBe(before);
    });
  });

  describe('that no memory holds', () => {
    it.each(Object.entries(unavailable))('%s', (_, call) => {
      const before = held();
      expectThrows(() => tidy(call), 'OutOfMemoryError', /requested/, /limit/);
      expect(held()).toBe(before);
    });
  });
});

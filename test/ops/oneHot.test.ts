import { oneHot } from 'receptive';
import { expect, it } from 'vitest';
import * as reference from '../reference/copy';
import { ndarray } from '../reference/ndarray';
import { expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectError, expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';

describeOnDevices('oneHot', () => {
  it('marks each label along a new last axis', () => {
    for (const [shape, classes] of [
      [[], 3],
      [[7], 10],
      [[2, 5], 4],
      [[0], 6],
      [[300], 17],
    ] as const) {
      const labels = new Random(`${shape}`).integers(shape, 0, classes - 1);
      const actual = evaluate(() => oneHot(toTensor(labels, 'int32'), classes));
      expect(actual.dtype).toBe('float32');
      expectSame(actual, reference.oneHot(labels, classes));
    }
  });

  it.each([...floatDTypes, 'int32', 'uint8', 'bool'] as const)('gives %s when asked', (dtype) => {
    const labels = ndarray([3], [2, 0, 1]);
    const actual = evaluate(() => oneHot(toTensor(labels, 'int32'), 3, { dtype }));
    expect(actual.dtype).toBe(dtype);
    expectSame(actual, reference.oneHot(labels, 3));
  });

  it('rejects the read when a label is out of range', async () => {
    for (const bad of [-1, 3, 2 ** 31 - 1, -(2 ** 31)]) {
      const labels = toTensor(ndarray([3], [0, bad, 2]), 'int32');
      const result = oneHot(labels, 3);
      const error: unknown = await result.data().catch((reason: unknown) => reason);
      expectError(error, 'IndexError', /oneHot/, new RegExp(String(bad)), /3/);
      expectThrows(() => result.dataSync(), 'IndexError', /oneHot/);
      result.dispose();
      labels.dispose();
    }
  });

  it('refuses a number of classes that makes no sense', () => {
    for (const classes of [0, -1, 1.5, Number.NaN, '3', undefined, 2 ** 53]) {
      const call = (): unknown => evaluate(() => oneHot(toTensor(ndarray([2]), 'int32'), classes as number));
      expectThrows(call, 'ReceptiveError', /oneHot/);
    }
  });

  describeContract('oneHot', { labels: { shape: [3], dtypes: ['int32'] } }, (t) => oneHot(t.labels, 3));
});

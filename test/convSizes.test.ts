import fc from 'fast-check';
import { conv2d, convAlgorithms, convOutputSize, getNumThreads, memoryStats, relu, silu } from 'receptive';
import { describe, expect, it } from 'vitest';
import { conv2dOutputShape } from './reference/conv2d';
import { expectSame } from './support/compare';
import { describeOnDevices } from './support/devices';
import { expectThrows } from './support/errors';
import { Random } from './support/random';
import { evaluate, toTensor } from './support/tensors';
import { convProblems } from './support/windows';

describe('convOutputSize', () => {
  it('agrees with the reference on random problems', () => {
    fc.assert(
      fc.property(convProblems, ({ inputShape, weightShape, options }) => {
        expect(convOutputSize(inputShape, weightShape, options)).toEqual(
          conv2dOutputShape(inputShape, weightShape, options),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('computes sizes that no memory could hold', () => {
    expect(convOutputSize([1024, 65536, 65536, 65000], [4096, 65536, 3, 3])).toEqual([1024, 4096, 65534, 64998]);
  });

  it('throws what conv2d throws', () => {
    expectThrows(() => convOutputSize([1, 3, 5, 5], [8, 3, 7, 7]), 'ShapeError', /convOutputSize/, /= -1/);
    expectThrows(() => convOutputSize([1, 3, 5], [8, 3, 7, 7]), 'ShapeError', /convOutputSize/, /input/);
    expectThrows(() => convOutputSize([1, 4, 9, 9], [8, 3, 3, 3]), 'ShapeError', /channels/);
    expectThrows(() => convOutputSize('abc' as never, [8, 3, 7, 7]), 'ReceptiveError', /inputShape/);
  });
});

describe('convAlgorithms', () => {
  it("lists first what 'auto' means, then the other candidates, then those that decline and why", () => {
    const list = convAlgorithms([2, 64, 56, 56], [128, 64, 3, 3], { padding: 1 });
    const candidates = list.filter(({ declined }) => declined === null);
    expect(candidates.map(({ name }) => name)).toEqual(expect.arrayContaining(['im2col', 'implicit']));
    expect(list.slice(0, candidates.length)).toEqual(candidates);
    for (const { name, declined } of list.slice(candidates.length)) {
      expect(declined, name).toMatch(/\w+/);
    }
    for (const { flops } of candidates) expect(flops).toBe(2 * 2 * 128 * 56 * 56 * 64 * 9);
  });

  it('counts the columns of im2col as its workspace', () => {
    const im2col = convAlgorithms([1, 3, 10, 12], [8, 3, 3, 3]).find(({ name }) => name === 'im2col');
    const columns = 27 * 80 * 4;
    expect(im2col?.workspaceBytes).toBeGreaterThanOrEqual(columns);
    // Beside them: the packed weights and a panel per thread.
    expect(im2col?.workspaceBytes).toBeLessThan(columns + 2 ** 18 * (1 + getNumThreads()));
    const double = convAlgorithms([1, 3, 10, 12], [8, 3, 3, 3], { dtype: 'float64' });
    expect(double.find(({ name }) => name === 'im2col')?.workspaceBytes).toBeGreaterThanOrEqual(2 * columns);
  });

  it('runs nothing', () => {
    const before = memoryStats();
    convAlgorithms([64, 512, 128, 128], [512, 512, 3, 3]);
    expect(memoryStats()).toEqual(before);
  });

  it('refuses options that make no sense', () => {
    const shapes = [
      [1, 3, 9, 9],
      [8, 3, 3, 3],
    ] as const;
    expectThrows(() => convAlgorithms(...shapes, { stride: 0 }), 'ReceptiveError', /convAlgorithms/, /stride/);
    expectThrows(() => convAlgorithms(...shapes, { dtype: 'int32' as 'float32' }), 'DTypeError', /convAlgorithms/);
  });
});

describeOnDevices('conv2d with an activation', () => {
  it.each([
    ['relu', relu],
    ['silu', silu],
  ] as const)('%s gives the bits of the two ops', (activation, apply) => {
    const random = new Random(activation);
    const [x, w] = [random.array([2, 3, 7, 8], 'float32'), random.array([4, 3, 3, 2], 'float32')];
    const bias = random.array([4], 'float32');
    const { fused, separate } = evaluate(() => {
      const [input, weight] = [toTensor(x), toTensor(w)];
      const options = { padding: 1, bias: toTensor(bias) };
      return {
        fused: conv2d(input, weight, { ...options, activation }),
        separate: apply(conv2d(input, weight, options)),
      };
    });
    expectSame(fused, separate);
  });

  it('refuses unknown activations', () => {
    const call = (): unknown =>
      evaluate(() => {
        const [x, w] = [new Random('x').array([1, 1, 3, 3], 'float32'), new Random('w').array([1, 1, 2, 2], 'float32')];
        return conv2d(toTensor(x), toTensor(w), { activation: 'softmax' as 'relu' });
      });
    expectThrows(call, 'ReceptiveError', /conv2d/, /activation/);
  });
});

import fc from 'fast-check';
import { conv2d, convAlgorithms, convOutputSize, getNumThreads, memoryStats, relu, relu6, silu } from 'receptive';
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
  const wide = { groups: 1, channels: 3, size: [7, 9] };
  const deep = { groups: 1, channels: 700, size: [3, 4] }; // several blocks of steps
  const small = { groups: 3, channels: 1, size: [6, 40] };
  const cases = [
    ['implicit', wide],
    ['implicit', deep],
    ['im2col', deep],
    ['winogradF2', wide],
    ['winogradF4', deep],
    ['direct', wide],
    ['direct', small],
  ] as const;
  const apply = { relu, relu6, silu } as const;

  describe.each(['relu', 'relu6', 'silu'] as const)('%s', (activation) => {
    it.each(cases)('gives the bits of the two ops, %s %j', (algorithm, { groups, channels, size }) => {
      for (const dtype of ['float32', 'float64'] as const) {
        for (const layout of ['NCHW', 'NHWC'] as const) {
          if (layout === 'NHWC' && algorithm !== 'implicit' && algorithm !== 'im2col') continue;
          const random = new Random(`${activation} ${algorithm} ${dtype}`);
          const extents = layout === 'NCHW' ? [groups * channels, ...size] : [...size, groups * channels];
          const [x, w] = [random.array([2, ...extents], dtype), random.array([groups * 6, channels, 3, 3], dtype)];
          const bias = random.array([groups * 6], dtype);
          x.data.set([NaN, Infinity, -0], 5);
          w.data.fill(0, 0, channels * 9); // a filter that gives zeros, and one that gives -0
          w.data.fill(-0, channels * 9, 2 * channels * 9);
          bias.data.set([-0, -0], 0);
          const { fused, separate } = evaluate(() => {
            const [input, weight] = [toTensor(x, dtype), toTensor(w, dtype)];
            const options = { padding: 1, groups, layout, algorithm, bias: toTensor(bias, dtype) };
            return {
              fused: conv2d(input, weight, { ...options, activation }),
              separate: apply[activation](conv2d(input, weight, options)),
            };
          });
          expectSame(fused, separate);
        }
      }
    });
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

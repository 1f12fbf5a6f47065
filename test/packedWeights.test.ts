import {
  conv2d,
  convAlgorithms,
  crossEntropy,
  emptyCache,
  grad,
  memoryStats,
  mul,
  setMemoryLimit,
  sgdStep_,
  synchronize,
} from 'receptive';
import { expect, it } from 'vitest';
import * as reference from './reference/conv2d';
import { ndarray } from './reference/ndarray';
import { expectClose } from './support/compare';
import { describeOnDevices } from './support/devices';
import { Random } from './support/random';
import { evaluate, read, toTensor } from './support/tensors';

// Packed weights are kept with the weights: an optimisation that nobody may see but in memory figures and in time.

const inputShape = [1, 24, 12, 13];
const weightShape = [16, 24, 3, 3];
const options = { padding: 1 } as const;
const algorithms = ['implicit', 'winogradF2', 'winogradF4'] as const;
/** What keeps most. */
const most = 'winogradF4';

describeOnDevices('packed weights', (device) => {
  const random = new Random('packed weights');
  const x = random.array(inputShape, 'float32');
  const w = random.array(weightShape, 'float32');
  const close = { dtype: 'float32', terms: 30 * 24 * 9, scale: 1 } as const;

  it.each(algorithms)('%s: writing to the weights is seen by the next call', (algorithm) => {
    const [input, weight, gradient] = [toTensor(x), toTensor(w), toTensor(w)];
    const settings = { ...options, algorithm };
    const results = evaluate(() => {
      const before = conv2d(input, weight, settings);
      const gradBefore = grad.conv2dInput(inputShape, weight, before, settings);
      sgdStep_(weight, gradient, { learningRate: 0.5 });
      const after = conv2d(input, weight, settings);
      const gradAfter = grad.conv2dInput(inputShape, weight, before, settings);
      return { before, gradBefore, after, gradAfter };
    });
    const half = { shape: w.shape, data: w.data.map((v) => v / 2) };
    expectClose(results.before, reference.conv2d(x, w, options), close);
    expectClose(results.after, reference.conv2d(x, half, options), close);
    const g = results.before;
    expectClose(results.gradBefore, reference.conv2dInput(inputShape, w, g, options), { ...close, scale: 8 });
    expectClose(results.gradAfter, reference.conv2dInput(inputShape, half, g, options), { ...close, scale: 8 });
    for (const t of [input, weight, gradient]) t.dispose();
  });

  it.each(algorithms)('%s: parts of one storage, and tensors that share it, have forms of their own', (algorithm) => {
    const both = random.array([2 * 16, 24, 3, 3], 'float32');
    const parts = [0, 1].map((i) => ({ shape: weightShape, data: both.data.slice(i * 3456, (i + 1) * 3456) }));
    const settings = { ...options, algorithm };
    const results = evaluate(() => {
      const [input, weights] = [toTensor(x), toTensor(both)];
      const run = (i: number) => conv2d(input, weights.slice(16 * i, 16 * i + 16), settings);
      return [run(0), run(1), run(0), run(1)];
    });
    for (const [i, y] of results.entries()) expectClose(y, reference.conv2d(x, parts[i % 2], options), close);
  });

  it('implicit: each layout, stride and dilation of a gradient by input has a form of its own', () => {
    const geometries = [
      { stride: 1, dilation: 1 },
      { stride: 2, dilation: 1 },
      { stride: [1, 2], dilation: 1 },
      { stride: [2, 3], dilation: [1, 2] },
      { stride: 2, dilation: 2 },
      { stride: 3, dilation: 2 },
    ] as const;
    const layouts = [
      { layout: 'NCHW', shape: inputShape },
      { layout: 'NHWC', shape: [1, 12, 13, 24] },
    ] as const;
    const cases = [...geometries, ...geometries].flatMap((geometry) =>
      layouts.map(({ layout, shape }) => {
        const settings = { ...geometry, padding: 2, layout };
        const outputShape = reference.conv2dOutputShape(shape, weightShape, settings);
        return { settings, shape: [...shape], g: random.array(outputShape, 'float32') };
      }),
    );
    const results = evaluate(() => {
      const weight = toTensor(w);
      return cases.map(({ settings, shape, g }) =>
        grad.conv2dInput(shape, weight, toTensor(g), { ...settings, algorithm: 'implicit' }),
      );
    });
    for (const [i, { settings, shape, g }] of cases.entries()) {
      expectClose(results[i], reference.conv2dInput(shape, w, g, settings), close);
    }
  });

  it('implicit: each layout has a form of its own', () => {
    const nhwc = { ...options, layout: 'NHWC', algorithm: 'implicit' } as const;
    const lastly = random.array([1, 12, 13, 24], 'float32');
    const results = evaluate(() => {
      const [first, last, weight] = [toTensor(x), toTensor(lastly), toTensor(w)];
      const run = () => ({
        nchw: conv2d(first, weight, { ...options, algorithm: 'implicit' }),
        nhwc: conv2d(last, weight, nhwc),
      });
      return [run(), run()];
    });
    for (const result of results) {
      expectClose(result.nchw, reference.conv2d(x, w, options), close);
      expectClose(result.nhwc, reference.conv2d(lastly, w, { ...options, layout: 'NHWC' }), close);
    }
  });

  it.each(algorithms)('%s: they count as memory, go with the weights, and do not pile up', async (algorithm) => {
    const settings = { ...options, algorithm };
    const candidate = convAlgorithms(inputShape, weightShape, options).find(
      ({ name, variant }) => (variant ?? name) === algorithm,
    );
    const packed = candidate?.packedBytes ?? 0;
    const [input, weight, gradient] = [toTensor(x), toTensor(w), toTensor(w)];
    const run = async (): Promise<number> => {
      conv2d(input, weight, settings).dispose();
      await synchronize(device);
      return memoryStats(device).allocatedBytes;
    };
    await synchronize(device);
    const before = memoryStats(device).allocatedBytes;
    const first = await run();
    expect(first - before).toBeGreaterThanOrEqual(packed);
    expect(first - before).toBeLessThan(1.3 * packed + 4096);
    for (let i = 0; i < 3; i++) expect(await run()).toBe(first);
    for (let i = 0; i < 20; i++) {
      sgdStep_(weight, gradient, { learningRate: 0.01 });
      expect(memoryStats(device).allocatedBytes).toBe(before);
      expect(await run()).toBe(first);
    }
    emptyCache(device);
    expect(memoryStats(device).allocatedBytes).toBe(before);
    expect(await run()).toBe(first);
    const held = memoryStats(device).allocatedBytes;
    weight.dispose();
    expect(held - memoryStats(device).allocatedBytes).toBeGreaterThan(packed);
    for (const t of [input, gradient]) t.dispose();
  });

  it('give way where memory runs out, and never hold more than a quarter of the limit', async () => {
    const { limitBytes } = memoryStats(device);
    const input = toTensor(x);
    const weights = Array.from({ length: 12 }, () => toTensor(w));
    await synchronize(device);
    emptyCache(device);
    const before = memoryStats(device).allocatedBytes;
    try {
      setMemoryLimit(before + 4 * 2 ** 20, device);
      const { limitBytes: limit } = memoryStats(device);
      for (let round = 0; round < 3; round++) {
        for (const weight of weights) {
          const y = conv2d(input, weight, { ...options, algorithm: most });
          expectClose(read(y), reference.conv2d(x, w, options), close);
          y.dispose();
          expect(memoryStats(device).allocatedBytes - before).toBeLessThanOrEqual(limit / 4);
        }
      }
      // Nearly all that is left, which is there only without them.
      const large = toTensor(ndarray([850_000]));
      large.dispose();
    } finally {
      setMemoryLimit(limitBytes, device);
      for (const t of [input, ...weights]) t.dispose();
    }
  });

  it('are made by the first call whose inputs are sound', async () => {
    const weight = toTensor(w);
    const input = toTensor(x);
    const labels = toTensor(ndarray([1], [7]), 'int32');
    const logits = toTensor(ndarray([1, 3], [1, 2, 3]));
    const settings = { ...options, algorithm: most } as const;
    // A poisoned input: its convolution does not run, so nothing was packed.
    const poison = crossEntropy(logits, labels);
    const bad = mul(input, poison);
    const y = conv2d(bad, weight, settings);
    await expect(y.data()).rejects.toThrow(/crossEntropy/);
    const good = conv2d(input, weight, settings);
    expectClose(read(good), reference.conv2d(x, w, options), close);
    for (const t of [weight, input, labels, logits, poison, bad, y, good]) t.dispose();
    await synchronize(device).catch(() => {});
  });
});

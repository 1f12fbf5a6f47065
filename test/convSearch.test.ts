import {
  type ConvSearchResult,
  clearConvSearchResults,
  conv2d,
  convAlgorithms,
  convSearchResults,
  devices,
  getNumThreads,
  grad,
  loadConvSearchResults,
  profile,
} from 'receptive';
import { beforeEach, expect, it } from 'vitest';
import { expectSame } from './support/compare';
import { describeOnDevices } from './support/devices';
import { expectThrows } from './support/errors';
import { Random } from './support/random';
import { evaluate, toTensor } from './support/tensors';

// Among groups of few channels 'auto' and 'search' choose on every device.
const [inputShape, weightShape, gradShape] = [
  [2, 6, 14, 15],
  [20, 3, 3, 3],
  [2, 20, 14, 15],
];
const options = { padding: 1, groups: 2 } as const;
const random = new Random('search');
const [x, w, g] = [inputShape, weightShape, gradShape].map((shape) => random.array(shape, 'float32'));

/** The algorithms that `fn`'s convolutions ran by, the last one of each op. */
async function ran(fn: () => unknown): Promise<Record<string, string | null>> {
  const { events } = await profile(() => evaluate(fn as never));
  return Object.fromEntries(
    events.filter(({ op }) => op.startsWith('conv2d')).map(({ op, algorithm, variant }) => [op, variant ?? algorithm]),
  );
}

const forward = (settings: object) => () => ({ y: conv2d(toTensor(x), toTensor(w), { ...options, ...settings }) });

beforeEach(() => clearConvSearchResults());

describeOnDevices("algorithm: 'search'", (device) => {
  it('times what can compute the problem, once, and gives the bits of the fastest', () => {
    const { y } = evaluate(forward({ algorithm: 'search' }));
    const [result, ...others] = convSearchResults();
    expect(others).toEqual([]);
    expect(result).toMatchObject({
      direction: 'forward',
      dtype: 'float32',
      target: devices().find(({ id }) => id === device)?.target,
      threads: getNumThreads(),
      batch: 2,
      channels: 6,
      filters: 20,
      groups: 2,
      layout: 'NCHW',
      input: [14, 15],
      kernel: [3, 3],
      stride: [1, 1],
      dilation: [1, 1],
      padding: [1, 1, 1, 1],
    });
    const times = Object.entries(result.microseconds);
    expect(times.map(([name]) => name).sort()).toEqual(['direct', 'implicit']);
    for (const [, time] of times) expect(time).toBeGreaterThan(0);
    const [fastest] = times.reduce((best, entry) => (entry[1] < best[1] ? entry : best));
    expectSame(y, evaluate(forward({ algorithm: fastest })).y);
    evaluate(forward({ algorithm: 'search' }));
    expect(convSearchResults()).toEqual([result]);
  });

  it('knows output, gradients, layouts and batches apart', () => {
    evaluate(() => {
      const [input, weight, gradOutput] = [x, w, g].map((array) => toTensor(array));
      const settings = { ...options, algorithm: 'search' } as const;
      return {
        y: conv2d(input, weight, { ...settings, activation: 'relu' }),
        one: conv2d(input.slice(0, 1), weight, settings),
        none: conv2d(input.slice(0, 0), weight, settings),
        all: grad.conv2d(gradOutput, input, weight, settings).weight as never,
        nhwc: conv2d(toTensor(random.array([2, 14, 15, 6], 'float32')), weight, { ...settings, layout: 'NHWC' }),
      };
    });
    expect(convSearchResults().map(({ direction, batch, layout }) => `${direction} ${batch} ${layout}`)).toEqual([
      'forward 2 NCHW',
      'forward 1 NCHW',
      'input 2 NCHW',
      'weight 2 NCHW',
      'forward 2 NHWC',
    ]);
  });

  it('takes results over as JSON, and goes by them', async () => {
    evaluate(forward({ algorithm: 'search' }));
    const [found] = JSON.parse(JSON.stringify(convSearchResults())) as ConvSearchResult[];
    const saying = (microseconds: Record<string, number>, other = {}): ConvSearchResult[] => [
      { ...found, ...other, microseconds },
    ];
    for (const [fast, slow] of [
      ['direct', 'implicit'],
      ['implicit', 'direct'],
    ]) {
      clearConvSearchResults();
      loadConvSearchResults(saying({ [slow]: 9, [fast]: 8.5 }));
      expect(await ran(forward({ algorithm: 'search' }))).toEqual({ conv2d: fast });
      expect(convSearchResults()).toEqual(saying({ [slow]: 9, [fast]: 8.5 }));
    }
    loadConvSearchResults(saying({ direct: 1e9 }, { target: 'another' }));
    expect(convSearchResults()).toHaveLength(2);
    clearConvSearchResults();
    loadConvSearchResults(saying({ direct: 1e9 })); // implicit is timed now
    expect(await ran(forward({ algorithm: 'search' }))).toEqual({ conv2d: 'implicit' });
    expect(Object.keys(convSearchResults()[0].microseconds).sort()).toEqual(['direct', 'implicit']);
  });

  it('refuses results that it cannot have written, and takes none of them over', () => {
    evaluate(forward({ algorithm: 'search' }));
    const [found] = convSearchResults();
    clearConvSearchResults();
    const cases: [RegExp, unknown][] = [
      [/saved must be an array/, { 0: found }],
      [/saved\[1\]/, [found, null]],
      [/unknown option 'x'/, [{ ...found, x: 1 }]],
      [/saved\[1\]\.direction/, [found, { ...found, direction: 'back' }]],
      [/saved\[0\]\.dtype/, [{ ...found, dtype: 'int32' }]],
      [/saved\[0\]\.target/, [{ ...found, target: 3 }]],
      [/saved\[0\]\.batch/, [{ ...found, batch: 0 }]],
      [/saved\[0\]\.padding/, [{ ...found, padding: [1, 1] }]],
      [/saved\[0\]\.stride/, [{ ...found, stride: [1, 0.5] }]],
      [/saved\[0\]\.microseconds/, [{ ...found, microseconds: [1] }]],
      [/saved\[0\]\.microseconds/, [{ ...found, microseconds: { magic: 1 } }]],
      [/saved\[0\]\.microseconds\.direct/, [{ ...found, microseconds: { direct: 0 } }]],
    ];
    for (const [message, saved] of cases) {
      expectThrows(() => loadConvSearchResults(saved as never), 'ArgumentError', /loadConvSearchResults/, message);
    }
    expect(convSearchResults()).toEqual([]);
  });
});

describeOnDevices('workspaceLimit', (device) => {
  const bytesOf = (name: string, settings = {}, shapes = [inputShape, weightShape]): number =>
    convAlgorithms(shapes[0], shapes[1], { ...options, ...settings }).find((c) => c.name === name)
      ?.workspaceBytes as number;

  // Windows so large that implicit takes a workspace on GPUs too, for results and gradients alike.
  const wide = { ...options, padding: 4 };
  const wideShapes = [
    [3, 16, 14, 15],
    [20, 8, 9, 9],
    [3, 20, 14, 15],
  ];
  const [wideX, wideW, wideG] = wideShapes.map((shape) => random.array(shape, 'float32'));

  it("is what 'auto' and 'search' keep to", async () => {
    const [direct, implicit] = [bytesOf('direct', wide, wideShapes), bytesOf('implicit', wide, wideShapes)];
    expect(direct).not.toBe(implicit);
    const run = (settings: object) => () => ({ y: conv2d(toTensor(wideX), toTensor(wideW), { ...wide, ...settings }) });
    const [less, more] = direct < implicit ? [direct, implicit] : [implicit, direct];
    for (const algorithm of ['auto', 'search'] as const) {
      const expected = direct < implicit ? 'direct' : 'implicit';
      expect(await ran(run({ algorithm, workspaceLimit: less }))).toEqual({ conv2d: expected });
      expect(await ran(run({ algorithm, workspaceLimit: more - 1 }))).toEqual({ conv2d: expected });
      if (less === 0 && device !== 'cpu') continue; // no limit is below what direct takes on a GPU
      const call = () => evaluate(run({ algorithm, workspaceLimit: less - 1 }));
      expectThrows(call, 'UnsupportedError', /conv2d/, new RegExp(`${less} bytes.* workspaceLimit ${less - 1}`));
    }
  });

  it('binds algorithms by name, and shows in convAlgorithms', () => {
    const im2col = bytesOf('im2col');
    evaluate(forward({ algorithm: 'im2col', workspaceLimit: im2col }));
    const call = () => evaluate(forward({ algorithm: 'im2col', workspaceLimit: im2col - 1 }));
    expectThrows(call, 'UnsupportedError', /'im2col'/, new RegExp(`${im2col} bytes.* workspaceLimit ${im2col - 1}`));
    const limited = convAlgorithms(inputShape, weightShape, { ...options, workspaceLimit: im2col - 1 });
    expect(limited.find(({ name }) => name === 'im2col')?.declined).toMatch(/workspaceLimit/);
    expectThrows(() => evaluate(forward({ workspaceLimit: -1 })), 'ArgumentError', /workspaceLimit/, /-1/);
  });

  it('refuses sizes that no memory could hold as without it', () => {
    const [kernel, gradient] = [
      [1, 1, 1, 1],
      [1, 1, 2, 2],
    ].map((shape) => random.array(shape, 'float32'));
    for (const huge of [
      [2 ** 20, 1, 2 ** 20, 2 ** 20],
      [0, 1, 2 ** 30, 2 ** 30],
    ]) {
      for (const settings of [{}, { workspaceLimit: 1e6 }]) {
        const call = () => evaluate(() => grad.conv2dInput(huge, toTensor(kernel), toTensor(gradient), settings));
        expectThrows(call, 'ShapeError', /^grad\.conv2dInput: /, new RegExp(`${huge[2]}`));
      }
    }
  });

  it('counts what the direction asked for takes', () => {
    const [forwards, back, byWeight] = (['forward', 'input', 'weight'] as const).map((direction) =>
      bytesOf('implicit', { ...wide, direction }, wideShapes),
    );
    expect(new Set([forwards, back, byWeight]).size).toBeGreaterThan(1);
    const gradient = (workspaceLimit: number) => () =>
      evaluate(() =>
        grad.conv2dWeight(toTensor(wideX), wideShapes[1], toTensor(wideG), {
          ...wide,
          algorithm: 'implicit',
          workspaceLimit,
        }),
      );
    gradient(byWeight)();
    expectThrows(gradient(byWeight - 1), 'UnsupportedError', /grad\.conv2dWeight/, new RegExp(`${byWeight} bytes`));
    const list = convAlgorithms(inputShape, weightShape, { ...options, direction: 'weight' });
    expect(list.find(({ name }) => name === 'winograd')).toMatchObject({ declined: null, packedBytes: 0 });
  });
});

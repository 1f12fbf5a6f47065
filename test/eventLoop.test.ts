import { type Conv2dOptions, conv2d, getNumThreads, randn, setNumThreads, synchronize, tensor } from 'receptive';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeOnDevices } from './support/devices';
import { isEmulated } from './support/emulation';

describeOnDevices('event loop', (device) => {
  let threads: number;
  beforeEach(() => {
    threads = getNumThreads();
    // Leaves a processor to the JavaScript thread on machines with two.
    setNumThreads(1);
  });
  afterEach(() => setNumThreads(threads));

  it.skipIf(isEmulated(device))('keeps turning while a large convolution runs', async () => {
    const x = randn([4, 64, 112, 112]);
    const w = randn([64, 64, 3, 3]);
    const options: Conv2dOptions<'float32'> = { padding: 1 };
    await synchronize(device);

    const gaps: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
    }, 1);
    const started = performance.now();
    const results = Array.from({ length: 8 }, () => conv2d(x, w, options));
    const enqueued = performance.now() - started;
    await results[7].data();
    const elapsed = performance.now() - started;
    clearInterval(timer);
    for (const t of [x, w, ...results]) t.dispose();

    // About 30 GFLOP: a fraction of a second at the least, on any CPU.
    expect(elapsed).toBeGreaterThan(50);
    expect(enqueued).toBeLessThan(elapsed / 4);
    expect(gaps.length).toBeGreaterThan(elapsed / 20);
    // Other processes share the machine, so single gaps may be long; a blocked loop would have one gap of `elapsed`.
    expect(Math.max(...gaps)).toBeLessThan(Math.max(elapsed / 4, 100));
  });

  it('does not let short ops overtake long ones', async () => {
    const x = randn([1, 32, 64, 64]);
    const w = randn([32, 32, 3, 3]);
    const order: string[] = [];
    const long = conv2d(x, w, { padding: 1 });
    const short = tensor([1]);
    await Promise.all([long.data().then(() => order.push('long')), short.data().then(() => order.push('short'))]);
    expect(order).toEqual(['long', 'short']);
    for (const t of [x, w, long, short]) t.dispose();
  });
});

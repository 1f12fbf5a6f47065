// For people who measure: what a convolution needs, by which algorithm, and how long it takes.
import { conv2d, convAlgorithms, devices, getNumThreads, profile, randn, setNumThreads, synchronize } from 'receptive';

const input = randn([1, 128, 56, 56]);
const weight = randn([128, 128, 3, 3]);
const options = { padding: 1 };
setNumThreads(1);
console.log(`${devices()[0].name}, ${devices()[0].target}, threads: ${getNumThreads()}`);

// Candidates come first; `declined` says why another one cannot do it.
const candidates = convAlgorithms(input.shape, weight.shape, options)
  .filter(({ declined }) => declined === null)
  .map(({ name, variant, ...needs }) => ({ name: variant ?? name, ...needs }));

/** Seconds of one run. The call returns when the work is queued, so the clock stops after synchronize(). */
async function seconds(algorithm) {
  const start = performance.now();
  const output = conv2d(input, weight, { ...options, algorithm });
  await synchronize();
  const elapsed = (performance.now() - start) / 1000;
  output.dispose();
  return elapsed;
}

// In turn (A B A B …), so that a change of the machine's speed meets all alike. The first round warms up and does not count.
const times = candidates.map(() => []);
for (let round = 0; round < 12; round++) {
  for (const [i, { name }] of candidates.entries()) times[i].push(await seconds(name));
}
for (const [i, { name, flops, workspaceBytes }] of candidates.entries()) {
  const median = times[i].slice(1).sort((a, b) => a - b)[5];
  const rate = (flops / median / 1e9).toFixed(1);
  console.log(`${name}: ${(median * 1e3).toFixed(2)} ms, ${rate} GFLOP/s, workspace ${workspaceBytes} bytes`);
}

// What ran, and when, as the device saw it; chromeTrace(events) makes a file for a trace viewer of it.
const { events } = await profile(() => conv2d(input, weight, options));
for (const { op, algorithm, durationUs } of events) console.log(`${op} (${algorithm}): ${Math.round(durationUs)} us`);

// Rounds of uploads, ops and reads on cuda:0, of other sizes in each, while calls of the CUDA runtime fail as CUEMU_FAIL says.
// Prints what became of each round: 'ok', or the error. Values that are wrong are an error as well.
import { add, devices, memoryStats, mul, profile, synchronize, tensor } from '../../../dist/index.mjs';

const device = 'cuda:0';
const [rounds = '8', mode = ''] = process.argv.slice(2);

function expectValues(actual, expected) {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values in place of ${expected.length}`);
  const wrong = actual.findIndex((value, i) => value !== expected[i]);
  if (wrong >= 0) throw new Error(`value ${wrong} is ${actual[wrong]} in place of ${expected[wrong]}`);
}

async function round(number) {
  const values = Float32Array.from({ length: 500 << (number % 8) }, (_, i) => i % 1000);
  const reads = [];
  const held = [];
  const put = (list, value) => {
    list.push(value);
    return value;
  };
  const hold = (t) => put(held, t);
  const read = (t) => put(reads, t.data());
  try {
    const x = hold(tensor(values, { device }));
    const y = hold(add(x, number));
    const early = read(y);
    const z = hold(mul(y, x));
    const bytes = Uint8Array.from(values, (v) => v % 3);
    const flags = hold(tensor(bytes, { device, dtype: 'bool' }));
    const late = read(z);
    expectValues(
      flags.dataSync(),
      bytes.map((v) => (v === 0 ? 0 : 1)),
    );
    expectValues(
      await early,
      values.map((v) => v + number),
    );
    expectValues(
      await late,
      values.map((v) => (v + number) * v),
    );
    if (mode === 'large') {
      // More than a piece of an upload.
      const large = Float32Array.from({ length: 3 << 20 }, (_, i) => i);
      expectValues(await read(hold(tensor(large, { device }))), large);
    }
    if (mode === 'profile') {
      const { result, events } = await profile(() => hold(add(x, 1)));
      expectValues(
        result.dataSync(),
        values.map((v) => v + 1),
      );
      if (events.length !== 1) throw new Error(`${events.length} events in place of 1`);
    }
    if (mode === 'behind') {
      // More tasks than the stream has slots for.
      let t = x;
      for (let i = 0; i < 1500; i++) t = hold(add(t, 1));
      expectValues(
        await read(t),
        values.map((v) => v + 1500),
      );
    }
    await synchronize(device);
  } finally {
    await Promise.allSettled(reads);
    for (const t of held) t.dispose();
  }
}

/** `body`'s outcome as it goes into the report. */
async function outcome(body) {
  try {
    await body();
    return 'ok';
  } catch ({ name, code, message }) {
    return { name, code, message };
  }
}

const found = devices().find(({ kind }) => kind === 'cuda');
const report = { available: found.available, reason: found.reason, rounds: [] };
if (found.available) {
  for (let i = 0; i < Number(rounds); i++) report.rounds.push(await outcome(() => round(i)));
  report.synchronize = await outcome(() => synchronize(device));
  const { tensors, allocatedBytes } = memoryStats(device);
  Object.assign(report, { tensors, allocatedBytes });
}
process.stdout.write(JSON.stringify(report));

// One process of several: calls everything that a communicator has, and writes what came of it to <rank>.json in a folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { add, gather, matmul, memoryStats, noGrad, ones, synchronize, tensor } from 'receptive';
import { distribute, mpiCommunicator } from 'receptive/distributed';
import { Linear } from 'receptive/nn';

const folder = process.argv[2];
const communicator = await mpiCommunicator({ timeoutSeconds: 60 });
const { rank, size } = communicator;
const results = { rank, size };

const failureOf = (run) => {
  try {
    run();
    return 'none';
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};
const rejectionOf = (promise) =>
  promise.then(
    () => 'none',
    (error) => `${error.name}: ${error.message}`,
  );
const dispose = (those) => {
  for (const t of those) t.dispose();
};

/** A tensor whose element i is 1000 rank + i mod 97. */
const numbered = (n, dtype) => {
  const values = (dtype === 'float64' ? Float64Array : Float32Array).from(
    { length: n },
    (_, i) => 1000 * rank + (i % 97),
  );
  return tensor(values);
};

async function sums() {
  // Odd sizes: pieces of what is handed to MPI at a time begin and end within tensors.
  for (const dtype of ['float32', 'float64']) {
    const sizes = [3, 700_001, 0, 1, 2_000_003, 5];
    const tensors = sizes.map((n) => numbered(n, dtype));
    await communicator.allReduceSum_(tensors);
    const base = (1000 * size * (size - 1)) / 2;
    results[`sum ${dtype}`] = tensors.map((t) => {
      const values = t.dataSync();
      return values.every((value, i) => value === base + size * (i % 97)) && values.length === t.size;
    });
    dispose(tensors);
  }
  const special = tensor([rank === 0 ? Number.NaN : 1, rank === 0 ? Infinity : 1, -0, 2 ** 24]);
  await communicator.allReduceSum_([special]);
  results.special = [...special.dataSync()].map(String);
  results.negativeZero = Object.is(special.dataSync()[2], -0);
  special.dispose();
}

async function broadcasts() {
  const tensors = [
    tensor(Float32Array.of(rank + 0.5, 2, 3)),
    tensor(Float64Array.of(rank + 0.25)),
    tensor(Int32Array.of(-rank, rank)),
    tensor(Uint8Array.from({ length: 7 }, (_, i) => 10 * rank + i)),
    tensor([rank === size - 1, false, true]),
    ones([0]),
  ];
  await communicator.broadcast_(tensors, size - 1);
  results.broadcast = tensors.map((t) => [...t.dataSync()]);
  dispose(tensors);
  await communicator.broadcast_([]);
}

// What is computed when the call is made is what is summed, and nobody may touch it before the sum is there.
async function order() {
  const a = ones([600, 600]);
  let product = a.clone();
  for (let i = 0; i < 4; i++) {
    const next = matmul(product, a);
    product.dispose();
    product = next;
  }
  const view = product.slice(0, 1);
  const row = ones([1, 600]);
  const done = communicator.allReduceSum_([product]);
  results.inTransit = [
    failureOf(() => add(product, 1)),
    failureOf(() => product.dataSync()),
    failureOf(() => void product.data()),
    failureOf(() => view.copy_(row)),
    failureOf(() => void communicator.allReduceSum_([view])),
    failureOf(() => void communicator.broadcast_([a, product])),
  ];
  const free = communicator.allReduceSum_([a]);
  a.dispose(); // the memory stays until the sum is there
  await done;
  results.product = [product.dataSync()[0], product.dataSync()[359_999]];
  await free;
  dispose([product, view, row]);
  await synchronize();
}

async function poison() {
  const values = tensor([1, 2, 3]);
  const indices = tensor(Int32Array.of(rank === 1 ? 7 : 2));
  const poisoned = gather(values, indices, 0);
  const fine = tensor([5]);
  results.poison = await rejectionOf(communicator.allReduceSum_([fine, poisoned]));
  results.poisonedSum = await poisoned.data().then(
    ([value]) => String(value),
    ({ name }) => name,
  );
  results.besidePoison = fine.item();
  results.afterPoison = await rejectionOf(synchronize());
  dispose([values, indices, poisoned, fine]);
}

async function eventLoop() {
  await communicator.barrier();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  if (rank === 0) await sleep(500);
  await communicator.barrier();
  clearInterval(timer);
  results.ticks = ticks;
}

async function models() {
  const model = new Linear(4, rank === 1 ? 3 : 2);
  results.differentModels = await rejectionOf(distribute(model, { communicator }));
  model.dispose();
  const leaf = tensor([1, 2], { requiresGrad: true });
  results.leaf = failureOf(() => void communicator.allReduceSum_([leaf]));
  await noGrad(() => ({ done: communicator.allReduceSum_([leaf]) })).done;
  results.leafSum = [...leaf.dataSync()];
  leaf.dispose();
}

await sums();
await broadcasts();
await order();
await poison();
await eventLoop();
await models();
results.second = await rejectionOf(mpiCommunicator());
await Promise.all([communicator.dispose(), communicator.dispose()]);
results.afterDispose = ['allReduceSum_', 'broadcast_', 'barrier'].map((name) =>
  failureOf(() => void communicator[name]([])),
);
results.again = await rejectionOf(mpiCommunicator());
writeFileSync(join(folder, `${rank}.json`), JSON.stringify({ ...results, ...memoryStats('cpu') }));

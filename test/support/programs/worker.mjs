// One job of a worker thread, named by workerData.
import { parentPort, workerData } from 'node:worker_threads';

const r = await import(workerData.entry);

function convolve(rounds) {
  r.manualSeed(1);
  const w = r.randn([32, 32, 3, 3], { std: 0.05 });
  let y = r.randn([1, 32, 40, 40]);
  for (let i = 0; i < rounds; i++) y = r.conv2d(y, w, { padding: 1 });
  return y;
}

const jobs = {
  async compute() {
    const product = r.matmul(
      r.tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      r.tensor([
        [7, 8],
        [9, 10],
        [11, 12],
      ]),
    );
    return [...(await product.data())];
  },
  async convolve() {
    return [...(await r.sum(convolve(10), { axis: [0, 2, 3] }).data())];
  },
  async state() {
    r.manualSeed(5);
    const t = r.randn([4]);
    const kept = r.zeros([1]);
    r.setDefaultDevice('cpu');
    return { sameSeed: [...(await t.data())], tensors: r.memoryStats().tensors, kept: kept.size };
  },
  async endless() {
    setInterval(() => convolve(20).data(), 5);
    convolve(20);
    return 'busy';
  },
  async exitWithPendingReads() {
    for (let i = 0; i < 5; i++) convolve(10).data();
    setImmediate(() => process.exit(0));
    return 'leaving';
  },
  async failedWork() {
    for (let i = 0; i < 3; i++) r.crossEntropy(r.zeros([1, 3]), r.tensor(Int32Array.of(7)));
    return 'failed quietly';
  },
};

parentPort.postMessage(await jobs[workerData.job]());

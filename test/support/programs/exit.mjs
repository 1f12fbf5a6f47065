// Queues seconds of work and ends in the way named by the argument.
import { Worker } from 'node:worker_threads';
import { conv2d, randn, tidy, zeros } from '../../../dist/index.mjs';

const how = process.argv[2];

function queueWork(rounds = 200) {
  const x = randn([1, 64, 48, 48]);
  const w = randn([64, 64, 3, 3]);
  let y = x;
  for (let i = 0; i < rounds; i++) y = conv2d(y, w, { padding: 1 });
  return y;
}

const ways = {
  'falling off': () => queueWork(),
  exit: () => {
    queueWork();
    process.exit(0);
  },
  'exit 7': () => {
    queueWork();
    process.exit(7);
  },
  throw: () => {
    queueWork();
    throw new Error('on purpose');
  },
  reject: () => {
    queueWork();
    void Promise.reject(new Error('on purpose'));
  },
  'exit handler': () => {
    queueWork();
    process.on('exit', () => {
      zeros([3]);
      process.exitCode = 3;
    });
  },
  idle: () => {
    globalThis.held = [zeros([1000]), randn([1000])];
  },
  import: () => {},
  tidy: () => {
    tidy(() => {
      queueWork();
      process.exit(5);
    });
  },
  worker: () => {
    const source = `
      const { workerData } = require('node:worker_threads');
      import(workerData).then(({ conv2d, randn }) => {
        const [x, w] = [randn([1, 64, 48, 48]), randn([64, 64, 3, 3])];
        for (let y = x, i = 0; i < 200; i++) y = conv2d(y, w, { padding: 1 });
        require('node:worker_threads').parentPort.postMessage('queued');
      });`;
    const workerData = new URL('../../../dist/index.mjs', import.meta.url).href;
    const worker = new Worker(source, { eval: true, workerData });
    worker.on('message', () => process.exit(0));
  },
  disposed: () => {
    tidy(() => void queueWork());
  },
  'pending read': () => {
    void queueWork(4)
      .data()
      .then(({ length }) => process.stdout.write(`: ${length} values`));
  },
  signal: () => {
    queueWork();
    process.kill(process.pid, 'SIGTERM');
  },
};

process.stdout.write(how);
ways[how]();

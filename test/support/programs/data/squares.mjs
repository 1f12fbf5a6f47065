// A data set of the tests' own, as users write one: images [1, 1, 2] of i and i * i, and on demand one that fails.
import { threadId } from 'node:worker_threads';

export default async function squares({ length, failAt, kill, slow, asynchronous, threads }) {
  const sample = (index) => {
    if (index === failAt) {
      if (kill) process.exit(7);
      throw Object.assign(new RangeError(`sample ${index} is broken`), { code: 'ERR_BROKEN' });
    }
    const until = performance.now() + (slow ?? 0);
    while (performance.now() < until);
    return { data: Float32Array.of(threads ? threadId : index, index * index), shape: [1, 1, 2], label: index % 10 };
  };
  return { length, get: asynchronous ? async (index) => sample(index) : sample };
}

import {
  add,
  concat,
  crossEntropy,
  grad,
  mul,
  oneHot,
  sgdStep_,
  sum,
  synchronize,
  type Tensor,
  tensor,
  zeros,
} from 'receptive';
import { describe, expect, it } from 'vitest';
import { runProgram } from './support/child';
import { describeOnDevices } from './support/devices';
import { expectError, expectThrows } from './support/errors';

const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (reason: unknown) => reason,
  );

/** A loss over a label that is out of range: the call succeeds, running fails. */
function failing(): { loss: Tensor; release: () => void } {
  const logits = zeros([2, 3]);
  const labels = tensor(Int32Array.of(0, 5));
  const loss = crossEntropy(logits, labels);
  return {
    loss,
    release: () => {
      for (const t of [logits, labels, loss]) t.dispose();
    },
  };
}

describeOnDevices('errors while running', (device) => {
  it('reject data(), throw from dataSync(), and name the op, the value and the range', async () => {
    const { loss, release } = failing();
    expectError(await reasonOf(loss.data()), 'IndexError', /crossEntropy/, /5/, /3/);
    expectThrows(() => loss.dataSync(), 'IndexError', /crossEntropy/);
    expectThrows(() => loss.item(), 'IndexError', /crossEntropy/);
    expectError(await reasonOf(loss.toArray()), 'IndexError', /crossEntropy/);
    expectError(await reasonOf(loss.readInto(new Float32Array(1))), 'IndexError', /crossEntropy/);
    release();
  });

  it('poison everything that depends on them, and nothing else', async () => {
    const { loss, release } = failing();
    const clean = tensor([1, 2]);
    const dependents = [mul(loss, 2), loss.clone(), loss.cast('float64'), loss.reshape([1]), add(clean, loss)];
    const second = sum(dependents[4]);
    const independent = add(clean, 1);
    for (const t of [...dependents, second]) {
      expectError(await reasonOf((t as Tensor).data()), 'IndexError', /crossEntropy/);
    }
    expect([...(await independent.data())]).toEqual([2, 3]);
    expect([...clean.dataSync()]).toEqual([1, 2]);
    for (const t of [...dependents, second, independent, clean]) t.dispose();
    release();
  });

  it('poison what is written in place, until it is written anew', async () => {
    const { loss, release } = failing();
    const parameter = zeros([1]);
    const gradient = loss.reshape([1]);
    sgdStep_(parameter, gradient, { learningRate: 1 });
    expectError(await reasonOf(parameter.data()), 'IndexError', /crossEntropy/);
    const fresh = tensor([4]);
    parameter.copy_(fresh);
    expect([...(await parameter.data())]).toEqual([4]);
    for (const t of [parameter, gradient, fresh]) t.dispose();
    release();
  });

  it('are reported by synchronize() once when nobody has read them', async () => {
    const { release } = failing();
    expectError(await reasonOf(synchronize(device)), 'IndexError', /crossEntropy/);
    await expect(synchronize(device)).resolves.toBeUndefined();
    release();
  });

  it('are not reported again by synchronize() after a read has told of them', async () => {
    const { loss, release } = failing();
    expectError(await reasonOf(loss.data()), 'IndexError');
    await expect(synchronize(device)).resolves.toBeUndefined();
    release();
  });

  it('settle all readers that wait', async () => {
    const { loss, release } = failing();
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => loss.data()));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    release();
  });

  it('of the first bad element are reported, whatever the number of threads', async () => {
    const labels = new Int32Array(5000);
    labels[1234] = 77;
    labels[4321] = -1;
    const t = tensor(labels);
    const result = oneHot(t, 10);
    expectError(await reasonOf(result.data()), 'IndexError', /oneHot/, /77/);
    result.dispose();
    t.dispose();
  });

  it('leave the stream usable', async () => {
    for (let i = 0; i < 20; i++) {
      const { loss, release } = failing();
      const one = tensor([i]);
      const fine = concat([one, one], 0);
      expectError(await reasonOf(loss.data()), 'IndexError');
      expect([...(await fine.data())]).toEqual([i, i]);
      fine.dispose();
      one.dispose();
      release();
    }
  });

  it('of pooling indices do not touch memory outside of the result', async () => {
    const g = tensor(new Float32Array(4).fill(1), { shape: [1, 1, 2, 2] });
    const indices = tensor(Int32Array.of(1 << 30, 0, 0, 0), { shape: [1, 1, 2, 2] });
    const result = grad.maxPool2d(g, indices, [1, 1, 4, 4], { kernelSize: 2 });
    expectError(await reasonOf(result.data()), 'IndexError', /maxPool2d/);
    for (const t of [g, indices, result]) t.dispose();
  });

  describe('that nobody asks about', () => {
    it('cause no unhandled rejection', async () => {
      const { code, stdout, stderr } = await runProgram('unhandled.mjs');
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'done', stderr: '' });
    });
  });
});

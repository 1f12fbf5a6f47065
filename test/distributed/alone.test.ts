import { ones, tensor } from 'receptive';
import { type Communicator, distribute, mpiCommunicator } from 'receptive/distributed';
import { Linear } from 'receptive/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../support/child';
import { expectRejects, expectThrows } from '../support/errors';
import { noMpi } from '../support/mpi';

// MPI in a process that no launcher has started.

describe('a machine without Open MPI', () => {
  async function open(library: string): Promise<{ name?: string; code?: string; message?: string }> {
    const { code, stdout, stderr } = await runProgram('distributed/load.mjs', {
      env: { RECEPTIVE_MPI_LIBRARY: library },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  it('is told what to install', async () => {
    const { name, code, message } = await open('/nowhere/libmpi.so.40');
    expect([name, code]).toEqual(['UnsupportedError', 'ERR_UNSUPPORTED']);
    expect(message).toMatch(/^mpiCommunicator: MPI needs the library of Open MPI.*apt-get install openmpi-bin/);
    expect(message).toMatch(/RECEPTIVE_MPI_LIBRARY.*Tried: \/nowhere\/libmpi\.so\.40: cannot open/);
  });

  it('is told so of a library that is another one', async () => {
    const { name, message } = await open(process.platform === 'linux' ? 'libm.so.6' : process.execPath);
    expect(name).toBe('UnsupportedError');
    expect(message).toMatch(/libm\.so\.6 is not the library of Open MPI/);
  });
});

describe.skipIf(noMpi !== null)('a process that nobody launched', () => {
  it('is a world of one, and ends by itself without dispose()', async () => {
    const { code, stdout, stderr } = await runProgram('distributed/load.mjs');
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{"rank":0,"size":1}', stderr: '' });
  });

  it('may open its world again and again, one at a time', async () => {
    for (let i = 0; i < 3; i++) {
      const one = await mpiCommunicator();
      await expectRejects(mpiCommunicator(), 'UnsupportedError', /has a communicator already/);
      await one.dispose();
    }
  });

  it.each([
    [{ timeoutSeconds: 0 }, /mpiCommunicator: timeoutSeconds/],
    [{ timeoutSeconds: '1' }, /timeoutSeconds/],
    [{ timeout: 1 }, /'timeout'/],
  ])('refuses %j', async (options, message) => {
    await expectRejects(mpiCommunicator(options as never), 'ArgumentError', message);
  });
});

describe.skipIf(noMpi !== null)('arguments', () => {
  let communicator: Communicator;
  beforeAll(async () => {
    communicator = await mpiCommunicator();
  });
  afterAll(() => communicator.dispose());

  it('of allReduceSum_', () => {
    const [a, i, d] = [tensor([1]), tensor(Int32Array.of(1)), tensor(Float64Array.of(1))];
    const gone = tensor([1]);
    gone.dispose();
    const call = (tensors: unknown) => () => void communicator.allReduceSum_(tensors as never);
    expectThrows(call([]), 'ArgumentError', /^allReduceSum_: tensors must be a non-empty array/);
    expectThrows(call(a), 'ArgumentError', /^allReduceSum_: tensors/);
    expectThrows(call([a, 3]), 'ArgumentError', /^allReduceSum_: tensors\[1\] must be a Tensor, given 3/);
    expectThrows(call([i]), 'DTypeError', /^allReduceSum_: tensors\[0\] must be float32 or float64/);
    expectThrows(call([a, d]), 'DTypeError', /^allReduceSum_: tensors\[0\] is float32, tensors\[1\] is float64/);
    expectThrows(call([a, gone]), 'DisposedError', /^allReduceSum_: tensors\[1\]/);
    for (const t of [a, i, d]) t.dispose();
  });

  it('of broadcast_', () => {
    const a = tensor([1]);
    const call = (tensors: unknown, root?: unknown) => () =>
      void communicator.broadcast_(tensors as never, root as never);
    expectThrows(call(a), 'ArgumentError', /^broadcast_: tensors must be an array of tensors, given a Tensor/);
    expectThrows(call([null]), 'ArgumentError', /^broadcast_: tensors\[0\]/);
    expectThrows(call([a], 1), 'ArgumentError', /^broadcast_: root must be an integer from 0 to 0, given 1/);
    expectThrows(call([a], -1), 'ArgumentError', /^broadcast_: root/);
    expectThrows(call([a], '0'), 'ArgumentError', /^broadcast_: root/);
    a.dispose();
  });

  it('of distribute() and what it makes', async () => {
    const model = new Linear(2, 1);
    const make = (options: unknown, net: unknown = model) => distribute(net as never, options as never);
    await expectRejects(make({ communicator }, {}), 'ArgumentError', /^distribute: model must be a Module/);
    await expectRejects(make({}), 'ArgumentError', /^distribute: communicator must be a Communicator, given undefined/);
    await expectRejects(make({ communicator: { rank: 0 } }), 'ArgumentError', /^distribute: communicator/);
    await expectRejects(make({ communicator, bucketBytes: 0 }), 'ArgumentError', /^distribute: bucketBytes/);
    await expectRejects(make({ communicator, reduction: 'max' }), 'ArgumentError', /^distribute: reduction/);
    await expectRejects(make({ communicator, bucket: 1 }), 'ArgumentError', /'bucket'/);

    const parallel = await distribute(model, { communicator });
    const x = ones([3, 2]);
    const y = model.call(x);
    expectThrows(
      () => void parallel.backward(y),
      'ShapeError',
      /^DataParallel.backward: loss must have a single element/,
    );
    expectThrows(() => void parallel.backward(1 as never), 'ArgumentError', /^DataParallel.backward: loss/);
    const first = y.slice(0, 1);
    for (const share of [-0.1, 1.1, Number.NaN, '1']) {
      const options = { share: share as number };
      expectThrows(() => void parallel.backward(first, options), 'ArgumentError', /^DataParallel.backward: share/);
      await expectRejects(parallel.meanOf(first, options), 'ArgumentError', /^DataParallel.meanOf: share/);
    }
    await expectRejects(parallel.meanOf(y), 'ShapeError', /^DataParallel.meanOf: value/);
    const sums = await distribute(model, { communicator, reduction: 'sum' });
    expectThrows(
      () => void sums.backward(first, { share: 1 }),
      'ArgumentError',
      /^DataParallel.backward: share is for/,
    );
    for (const t of [x, y, first]) t.dispose();
    model.dispose();
  });
});

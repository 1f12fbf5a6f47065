import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mpirun, noMpi } from '../support/mpi';

// What test/support/programs/distributed/collectives.mjs does in three processes.

type Results = Record<string, unknown> & { readonly rank: number };

const size = 3;
const folder = mkdtempSync(join(tmpdir(), 'receptive-collectives-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(noMpi !== null)('collective operations of three processes', () => {
  let results: Results[];
  beforeAll(async () => {
    const outcome = await mpirun(size, 'collectives.mjs', { args: [folder] });
    expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' });
    results = Array.from({ length: size }, (_, rank) => JSON.parse(readFileSync(join(folder, `${rank}.json`), 'utf8')));
  }, 120_000);

  const everywhere = (name: string, expected: unknown): void => {
    for (const result of results) expect(result[name], `${name} of rank ${result.rank}`).toEqual(expected);
  };

  it('have ranks from 0', () => {
    expect(results.map((result) => [result.rank, result.size])).toEqual([0, 1, 2].map((rank) => [rank, size]));
  });

  it.each(['float32', 'float64'])(
    'sum %s exactly, several tensors at once, across the pieces handed to MPI',
    (dtype) => {
      everywhere(`sum ${dtype}`, [true, true, true, true, true, true]);
    },
  );

  it('pass on NaN, infinities and negative zero', () => {
    everywhere('special', ['NaN', 'Infinity', '0', String(3 * 2 ** 24)]);
    everywhere('negativeZero', true);
  });

  it('broadcast every dtype from any rank', () => {
    everywhere('broadcast', [[2.5, 2, 3], [2.25], [-2, 2], [20, 21, 22, 23, 24, 25, 26], [1, 0, 1], []]);
  });

  it('refuse every use of a tensor that they have, views of it too', () => {
    for (const { inTransit } of results) {
      expect(inTransit).toHaveLength(6);
      for (const message of inTransit as string[]) {
        expect(message).toMatch(/^ArgumentError: .*collective operation; await the promise/);
      }
    }
  });

  it('take the values as of the call', () => {
    // ones * ones has 600 everywhere; rounded in float32 as the product is.
    const product = Math.fround(Math.fround(600 ** 4) * size);
    for (const { product: values } of results) {
      for (const value of values as number[]) expect(Math.abs(value / product - 1)).toBeLessThan(1e-5);
    }
  });

  it('tell the rank whose values failed, and give NaN to the others', () => {
    for (const { rank, poison, poisonedSum, besidePoison, afterPoison } of results) {
      if (rank === 1) expect(poison).toMatch(/^IndexError: gather.*index 7/);
      else expect(poison).toBe('none');
      expect(poisonedSum).toBe(rank === 1 ? 'IndexError' : 'NaN');
      expect(besidePoison).toBe(15);
      expect(afterPoison, 'told once').toBe('none');
    }
  });

  it('let the event loop go on', () => {
    // 500 ms with a timer of 10 ms; a busy machine may miss some.
    for (const { rank, ticks } of results) if (rank > 0) expect(ticks).toBeGreaterThan(10);
  });

  it('find out that models differ, on every rank', () => {
    for (const { rank, differentModels } of results) {
      expect(differentModels).toMatch(new RegExp(`^ArgumentError: distribute: the ranks' models differ.*rank ${rank}`));
    }
  });

  it('write to leaves that require grad within noGrad() only', () => {
    for (const { leaf } of results) expect(leaf).toMatch(/^GraphError: allReduceSum_: .*noGrad/);
    everywhere('leafSum', [3, 6]);
  });

  it('end once', () => {
    for (const { second, again, afterDispose } of results) {
      expect(second).toMatch(/^UnsupportedError: .*has a communicator already/);
      expect(again).toMatch(/^UnsupportedError: mpiCommunicator: MPI can be started once/);
      for (const message of afterDispose as string[]) expect(message).toMatch(/^DisposedError: /);
    }
    everywhere('tensors', 0);
    everywhere('allocatedBytes', 0);
  });
});

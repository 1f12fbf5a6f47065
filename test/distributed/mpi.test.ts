import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { mpirun, noMpi } from '../support/mpi';
import { seeded, train } from '../support/programs/distributed/training.mjs';

type FloatDType = 'float32' | 'float64';

interface Record {
  readonly losses: number[];
  readonly gradients: number[][][];
  readonly parameters: number[][];
}

interface RankRecord extends Record {
  readonly rank: number;
  readonly size: number;
  readonly tensors: number;
  readonly allocatedBytes: number;
}

const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

/** |a - b| / |b|, of vectors. */
function distance(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return norm(a.map((value, i) => value - b[i])) / norm(b);
}

const folder = mkdtempSync(join(tmpdir(), 'receptive-mpi-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function runProcesses(processes: number, given: object): Promise<RankRecord[]> {
  const own = mkdtempSync(join(folder, 'run-'));
  const outcome = await mpirun(processes, 'run.mjs', { args: [own, JSON.stringify(given)] });
  expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' });
  return Array.from({ length: processes }, (_, rank) => {
    const record = JSON.parse(readFileSync(join(own, `${rank}.json`), 'utf8')) as RankRecord;
    expect([record.rank, record.size]).toEqual([rank, processes]);
    return record;
  });
}

/** The same training on one process, without any of what is tested. */
async function whole(dtype: FloatDType, samples: number, steps: number, sums: boolean): Promise<Record> {
  const model = seeded(100, dtype);
  const record = await train(model, { dtype, samples, steps, sums });
  model.dispose();
  return record;
}

/** Of every gradient's norm. */
const bounds = { float32: 1e-5, float64: 1e-12 };

describe.skipIf(noMpi !== null)('training on several processes is training on one', { timeout: 180_000 }, () => {
  const steps = 4;

  it.each([
    { processes: 2, dtype: 'float64', samples: 8, bucketBytes: 2 ** 21, reduction: 'mean' },
    { processes: 2, dtype: 'float32', samples: 8, bucketBytes: 2 ** 21, reduction: 'mean' },
    { processes: 2, dtype: 'float64', samples: 7, bucketBytes: 2000, reduction: 'mean' },
    { processes: 2, dtype: 'float32', samples: 7, bucketBytes: 2000, reduction: 'mean' },
    { processes: 3, dtype: 'float64', samples: 9, bucketBytes: 1, reduction: 'mean' },
    { processes: 3, dtype: 'float64', samples: 7, bucketBytes: 2000, reduction: 'mean' },
    { processes: 3, dtype: 'float32', samples: 7, bucketBytes: 1, reduction: 'mean' },
    { processes: 2, dtype: 'float64', samples: 7, bucketBytes: 2000, reduction: 'sum' },
    { processes: 1, dtype: 'float64', samples: 5, bucketBytes: 2000, reduction: 'mean' },
  ] as const)(
    '$processes processes, $dtype, $samples samples, $reduction, buckets of $bucketBytes bytes',
    async (given) => {
      const { processes, dtype, samples, reduction } = given;
      const records = await runProcesses(processes, { ...given, steps });
      const reference = await whole(dtype, samples, steps, reduction === 'sum');
      for (const { losses, gradients, parameters, tensors, allocatedBytes } of records) {
        expect(losses.length).toBe(steps);
        expect(distance(losses, reference.losses)).toBeLessThan(bounds[dtype]);
        for (const [step, ofStep] of reference.gradients.entries()) {
          expect(gradients[step].length).toBe(6);
          for (const [i, gradient] of ofStep.entries()) {
            expect(norm(gradient), `gradient ${i} of step ${step}`).toBeGreaterThan(1e-3);
            expect(distance(gradients[step][i], gradient), `gradient ${i} of step ${step}`).toBeLessThan(bounds[dtype]);
          }
        }
        for (const [i, parameter] of reference.parameters.entries()) {
          expect(distance(parameters[i], parameter), `parameter ${i}`).toBeLessThan(bounds[dtype]);
        }
        expect([tensors, allocatedBytes], 'tensors and bytes that are left').toEqual([0, 0]);
      }
      // Not only close: the processes have the same bits.
      for (const record of records.slice(1)) {
        expect(record.gradients).toEqual(records[0].gradients);
        expect(record.parameters).toEqual(records[0].parameters);
        expect(record.losses).toEqual(records[0].losses);
      }
    },
  );
});

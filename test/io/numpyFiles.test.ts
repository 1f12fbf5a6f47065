import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadNpy } from 'receptive/io';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/child';
import { expectRejects, expectSameTensor, expectSameTensors, loadArray, loadArrays, tensor } from './files';

// Files that NumPy wrote, by test/fixtures/makeNumpyFiles.py, where these values stand too.
const folder = join(packageRoot, 'test/fixtures/numpy');
const file = (name: string): string => join(folder, name);
const grid = [0, 1, 2, -3, 100, 5];
const shape = [2, 3];

const grids = readdirSync(folder).filter((name) => /^[fiu]\d-(little|big)\.npy$/.test(name));

describe('arrays of NumPy', () => {
  it('are there in every type and byte order', () => expect(grids).toHaveLength(20));

  it.each(grids)('%s', async (name) => {
    const values = name.startsWith('u') ? grid.map(Math.abs) : grid;
    const dtype = /^f8/.test(name) ? 'float64' : /^f/.test(name) ? 'float32' : /^u1/.test(name) ? 'uint8' : 'int32';
    expectSameTensor(await loadArray(file(name)), tensor(Float64Array.from(values), { shape, dtype }), name);
  });

  it('bool', async () => {
    const flags = tensor([
      [false, false, true],
      [false, true, true],
    ]);
    expectSameTensor(await loadArray(file('b1.npy')), flags);
  });

  it('in Fortran order, little- and big-endian', async () => {
    const values = Float32Array.from({ length: 24 }, (_, i) => i);
    expectSameTensor(await loadArray(file('fortran.npy')), tensor(values, { shape: [2, 3, 4] }));
    expectSameTensor(await loadArray(file('fortran-big.npy')), tensor(Int32Array.from(grid), { shape }));
  });

  it('of other shapes', async () => {
    expectSameTensor(await loadArray(file('scalar.npy')), tensor(2.5, { dtype: 'float64' }));
    expectSameTensor(await loadArray(file('vector.npy')), tensor([0, 1, 2, 3]));
    expectSameTensor(await loadArray(file('empty.npy')), tensor(new Float32Array(0), { shape: [0, 3] }));
  });

  it.each(['version2.npy', 'version3.npy'])('%s', async (name) => {
    expectSameTensor(await loadArray(file(name)), tensor(Float32Array.from(grid), { shape }));
  });

  it('half precision: signed zeros, subnormals, infinities, NaN', async () => {
    const values = [0, -0, 1365 / 4096, 65504, 2 ** -24, -(2 ** -14), Infinity, -Infinity, Number.NaN];
    expect([...(await loadArray(file('halves.npy'))).dataSync()]).toEqual(values);
  });

  it('that cannot be had here are refused', async () => {
    await expectRejects(loadNpy(file('wide.npy')), 'FormatError', /element 2 .* is 2147483648;/);
    await expectRejects(loadNpy(file('complex.npy')), 'UnsupportedError', /'<c16'/);
    await expectRejects(loadNpy(file('text.npy')), 'UnsupportedError', /'<U3'/);
    await expectRejects(loadNpy(file('record.npy')), 'UnsupportedError', /structured/);
  });

  it.each(['stored.npz', 'deflated.npz'])('%s', async (name) => {
    const expected = {
      first: tensor(Float32Array.from(grid), { shape }),
      'deep/er': tensor(Int32Array.of(0, 1, 2)),
      flags: tensor([
        [false, false, true],
        [false, true, true],
      ]),
      ...(name === 'deflated.npz' && { zeros: tensor(new Float32Array(3500), { shape: [50, 70] }) }),
    };
    expectSameTensors(await loadArrays(file(name)), expected);
  });
});

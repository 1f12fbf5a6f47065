import { inspect } from 'node:util';
import { arange, oneHot, type Tensor, tensor, tidy, zeros } from 'receptive';
import { describe, expect, it } from 'vitest';
import { describeOnDevices } from './support/devices';

/** What console.log prints, as lines. */
function lines(make: () => unknown): string[] {
  return tidy(() => inspect(make())).split('\n');
}

describeOnDevices('printing', (device) => {
  it('shows type, shape, device and values', () => {
    expect(lines(() => tensor([1, 2.5, -3]))).toEqual([`Tensor(float32 [3] on ${device}) [ 1.0,  2.5, -3.0]`]);
    expect(lines(() => tensor(7, { dtype: 'int32' }))).toEqual([`Tensor(int32 [] on ${device}) 7`]);
    expect(lines(() => tensor([true, false]))[0]).toMatch(/bool \[2\].*\[ true, false\]$/);
  });

  it('lays out axes as NumPy does: columns aligned, one row per line, a blank line between matrices', () => {
    const [header, ...body] = lines(() => tensor([1, -2, 30, 4, 5, 6, 7, 800], { shape: [2, 2, 2], dtype: 'int32' }));
    expect(header).toBe(`Tensor(int32 [2, 2, 2] on ${device})`);
    expect(body).toEqual(['[[[  1,  -2],', '  [ 30,   4]],', '', ' [[  5,   6],', '  [  7, 800]]]']);
  });

  it('summarises large tensors with both ends of each axis, and reads only those', () => {
    const text = lines(() => arange(10_000)).join('\n');
    expect(text).toMatch(/\[ *0\., +1\., +2\., +\.\.\., +9997\., +9998\., +9999\.\]/);
    const square = lines(() => zeros([100, 100]));
    expect(square.filter((line) => line.includes('...')).length).toBeGreaterThanOrEqual(7);
    expect(square.length).toBeLessThan(12);
  });

  it('shows NaN, infinities, the sign of zero and far magnitudes', () => {
    const text = lines(() => tensor([Number.NaN, Infinity, -Infinity, -0, 1.5]))[0];
    for (const part of ['NaN', 'Infinity', '-Infinity', '-0.', '1.5']) expect(text).toContain(part);
    expect(lines(() => tensor([1e-20, 1]))[0]).toMatch(/1e-20/);
  });

  it('shows empty, disposed and failed tensors without throwing', () => {
    expect(lines(() => zeros([0, 3])).join('')).toMatch(/\[0, 3\].*\[\]/);
    const t = zeros([2]);
    t.dispose();
    expect(inspect(t)).toBe(`Tensor(float32 [2] on ${device}) (disposed)`);
    expect(lines(() => oneHot(tensor([9], { dtype: 'int32' }), 3)).join('')).toMatch(/cannot be read: .*oneHot.*9/);
  });

  it('makes nothing that outlives it, also within objects and arrays', () => {
    // setup.ts counts the tensors after the test.
    const t = zeros([50, 50]);
    expect(inspect({ list: [t] })).toContain('float32 [50, 50]');
    t.dispose();
  });

  describe('text and JSON', () => {
    it('name type and shape, not values', () => {
      const t = tensor([[1, 2]]);
      expect(`${t}`).toBe(`Tensor(float32 [1, 2] on ${device})`);
      expect(JSON.parse(JSON.stringify(t))).toEqual({ dtype: 'float32', shape: [1, 2], device });
      t.dispose();
    });
  });

  it('shows no internals', () => {
    const t: Tensor = zeros([1]);
    expect(inspect(t, { showHidden: true, depth: 5 })).not.toMatch(/_slot|_generation|symbol/i);
    t.dispose();
  });
});

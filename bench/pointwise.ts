import type { Tensor } from 'receptive';
import type { AnyTensor, BenchCase } from './benchCase';
import { normal, sizes } from './inputs';

/** Cases of an op on one float32 tensor, in cache and out of it; bytes read and written once each. */
export function unaryCases(
  name: string,
  op: (x: Tensor) => AnyTensor,
  formula: (x: number) => number,
  outputBytes = 4,
  tolerance = 1e-5,
): BenchCase[] {
  return sizes.map(({ label, elements }) => ({
    name: `${name} ${label}`,
    unit: 'GB/s',
    amount: elements * (4 + outputBytes),
    prepare() {
      const x = normal([elements]);
      return {
        run: () => [op(x.tensor)],
        expected: (index) => formula(x.values[index]),
        tolerance,
        inputs: [x.tensor],
      };
    },
  }));
}

/** The same for two float32 tensors of one shape. */
export function binaryCases(
  name: string,
  op: (a: Tensor, b: Tensor) => AnyTensor,
  formula: (a: number, b: number) => number,
  outputBytes = 4,
): BenchCase[] {
  return sizes.map(({ label, elements }) => ({
    name: `${name} ${label}`,
    unit: 'GB/s',
    amount: elements * (8 + outputBytes),
    prepare() {
      const a = normal([elements]);
      const b = normal([elements]);
      return {
        run: () => [op(a.tensor, b.tensor)],
        expected: (index) => formula(a.values[index], b.values[index]),
        tolerance: 1e-5,
        inputs: [a.tensor, b.tensor],
      };
    },
  }));
}

import { topk as best, type Tensor } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

/** The k largest of each line along the middle axis of [outer, n, inner]. */
function over([outer, n, inner]: readonly [number, number, number], k: number): BenchCase {
  return {
    name: `topk ${k} of [${outer},${n},${inner}] over the middle axis`,
    unit: 'GB/s',
    amount: outer * n * inner * 4,
    prepare() {
      const x = normal([outer, n, inner]);
      return {
        run: () => {
          const { values, indices } = best(x.tensor as Tensor, k, 1);
          return [values, indices];
        },
        expected: (index) => {
          const o = Math.floor(index / (k * inner));
          const line = Float32Array.from({ length: n }, (_, i) => x.values[(o * n + i) * inner + (index % inner)]);
          return line.sort()[n - 1 - (Math.floor(index / inner) % k)];
        },
        tolerance: 0,
        inputs: [x.tensor],
      };
    },
  };
}

export const topk: Family = () => [
  over([4096, 1000, 1], 1),
  over([4096, 1000, 1], 5),
  over([64, 65536, 1], 64),
  over([64, 65536, 1], 8192),
  over([64, 65536, 1], 65536),
  over([16, 256, 3136], 5),
];

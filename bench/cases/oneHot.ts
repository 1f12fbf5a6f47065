import { oneHot as encode } from 'receptive';
import type { Family } from '../benchCase';
import { integers } from '../inputs';

export const oneHot: Family = () => [
  {
    name: 'oneHot 16384 of 1000',
    unit: 'GB/s',
    amount: 16384 * 1004 * 4,
    prepare() {
      const labels = integers(0, 1000, [16384]);
      return {
        run: () => [encode(labels.tensor, 1000)],
        expected: (index) => Number(labels.values[Math.floor(index / 1000)] === index % 1000),
        tolerance: 0,
        inputs: [labels.tensor],
      };
    },
  },
];

import { crossEntropy, mseLoss } from 'receptive';
import type { Family } from '../benchCase';
import { integers, normal } from '../inputs';

export const loss: Family = () => [
  {
    name: 'crossEntropy [4096,1000], none',
    unit: 'GB/s',
    amount: 4096 * 1000 * 4,
    prepare() {
      const logits = normal([4096, 1000]);
      const labels = integers(0, 1000, [4096]);
      return {
        run: () => [crossEntropy(logits.tensor, labels.tensor, { reduction: 'none' })],
        expected: (index) => {
          const row = Array.from(logits.values.subarray(index * 1000, (index + 1) * 1000));
          return Math.log(row.reduce((a, v) => a + Math.exp(v), 0)) - row[labels.values[index]];
        },
        tolerance: 1e-5,
        inputs: [logits.tensor, labels.tensor],
      };
    },
  },
  {
    name: 'mseLoss 4 Mi, mean',
    unit: 'GB/s',
    amount: (1 << 22) * 8,
    prepare() {
      const y = normal([1 << 22]);
      const t = normal([1 << 22]);
      return {
        run: () => [mseLoss(y.tensor, t.tensor)],
        expected: () => y.values.reduce((sum, v, i) => sum + (v - t.values[i]) ** 2, 0) / y.values.length,
        tolerance: 1e-5,
        inputs: [y.tensor, t.tensor],
      };
    },
  },
];

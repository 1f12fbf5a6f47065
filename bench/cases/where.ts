import { greater, where as select } from 'receptive';
import type { Family } from '../benchCase';
import { normal, sizes } from '../inputs';

export const where: Family = () =>
  sizes.map(({ label, elements }) => ({
    name: `where ${label}`,
    unit: 'GB/s',
    amount: elements * 13,
    prepare() {
      const a = normal([elements]);
      const b = normal([elements]);
      const condition = greater(a.tensor, 0);
      return {
        run: () => [select(condition, a.tensor, b.tensor)],
        expected: (index) => (a.values[index] > 0 ? a.values[index] : b.values[index]),
        tolerance: 0,
        inputs: [a.tensor, b.tensor, condition],
      };
    },
  }));

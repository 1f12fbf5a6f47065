import { arange, full } from 'receptive';
import type { Family } from '../benchCase';
import { sizes } from '../inputs';

export const creation: Family = () =>
  sizes.flatMap(({ label, elements }) => [
    {
      name: `full ${label}`,
      unit: 'GB/s' as const,
      amount: elements * 4,
      prepare: () => ({ run: () => [full([elements], 1.5)], expected: () => 1.5, tolerance: 0, inputs: [] }),
    },
    {
      name: `arange ${label}`,
      unit: 'GB/s' as const,
      amount: elements * 4,
      prepare: () => ({ run: () => [arange(elements)], expected: (index: number) => index, tolerance: 0, inputs: [] }),
    },
  ]);

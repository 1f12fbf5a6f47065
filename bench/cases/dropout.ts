import { type RngState, dropout as thinned } from 'receptive';
import type { Family } from '../benchCase';
import { normal, sizes } from '../inputs';

const rngState: RngState = { seed: [1, 2], offset: 0 };

export const dropout: Family = () =>
  sizes.map(({ label, elements }) => ({
    name: `dropout ${label}`,
    unit: 'GB/s',
    amount: elements * 8,
    prepare() {
      const x = normal([elements]);
      const y = thinned(x.tensor, { p: 0.5, rngState });
      const kept = y.dataSync();
      y.dispose();
      return {
        run: () => [thinned(x.tensor, { p: 0.5, rngState })],
        // Which elements are kept is for test/ops/dropout.test.ts; what becomes of them is checked here.
        expected: (index) => (kept[index] === 0 ? 0 : 2 * x.values[index]),
        tolerance: 0,
        inputs: [x.tensor],
      };
    },
  }));

import { sgdStep_, zeros } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal, sizes } from '../inputs';

/** A learning rate of 0 leaves the parameters as they are, so that every run does the same work on the same numbers. */
export const optim: Family = () =>
  sizes.map(
    ({ label, elements }): BenchCase => ({
      name: `sgdStep_ with momentum ${label}`,
      unit: 'GB/s',
      amount: elements * 20,
      prepare() {
        const parameter = normal([elements]);
        const gradient = normal([elements]);
        const velocity = zeros([elements]);
        return {
          run: () => {
            sgdStep_(parameter.tensor, gradient.tensor, { learningRate: 0, momentum: 0.5, velocity });
            return [parameter.tensor.reshape([elements])];
          },
          expected: (index) => parameter.values[index],
          tolerance: 0,
          inputs: [parameter.tensor, gradient.tensor, velocity],
        };
      },
    }),
  );

import { add, less, mul } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';
import { binaryCases, unaryCases } from '../pointwise';

/** A bias per channel added to a batch of feature maps. */
function channelBias(channels: number, pixels: number): BenchCase {
  return {
    name: `add bias [8,${channels},${pixels}]`,
    unit: 'GB/s',
    amount: 8 * channels * pixels * 8,
    prepare() {
      const x = normal([8, channels, pixels]);
      const bias = normal([channels, 1]);
      return {
        run: () => [add(x.tensor, bias.tensor)],
        expected: (index) => x.values[index] + bias.values[Math.floor(index / pixels) % channels],
        tolerance: 1e-6,
        inputs: [x.tensor, bias.tensor],
      };
    },
  };
}

export const binary: Family = () => [
  ...binaryCases('add', add, (a, b) => a + b),
  ...binaryCases('mul', mul, (a, b) => a * b),
  ...binaryCases('less', less, (a, b) => Number(a < b), 1),
  ...unaryCases(
    'mul by a number',
    (x) => mul(x, 3),
    (x) => 3 * x,
  ),
  channelBias(64, 112 * 112),
  channelBias(512, 7 * 7),
];

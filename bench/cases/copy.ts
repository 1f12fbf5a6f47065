import { concat, pad, permute } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';
import { unaryCases } from '../pointwise';

function toNhwc(n: number, c: number, h: number, w: number): BenchCase {
  return {
    name: `permute NCHW to NHWC [${n},${c},${h},${w}]`,
    unit: 'GB/s',
    amount: n * c * h * w * 8,
    prepare() {
      const x = normal([n, c, h, w]);
      return {
        run: () => [permute(x.tensor, [0, 2, 3, 1])],
        expected: (index) => {
          const channel = index % c;
          const pixel = Math.floor(index / c) % (h * w);
          const image = Math.floor(index / (c * h * w));
          return x.values[(image * c + channel) * h * w + pixel];
        },
        tolerance: 0,
        inputs: [x.tensor],
      };
    },
  };
}

function padded(c: number, h: number, w: number): BenchCase {
  return {
    name: `pad 1 on each side [${c},${h},${w}]`,
    unit: 'GB/s',
    amount: (c * h * w + c * (h + 2) * (w + 2)) * 4,
    prepare() {
      const x = normal([c, h, w]);
      return {
        run: () => [
          pad(x.tensor, [
            [0, 0],
            [1, 1],
            [1, 1],
          ]),
        ],
        expected: (index) => {
          const column = (index % (w + 2)) - 1;
          const row = (Math.floor(index / (w + 2)) % (h + 2)) - 1;
          const inside = row >= 0 && row < h && column >= 0 && column < w;
          return inside ? x.values[(Math.floor(index / ((w + 2) * (h + 2))) * h + row) * w + column] : 0;
        },
        tolerance: 0,
        inputs: [x.tensor],
      };
    },
  };
}

function joined(c: number, pixels: number): BenchCase {
  return {
    name: `concat channels 4 x [8,${c},${pixels}]`,
    unit: 'GB/s',
    amount: 8 * 4 * c * pixels * 8,
    prepare() {
      const parts = Array.from({ length: 4 }, () => normal([8, c, pixels]));
      return {
        run: () => [
          concat(
            parts.map(({ tensor }) => tensor),
            1,
          ),
        ],
        expected: (index) => {
          const channel = Math.floor(index / pixels) % (4 * c);
          const image = Math.floor(index / (4 * c * pixels));
          return parts[Math.floor(channel / c)].values[(image * c + (channel % c)) * pixels + (index % pixels)];
        },
        tolerance: 0,
        inputs: parts.map(({ tensor }) => tensor),
      };
    },
  };
}

export const copy: Family = () => [
  ...unaryCases(
    'clone',
    (x) => x.clone(),
    (x) => x,
    4,
    0,
  ),
  toNhwc(8, 64, 56, 56),
  toNhwc(1, 3, 224, 224),
  padded(64, 112, 112),
  joined(64, 28 * 28),
];

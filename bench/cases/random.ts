import { manualSeed, rand, randn } from 'receptive';
import type { Family } from '../benchCase';
import { sizes } from '../inputs';

/** The check compares with the same seed drawn in two halves: element i depends on its place in the stream only. */
function drawnInHalves(draw: typeof rand, elements: number): (index: number) => number {
  manualSeed(7);
  const first = draw([elements / 2]);
  const second = draw([elements / 2]);
  const values = [first.dataSync(), second.dataSync()];
  first.dispose();
  second.dispose();
  manualSeed(7);
  return (index) => values[Math.floor(index / (elements / 2))][index % (elements / 2)];
}

export const random: Family = () =>
  sizes.flatMap(({ label, elements }) =>
    [rand, randn].map((draw) => ({
      name: `${draw.name} ${label}`,
      unit: 'GB/s' as const,
      amount: elements * 4,
      prepare: () => ({
        expected: drawnInHalves(draw, elements),
        run: () => [draw([elements])],
        tolerance: 0,
        inputs: [],
      }),
    })),
  );

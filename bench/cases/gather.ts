import { gatherElements, grad, gather as rowsOf } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { integers, normal } from '../inputs';

/** `count` rows of a table [n, inner], as an embedding reads them. */
function rows(n: number, inner: number, count: number): BenchCase {
  return {
    name: `gather ${count} rows of [${n},${inner}]`,
    unit: 'GB/s',
    amount: count * inner * 8,
    prepare() {
      const table = normal([n, inner]);
      const chosen = integers(0, n, [count]);
      return {
        run: () => [rowsOf(table.tensor, chosen.tensor)],
        expected: (index) => table.values[chosen.values[Math.floor(index / inner)] * inner + (index % inner)],
        tolerance: 0,
        inputs: [table.tensor, chosen.tensor],
      };
    },
  };
}

/** The gradient of the same: reads as many rows, and writes the whole table. */
function rowGradients(n: number, inner: number, count: number): BenchCase {
  return {
    name: `gradient of gather ${count} rows of [${n},${inner}]`,
    unit: 'GB/s',
    amount: (count + n) * inner * 4,
    prepare() {
      const g = normal([count, inner]);
      const chosen = integers(0, n, [count]);
      return {
        run: () => [grad.gather(g.tensor, chosen.tensor, [n, inner])],
        expected: (index) => {
          const row = Math.floor(index / inner);
          return chosen.values.reduce(
            (sum, at, j) => (at === row ? sum + g.values[j * inner + (index % inner)] : sum),
            0,
          );
        },
        tolerance: 1e-4,
        inputs: [g.tensor, chosen.tensor],
      };
    },
  };
}

/** One element per index, along the last axis of [outer, n]. */
function elements(outer: number, n: number, count: number): BenchCase {
  return {
    name: `gatherElements ${count} of ${n} in ${outer} lines`,
    unit: 'GB/s',
    amount: outer * count * 12,
    prepare() {
      const x = normal([outer, n]);
      const chosen = integers(0, n, [outer, count]);
      return {
        run: () => [gatherElements(x.tensor, chosen.tensor, 1)],
        expected: (index) => x.values[Math.floor(index / count) * n + chosen.values[index]],
        tolerance: 0,
        inputs: [x.tensor, chosen.tensor],
      };
    },
  };
}

/** The gradient of the same. */
function elementGradients(outer: number, n: number, count: number): BenchCase {
  return {
    name: `gradient of gatherElements ${count} of ${n} in ${outer} lines`,
    unit: 'GB/s',
    amount: outer * (8 * count + 4 * n),
    prepare() {
      const g = normal([outer, count]);
      const chosen = integers(0, n, [outer, count]);
      return {
        run: () => [grad.gatherElements(g.tensor, chosen.tensor, [outer, n], 1)],
        expected: (index) => {
          let sum = 0;
          const line = Math.floor(index / n) * count;
          for (let j = line; j < line + count; j++) if (chosen.values[j] === index % n) sum += g.values[j];
          return sum;
        },
        tolerance: 1e-4,
        inputs: [g.tensor, chosen.tensor],
      };
    },
  };
}

export const gather: Family = () => [
  rows(30522, 768, 8192),
  rows(1000, 64, 65536),
  rows(1 << 20, 1, 1 << 20),
  rowGradients(30522, 768, 8192),
  rowGradients(1000, 64, 65536),
  rowGradients(1 << 20, 1, 1 << 20),
  elements(1024, 1000, 1000),
  elements(1, 1 << 20, 1 << 20),
  elementGradients(1024, 1000, 1000),
];

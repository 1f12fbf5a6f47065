import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as receptive from 'receptive';
import { add, gradients, square, sum, Tensor, tidy } from 'receptive';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../reference/ndarray';
import { packageRoot } from '../support/child';
import { describeOnDevices, floatDTypes } from '../support/devices';
import type { FloatDType } from '../support/random';
import { type AnyTensor, read, toTensor } from '../support/tensors';

// Random graphs, differentiated here and by PyTorch: test/fixtures/graphs.py drew them, and says what the rows of a program are.

type Argument = string | number | boolean | readonly Argument[] | { readonly [name: string]: Argument };

interface Numbers {
  readonly seed: number;
  readonly low: number;
  readonly high: number;
}

type Row =
  | (Numbers & { readonly leaf: readonly number[] })
  | (Numbers & { readonly fixed: readonly number[] })
  | { readonly ints: readonly number[]; readonly shape: readonly number[] }
  | { readonly bools: readonly number[]; readonly shape: readonly number[] }
  | { readonly op: string; readonly args: readonly Argument[] };

interface Graph {
  readonly rows: readonly Row[];
  readonly loss: number;
  readonly gradients: readonly (readonly number[])[];
  readonly second?: { readonly value: number; readonly gradients: readonly (readonly number[])[] };
}

const file = join(packageRoot, 'test/fixtures/graphs.json');
const { graphs } = JSON.parse(readFileSync(file, 'utf8')) as { graphs: readonly Graph[] };

/** The fixture holds 12 digits; its graphs change by less than a hundredfold of what their operands change. */
const tolerance = { float64: 1e-9, float32: 1e-4 } as const;

/** The generator of `numbers()` in graphs.py: its products stay below 2^53. */
function numbers(shape: readonly number[], { seed, low, high }: Numbers): Float64Array {
  let state = seed;
  return Float64Array.from({ length: sizeOf(shape) }, () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return low + (high - low) * (state / 2 ** 32);
  });
}

/** Tensors in the place of their names. */
function resolve(argument: Argument, values: readonly AnyTensor[]): unknown {
  if (typeof argument === 'string') return argument.startsWith('#') ? values[Number(argument.slice(1))] : argument;
  if (Array.isArray(argument)) return argument.map((one: Argument) => resolve(one, values));
  if (typeof argument !== 'object') return argument;
  return Object.fromEntries(Object.entries(argument).map(([name, one]) => [name, resolve(one, values)]));
}

/** Calls a public function as the row says; `reshape` is a method. */
function call(op: string, args: unknown[]): AnyTensor[] {
  if (op === 'reshape') return [(args[0] as AnyTensor).reshape(args[1] as number[])];
  const result = (Reflect.get(receptive, op) as (...given: unknown[]) => unknown)(...args);
  if (result instanceof Tensor) return [result as AnyTensor];
  return Object.values(result as object).filter((one: AnyTensor) => one.dtype !== 'int32');
}

function run(rows: readonly Row[], dtype: FloatDType): { loss: Tensor; leaves: Tensor[] } {
  const values: AnyTensor[] = [];
  const leaves: AnyTensor[] = [];
  for (const row of rows) {
    if ('op' in row) {
      values.push(
        ...call(
          row.op,
          row.args.map((argument) => resolve(argument, values)),
        ),
      );
    } else if ('ints' in row) {
      values.push(toTensor({ shape: row.shape, data: Float64Array.from(row.ints) }, 'int32') as AnyTensor);
    } else if ('bools' in row) {
      values.push(toTensor({ shape: row.shape, data: Float64Array.from(row.bools) }, 'bool') as AnyTensor);
    } else {
      const shape = 'leaf' in row ? row.leaf : row.fixed;
      const value = toTensor({ shape, data: numbers(shape, row) }, dtype) as AnyTensor;
      if ('leaf' in row) {
        value.requiresGrad = true;
        leaves.push(value);
      }
      values.push(value);
    }
  }
  return { loss: values[values.length - 1] as unknown as Tensor, leaves: leaves as unknown as Tensor[] };
}

const largest = (of: readonly (readonly number[])[]): number =>
  of.flat().reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Each list is within the tolerance times the largest number of all. */
function expectAgree(
  found: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
  dtype: FloatDType,
  what: string,
): void {
  expect(found.map((list) => list.length)).toEqual(expected.map((list) => list.length));
  const allowed = tolerance[dtype] * largest(expected);
  for (const [leaf, list] of expected.entries()) {
    for (const [i, value] of list.entries()) {
      const difference = Math.abs(found[leaf][i] - value);
      if (!(difference <= allowed)) {
        expect.fail(`${what} by leaf ${leaf}, element ${i}: ${found[leaf][i]}, PyTorch has ${value} ± ${allowed}`);
      }
    }
  }
}

const lists = (tensors: readonly Tensor[]): number[][] => tensors.map((one) => [...read(one as AnyTensor).data]);

/** The gradients of a sum of squares of gradients; a leaf that they do not depend on has zeros. */
function second(first: readonly Tensor[], leaves: readonly Tensor[]): { value: number; gradients: number[][] } {
  const value = first.map((one) => sum(square(one))).reduce((total, one) => add(total, one));
  value.backward();
  const found = leaves.map(({ grad, size }) => (grad === null ? new Array<number>(size).fill(0) : lists([grad])[0]));
  for (const { grad } of leaves) grad?.dispose();
  return { value: value.item(), gradients: found };
}

describeOnDevices('random graphs that PyTorch differentiated', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it.each(graphs.map((graph, i) => [i, graph] as const))('graph %i', (_, graph) => {
      tidy(() => {
        const { loss, leaves } = run(graph.rows, dtype);
        expect(Math.abs(loss.item() - graph.loss)).toBeLessThanOrEqual(
          tolerance[dtype] * Math.max(1, Math.abs(graph.loss)),
        );
        const first = gradients(loss, leaves, { createGraph: graph.second !== undefined });
        expectAgree(lists(first), graph.gradients, dtype, 'the gradient');
        if (graph.second === undefined) return;
        const found = second(first, leaves);
        expect(Math.abs(found.value / graph.second.value - 1)).toBeLessThanOrEqual(2 * tolerance[dtype]);
        expectAgree(found.gradients, graph.second.gradients, dtype, 'the second gradient');
      });
    });
  });

  it('use values several times, and have second gradients in a third', () => {
    const uses = (rows: readonly Row[]): number[] => {
      const named = [...JSON.stringify(rows).matchAll(/"#(\d+)"/g)].map(([, value]) => value);
      return [...new Set(named)].map((one) => named.filter((other) => other === one).length);
    };
    expect(graphs.length).toBeGreaterThanOrEqual(60);
    for (const { rows } of graphs) expect(Math.max(...uses(rows))).toBeGreaterThanOrEqual(2);
    expect(graphs.filter((graph) => graph.second !== undefined).length).toBeGreaterThanOrEqual(graphs.length / 3);
  });
});

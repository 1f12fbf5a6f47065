import * as receptive from 'receptive';
import { add, type DType, gradients, mul, randn, square, sum, Tensor, tidy, UnsupportedError } from 'receptive';
import { describe, expect, it } from 'vitest';
import type { NdArray } from '../reference/ndarray';
import { describeOnDevices } from '../support/devices';
import { expectGradient } from '../support/finiteDifferences';
import { type AnyTensor, read, toTensor } from '../support/tensors';
import { families } from '../tools/opTable.mjs';

// Every differentiable operation of the table, recorded by the tape: its gradients against finite differences, and the
// gradients of its gradients likewise, or the error that says there are none. Operands are drawn where the op is smooth.

interface Row {
  readonly name: string;
  readonly dtypes: readonly DType[];
  readonly call: (t: unknown, library: typeof receptive) => unknown;
  readonly gradients?: object;
  readonly sharedGradient?: string;
}

const rows = families
  .flatMap(({ ops }) => ops as unknown as Row[])
  .filter(({ name, dtypes, ...row }) => {
    const differentiable = row.gradients !== undefined || row.sharedGradient !== undefined || name === 'clone';
    return differentiable && dtypes.includes('float64') && !name.endsWith('_');
  });

/** Gradients of gradients do not exist for these. */
const once = new Set([
  ...['selu', 'gelu', 'mish', 'hardSwish', 'prelu'],
  ...['crossEntropy', 'nllLoss', 'mseLoss', 'sumSquaredError', 'binaryCrossEntropy', 'binaryCrossEntropyWithLogits'],
  ...['hingeLoss'],
]);

/** Only the first operand has a gradient. */
const firstOnly = new Set([
  ...['mseLoss', 'sumSquaredError', 'binaryCrossEntropy', 'binaryCrossEntropyWithLogits', 'hingeLoss'],
]);

const positive = new Set(['log', 'sqrt', 'rsqrt', 'pow', 'reciprocal', 'div', 'binaryCrossEntropy']);

/** Operands of one row: the floats are kept, to be varied. */
class Operands {
  readonly values: NdArray[] = [];
  private used = 0;

  constructor(private readonly row: Row) {}

  private draw(shape: readonly number[]): NdArray {
    const values = tidy(() => read(randn([...shape], double)));
    if (!positive.has(this.row.name)) return values;
    const near = this.row.name === 'binaryCrossEntropy' ? 0.6 : 2;
    return { shape: values.shape, data: values.data.map((value) => near / (1 + Math.exp(-value)) + 0.2) };
  }

  /** The function that the row's call takes. */
  maker(leaves: AnyTensor[], values: readonly NdArray[]): unknown {
    this.used = 0;
    const make = (shape: readonly number[]): AnyTensor => {
      const i = this.used++;
      const given = values[i] ?? this.draw(shape);
      if (this.values.length === i) this.values.push(given);
      const leaf = toTensor(given, 'float64') as AnyTensor;
      leaf.requiresGrad = i === 0 || !firstOnly.has(this.row.name);
      leaves.push(leaf);
      return leaf;
    };
    return Object.assign(make, { of: (dtype: DType, shape: readonly number[]) => other(dtype, shape) });
  }
}

const double = { dtype: 'float64' as DType as 'float32' };

/** Labels, indices and conditions: the same in each call. */
function other(dtype: DType, shape: readonly number[]): AnyTensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const data = Array.from({ length: size }, (_, i) => i % 2);
  return toTensor({ shape, data: Float64Array.from(data) }, dtype);
}

const floats = (result: unknown): AnyTensor[] =>
  (result instanceof Tensor ? [result] : Object.values(result as object)).filter((one) => one.dtype === 'float64');

/** A weighted sum of everything that the op gives, and the leaves it depends on. */
function weighted(row: Row, operands: Operands, values: readonly NdArray[], seed: number) {
  receptive.manualSeed(seed);
  const leaves: AnyTensor[] = [];
  const outputs = floats(row.call(operands.maker(leaves, values), receptive));
  receptive.manualSeed(seed + 1);
  // Not linear in the outputs, so that the gradient which arrives at the op depends on its operands too.
  const terms = outputs.map((one) => sum(mul(add(one, square(one)), randn([...one.shape], double))));
  const loss = terms.reduce((total, term) => add(total, term)) as Tensor<'float64'>;
  return { loss, outputs, leaves: leaves.filter((leaf) => leaf.requiresGrad) };
}

describeOnDevices('the tape', () => {
  describe.each(rows.map((row) => [row.name, row] as const))('%s', (name, row) => {
    const seed = 7;

    it('has the gradients that finite differences give', () => {
      const operands = new Operands(row);
      const found = tidy(() => {
        const { loss, outputs, leaves } = weighted(row, operands, [], seed);
        for (const output of outputs) expect(output.requiresGrad).toBe(true);
        return gradients(loss, leaves).map(read);
      });
      for (const [i, gradient] of found.entries()) {
        const at = (x: NdArray): number =>
          tidy(() => weighted(row, operands, operands.values.with(i, x), seed).loss.item());
        expectGradient(at, operands.values[i], gradient, { what: `${name}, operand ${i}` });
      }
    });

    it('adds them to grad, and frees the graph', () => {
      tidy(() => {
        const { loss, leaves } = weighted(row, new Operands(row), [], seed);
        loss.backward();
        for (const leaf of leaves) {
          expect(leaf.grad?.shape).toEqual(leaf.shape);
          leaf.grad?.dispose();
        }
        expect(() => loss.backward()).toThrow(receptive.GraphError);
      });
    });

    it(once.has(name) ? 'says that its gradient has no gradient' : 'has gradients of its gradients', () => {
      const operands = new Operands(row);
      const second = (values: readonly NdArray[]) => {
        const { loss, leaves } = weighted(row, operands, values, seed);
        const first = gradients(loss, leaves, { createGraph: true });
        receptive.manualSeed(seed + 2);
        const terms = first.map((one) => sum(mul(one, randn([...one.shape], double))));
        return { leaves, terms, value: terms.reduce((total, term) => add(total, term)) as Tensor<'float64'> };
      };
      if (once.has(name)) {
        tidy(() => {
          const { value } = second([]);
          expect(() => value.backward()).toThrow(UnsupportedError);
        });
        return;
      }
      const found = tidy(() => {
        const { value, leaves } = second([]);
        return leaves.map((leaf) => {
          if (!value.requiresGrad) return null; // the gradient is a constant
          try {
            return read(gradients(value, [leaf], { retainGraph: true })[0]);
          } catch (error) {
            if (error instanceof receptive.GraphError) return null; // it does not depend on this operand
            throw error;
          }
        });
      });
      for (const [i, gradient] of found.entries()) {
        const at = (x: NdArray): number => tidy(() => second(operands.values.with(i, x)).value.item());
        const zero = { shape: operands.values[i].shape, data: operands.values[i].data.map(() => 0) };
        expectGradient(at, operands.values[i], gradient ?? zero, { what: `${name}, twice by operand ${i}` });
      }
    });
  });
});

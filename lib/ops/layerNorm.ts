import { expectBoolean, expectFinite, expectInteger, expectOptions, expectSameShape } from '../check';
import { opNumber, run1, run2, run3 } from '../dispatch';
import type { DType } from '../dtype';
import { ShapeError } from '../errors';
import { tidy } from '../scope';
import { expectShape, extentsOf, type Shape, sameShape, shapeText, sizeOf } from '../shape';
import { record, recordAll, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { normGradients } from './normFormula';
import { expectFloatTensor, expectGradientOf, expectPartner } from './operands';

const ops = {
  forward: opNumber('layerNorm'),
  withStatistics: opNumber('layerNormWithStatistics'),
  gradInput: opNumber('layerNormGradInput'),
  gradParameters: opNumber('layerNormGradParameters'),
};

/** Options of `layerNorm`. */
export interface LayerNormOptions<D extends DType = 'float32'> {
  /** Extents of the last axes, over which is normalised, or of the last one alone; that of the last axis if left out. */
  readonly normalizedShape?: number | readonly number[];
  /** Factor of each element, of the normalised axes' shape; 1 if left out. */
  readonly weight?: Tensor<D> | null;
  /** Summand of each element, likewise; 0 if left out. */
  readonly bias?: Tensor<D> | null;
  /** Finite, >= 0, added to the variance; 1e-5 if left out. */
  readonly epsilon?: number;
}

const known = ['normalizedShape', 'weight', 'bias', 'epsilon'] as const;

interface Recorded {
  readonly row: Shape;
  readonly epsilon: number;
}

const layerNormRule = rule<Recorded>(
  'layerNorm',
  { keeps: 'input, weight, statistics', differentiable: true },
  ({ gradOutputs, saved: [input, weight, mean, inverseStd], state: { row, epsilon }, needs }) => {
    const [output, byMean, byInverse] = [gradOutputs[0], gradOutputs[1] ?? null, gradOutputs[2] ?? null];
    if (output === null || byMean !== null || byInverse !== null || recording(output, input, weight)) {
      const all = input.shape.map((_, axis) => axis);
      const lead = all.length - row.length;
      const how = {
        ...{ axes: all.slice(lead), summed: all.slice(0, lead), parameters: row, own: row, epsilon },
        statistics: [...input.shape.slice(0, lead), ...row.map(() => 1)],
      };
      return normGradients({ output, mean: byMean, inverseStd: byInverse }, input, weight, how, undefined, needs);
    }
    const found = layerNormGradient(output, input, mean, inverseStd, {
      ...{ normalizedShape: row, weight },
      ...{ inputGrad: needs[0], weightGrad: needs[1], biasGrad: needs[2] },
    });
    return [found.input, found.weight, found.bias];
  },
);

/** A tensor seen as rows, each of which is normalised. */
interface Rows {
  /** Shape of a row. */
  readonly row: Shape;
  /** Extents of the axes before it, and of the statistics. */
  readonly lead: Shape;
  readonly extents: { readonly rows: number; readonly n: number };
}

function planRows(op: string, shape: Shape, normalizedShape: unknown): Rows {
  if (shape.length === 0) throw new ShapeError(`${op}: input must have rank 1 or more, given a scalar`);
  let row: Shape = extentsOf(shape, -1);
  if (Array.isArray(normalizedShape)) row = expectShape(op, 'normalizedShape', normalizedShape);
  else if (normalizedShape !== undefined) row = [expectInteger(op, 'normalizedShape', normalizedShape, 0)];
  if (row.length === 0 || row.length > shape.length || !sameShape(extentsOf(shape, -row.length), row)) {
    throw new ShapeError(
      `${op}: normalizedShape ${shapeText(row)} must be the last extents of input ${shapeText(shape)}, one or more`,
    );
  }
  const lead = extentsOf(shape, 0, -row.length);
  return { row, lead, extents: { rows: sizeOf(lead), n: sizeOf(row) } };
}

function optionalRow<D extends DType>(
  op: string,
  input: Tensor<D>,
  name: string,
  value: Tensor<D> | null | undefined,
  row: Shape,
): Tensor<D> | undefined {
  if (value === undefined || value === null) return undefined;
  expectPartner(op, 'input', input, name, value);
  expectSameShape(op, name, value, row, 'as normalizedShape');
  return value;
}

function plan<D extends DType>(op: string, input: Tensor<D>, options: LayerNormOptions<D> | undefined) {
  expectFloatTensor(op, 'input', input);
  const given = expectOptions(op, options as LayerNormOptions<DType> | undefined, known) as LayerNormOptions<D>;
  const { epsilon = 1e-5 } = given;
  expectFinite(op, 'epsilon', epsilon, 0);
  const { row, lead, extents } = planRows(op, input.shape, given.normalizedShape);
  const weight = optionalRow(op, input, 'weight', given.weight, row);
  const bias = optionalRow(op, input, 'bias', given.bias, row);
  const operands = [input];
  if (weight !== undefined) operands.push(weight);
  if (bias !== undefined) operands.push(bias);
  const { rows, n } = extents;
  const attributes = { rows, n, epsilon, weight: weight !== undefined, bias: bias !== undefined };
  const recorded = recording(input, weight, bias);
  return { row, lead, weight, bias, operands, attributes, recorded };
}

type Plan<D extends DType> = ReturnType<typeof plan<D>>;

/**
 * Layer normalisation (Ba, Kiros & Hinton 2016): y = (x - mean) / sqrt(variance + epsilon) * weight + bias, mean and
 * variance (divided by the number of values) over the last axes.
 *
 * @param input float32 or float64, rank 1 or more.
 * @param options `normalizedShape` (the last axis), the extents of the axes that are normalised; `weight` and `bias` of
 *   that shape, the input's dtype and device; `epsilon` (1e-5).
 * @returns A new tensor of the input's shape.
 * @throws ShapeError when normalizedShape is not the end of the input's shape, or weight or bias do not have it;
 *   DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function layerNorm<D extends DType>(input: Tensor<D>, options?: LayerNormOptions<NoInfer<D>>): Tensor<D> {
  const p = plan('layerNorm', input, options);
  if (!p.recorded) return run1(ops.forward, p.operands, input.dtype, input.shape, p.attributes);
  const [output, mean, inverseStd] = withStatistics(p);
  const { row, weight, bias } = p;
  record(layerNormRule, [input, weight, bias], output, [input, weight, mean, inverseStd], {
    row,
    epsilon: p.attributes.epsilon,
  });
  mean.dispose(); // the tape has them
  inverseStd.dispose();
  return output;
}

/**
 * As `layerNorm`, with the statistics that it used, which the gradient needs.
 *
 * @returns `output`, and of the shape of the axes that are not normalised: `mean`, `inverseStd` = 1 / sqrt(variance +
 *   epsilon).
 * @throws As `layerNorm`.
 */
export function layerNormWithStatistics<D extends DType>(
  input: Tensor<D>,
  options?: LayerNormOptions<NoInfer<D>>,
): { output: Tensor<D>; mean: Tensor<D>; inverseStd: Tensor<D> } {
  const p = plan('layerNormWithStatistics', input, options);
  const all = withStatistics(p);
  const [output, mean, inverseStd] = all;
  if (p.recorded) {
    const { row, weight, bias } = p;
    recordAll(layerNormRule, [input, weight, bias], all, [input, weight, mean, inverseStd], {
      row,
      epsilon: p.attributes.epsilon,
    });
  }
  return { output, mean, inverseStd };
}

function withStatistics<D extends DType>({ lead, operands, attributes }: Plan<D>) {
  const { dtype, shape } = operands[0];
  const statistic = { dtype, shape: lead };
  return run3(ops.withStatistics, operands, [{ dtype, shape }, statistic, statistic], attributes);
}

/** Options of `grad.layerNorm`: the forward op's, and which gradients to compute. */
export interface LayerNormGradientOptions<D extends DType = 'float32'> {
  readonly normalizedShape?: number | readonly number[];
  readonly weight?: Tensor<D> | null;
  readonly inputGrad?: boolean;
  readonly weightGrad?: boolean;
  readonly biasGrad?: boolean;
}

const gradientOptions = ['normalizedShape', 'weight', 'inputGrad', 'weightGrad', 'biasGrad'] as const;

/**
 * Gradients of `layerNorm`, with s = inverseStd and h = g * weight, means over the normalised axes and sums over the
 * others: input = s * (h - mean of h - (x - mean) * s^2 * mean of h (x - mean)), weight = sum of g (x - mean) s, bias =
 * sum of g.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param mean Of `layerNormWithStatistics`.
 * @param inverseStd Of `layerNormWithStatistics`.
 * @param options The forward op's `normalizedShape` and `weight`; `inputGrad`, `weightGrad` and `biasGrad` (each true if
 *   left out) choose what is computed.
 * @returns The gradients, null where not asked for; `weight` is null where there is none too.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function layerNormGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  mean: Tensor<NoInfer<D>>,
  inverseStd: Tensor<NoInfer<D>>,
  options?: LayerNormGradientOptions<NoInfer<D>>,
): { input: Tensor<D> | null; weight: Tensor<D> | null; bias: Tensor<D> | null } {
  const op = 'grad.layerNorm';
  expectGradientOf(op, gradOutput, 'input', input);
  const given = expectOptions(op, options as LayerNormGradientOptions<DType> | undefined, gradientOptions);
  const { inputGrad = true, weightGrad = true, biasGrad = true } = given;
  expectBoolean(op, 'inputGrad', inputGrad);
  expectBoolean(op, 'weightGrad', weightGrad);
  expectBoolean(op, 'biasGrad', biasGrad);
  const { row, lead, extents } = planRows(op, input.shape, given.normalizedShape);
  for (const [name, value] of Object.entries({ mean, inverseStd }) as [string, AnyTensor][]) {
    expectPartner(op, 'input', input, name, value);
    expectSameShape(op, name, value, lead, 'that of the axes that are not normalised');
  }
  const weight = optionalRow(op, input, 'weight', given.weight as Tensor<D> | undefined, row);
  const wantsWeight = weightGrad && weight !== undefined;
  const { dtype } = input;
  const operands = [gradOutput, input, mean, inverseStd];
  const { rows, n } = extents;
  return tidy(() => {
    const parameters =
      wantsWeight || biasGrad
        ? run2(ops.gradParameters, operands, { dtype, shape: row }, { dtype, shape: row }, extents)
        : undefined;
    const attributes = { rows, n, weight: weight !== undefined };
    const all = weight === undefined ? operands : [...operands, weight];
    return {
      input: inputGrad ? run1(ops.gradInput, all, dtype, input.shape, attributes) : null,
      weight: wantsWeight && parameters !== undefined ? parameters[0] : null,
      bias: biasGrad && parameters !== undefined ? parameters[1] : null,
    };
  });
}

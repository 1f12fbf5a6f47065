import { expectBoolean, expectOptions } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { tidy } from '../scope';
import { broadcastShapes, checkedSize, extentsOf, type Shape, sameShape, shapeText, sizeOf } from '../shape';
import { crosswise, record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { broadcastStrides, collapse } from './broadcast';
import { expectMatmulBackend, type MatmulBackend, type MatmulBackendOptions } from './matmulBackend';
import { expectFloatTensor, expectGradientShape, expectPartner } from './operands';
import { sumTo } from './reduce';

const matmulOp = opNumber('matmul');

/** Options of `matmul`. */
export interface MatmulOptions extends MatmulBackendOptions {
  /** Use a with its last two axes exchanged. */
  readonly transposeA?: boolean;
  /** Use b with its last two axes exchanged. */
  readonly transposeB?: boolean;
}

/** Rows, columns and steps of a product are int32 in the kernels. @internal */
export const maxExtent = 2 ** 31 - 1;
const limit = `at most 2^31 - 1 = ${maxExtent} are supported`;

/** A product of batches of matrices: op(a) [m, k], op(b) [k, n]. */
interface Product {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Operands' shapes as matrices: a vector a is one row, a vector b one column. */
  readonly aShape: Shape;
  readonly bShape: Shape;
  readonly batch: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Without the axes that vectors were given. */
  readonly outputShape: Shape;
  /** What the caller asked for, and its number at the boundary. */
  readonly backend: MatmulBackend | undefined;
  readonly library: number;
}

function expectMatrices(op: string, name: 'a' | 'b', shape: Shape, transposed: boolean): void {
  if (shape.length === 0) throw new ShapeError(`${op}: ${name} must have rank 1 or more, given a scalar`);
  if (shape.length === 1 && transposed) {
    throw new ShapeError(
      `${op}: transpose${name.toUpperCase()} needs ${name} of rank 2 or more, given shape ${shapeText(shape)}`,
    );
  }
}

/** The last two axes. */
function matrixOf(shape: Shape, transposed: boolean): { readonly rows: number; readonly columns: number } {
  const [last, before] = [shape[shape.length - 1], shape[shape.length - 2]];
  return transposed ? { rows: last, columns: before } : { rows: before, columns: last };
}

/** The axes before those of the matrix. */
const lead = (shape: Shape): number[] => extentsOf(shape, 0, -2);

function plan(op: string, a: AnyTensor, b: AnyTensor, options: MatmulOptions | undefined): Product {
  const {
    transposeA = false,
    transposeB = false,
    matmulBackend: backend,
  } = expectOptions(op, options, ['transposeA', 'transposeB', 'matmulBackend']);
  expectBoolean(op, 'transposeA', transposeA);
  expectBoolean(op, 'transposeB', transposeB);
  const library = expectMatmulBackend(op, backend, a._device);
  expectMatrices(op, 'a', a.shape, transposeA);
  expectMatrices(op, 'b', b.shape, transposeB);
  const aShape = a.shape.length === 1 ? [1, a.shape[0]] : a.shape;
  const bShape = b.shape.length === 1 ? [b.shape[0], 1] : b.shape;
  const { rows: m, columns: k } = matrixOf(aShape, transposeA);
  const { rows: steps, columns: n } = matrixOf(bShape, transposeB);
  if (k !== steps) {
    throw new ShapeError(
      `${op}: a ${shapeText(a.shape)}${transposeA ? ' transposed' : ''} has ${k} columns, ` +
        `b ${shapeText(b.shape)}${transposeB ? ' transposed' : ''} has ${steps} rows; they must be equal`,
    );
  }
  if (Math.max(m, n, k) > maxExtent) {
    const [name, extent] = m > maxExtent ? ['rows', m] : n > maxExtent ? ['columns', n] : ['steps', k];
    throw new ShapeError(`${op}: a ${shapeText(a.shape)} and b ${shapeText(b.shape)} make ${extent} ${name}, ${limit}`);
  }
  const batch = batchShape(op, a.shape, b.shape);
  const outputShape = [...batch];
  if (a.shape.length > 1) outputShape.push(m);
  if (b.shape.length > 1) outputShape.push(n);
  checkedSize(op, outputShape, bytesPerElement(a.dtype));
  return { transposeA, transposeB, aShape, bShape, batch, m, n, k, outputShape, backend, library };
}

function batchShape(op: string, a: Shape, b: Shape): Shape {
  try {
    return broadcastShapes(op, lead(a), lead(b));
  } catch {
    throw new ShapeError(
      `${op}: a ${shapeText(a)} and b ${shapeText(b)} do not broadcast in the axes before the last two`,
    );
  }
}

function multiply<D extends DType>(a: Tensor<D>, b: Tensor<D>, product: Product): Tensor<D> {
  const { transposeA, transposeB, aShape, bShape, batch, m, n, k, outputShape, library } = product;
  const rows = sizeOf(batch) * m;
  if (sizeOf(lead(bShape)) === 1 && !transposeA && rows <= maxExtent) {
    // One right-hand matrix for all: the rows of all left-hand ones make one matrix.
    return run1(matmulOp, [a, b], a.dtype, outputShape, {
      rank: 1,
      batch: [1],
      aStrides: [0],
      bStrides: [0],
      m: rows,
      n,
      k,
      transposeA,
      transposeB,
      library,
    });
  }
  const { dims, strides } = collapse(batch, [
    broadcastStrides(lead(aShape), batch, m * k),
    broadcastStrides(lead(bShape), batch, k * n),
  ]);
  const [aStrides, bStrides] = strides;
  return run1(matmulOp, [a, b], a.dtype, outputShape, {
    rank: dims.length,
    batch: dims,
    aStrides,
    bStrides,
    m,
    n,
    k,
    transposeA,
    transposeB,
    library,
  });
}

interface Recorded {
  readonly product: Product;
  readonly a: Shape;
  readonly b: Shape;
}

const matmulRule = rule<Recorded>(
  'matmul',
  { keeps: 'the other operand', differentiable: true },
  ({ gradOutput, saved: [a, b], state, needs }) => [
    needs[0] ? leftGradient(gradOutput, b, state.product).reshape(state.a) : null,
    needs[1] ? rightGradient(gradOutput, a, state.product).reshape(state.b) : null,
  ],
);

/**
 * Matrix product c[..., i, j] = sum_k a[..., i, k] * b[..., k, j]. The axes before the last two are a batch and
 * broadcast by NumPy's rules; a vector a counts as one row and a vector b as one column, and that axis is dropped from
 * the result.
 *
 * @param a float32 or float64, [K] or [..., M, K]; with `transposeA` [..., K, M].
 * @param b Same dtype and device, [K] or [..., K, N]; with `transposeB` [..., N, K].
 * @returns A new tensor [..., M, N]; zeros where K is 0.
 * @throws ShapeError for scalars, unequal K, batches that do not broadcast, a transposed vector; DTypeError,
 *   DeviceError, ArgumentError, DisposedError; UnsupportedError where `matmulBackend` asks for a library that cannot be used.
 */
export function matmul<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>>, options?: MatmulOptions): Tensor<D> {
  expectFloatTensor('matmul', 'a', a);
  expectFloatTensor('matmul', 'b', b);
  expectPartner('matmul', 'a', a, 'b', b);
  const product = plan('matmul', a, b, options);
  const output = multiply(a, b, product);
  if (!recording(a, b)) return output;
  return record(matmulRule, [a, b], output, crosswise(a, b), { product, a: a.shape, b: b.shape });
}

/** sum over the batch of op(a) op(b), as a matrix or batch of `shape`, for operands that are matrices. */
function summed<D extends DType>(a: Tensor<D>, b: Tensor<D>, options: MatmulOptions, shape: Shape) {
  return sumTo(matmul(a, b, options), shape);
}

/**
 * Gradients of `matmul`: with A = op(a) and B = op(b), dA = G B^T and dB = A^T G, transposed back where the operand
 * was, and summed over the axes along which it was broadcast.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param a The forward op's a.
 * @param b The forward op's b.
 * @param options The forward op's.
 * @throws ShapeError when g has not the shape of that product; DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function matmulGradient<D extends DType>(
  gradOutput: Tensor<D>,
  a: Tensor<NoInfer<D>>,
  b: Tensor<NoInfer<D>>,
  options?: MatmulOptions,
): { a: Tensor<D>; b: Tensor<D> } {
  const op = 'grad.matmul';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'a', a);
  expectPartner(op, 'gradOutput', gradOutput, 'b', b);
  const product = plan(op, a, b, options);
  expectGradientShape(op, gradOutput, product.outputShape, 'as the product');
  return tidy(() => ({
    a: leftGradient(gradOutput, b, product).reshape(a.shape),
    b: rightGradient(gradOutput, a, product).reshape(b.shape),
  }));
}

function leftGradient<D extends DType>(gradOutput: Tensor<D>, b: Tensor<D>, product: Product): Tensor<D> {
  const { transposeA, transposeB, aShape, bShape, batch, m, n, backend: matmulBackend } = product;
  const g = gradOutput.reshape([...batch, m, n]);
  const right = b.reshape(bShape);
  return transposeA
    ? summed(right, g, { transposeA: transposeB, transposeB: true, matmulBackend }, aShape)
    : summed(g, right, { transposeB: !transposeB, matmulBackend }, aShape);
}

function rightGradient<D extends DType>(gradOutput: Tensor<D>, a: Tensor<D>, product: Product): Tensor<D> {
  const { transposeA, transposeB, aShape, bShape, batch, m, n, k, backend: matmulBackend } = product;
  let g = gradOutput.reshape([...batch, m, n]);
  let left = a.reshape(aShape);
  const rows = sizeOf(batch) * m;
  if (bShape.length === 2 && !transposeA && sameShape(lead(aShape), batch) && rows <= maxExtent) {
    // One right-hand matrix: its gradient is one product over all rows, not a sum of products.
    g = g.reshape([rows, n]);
    left = left.reshape([rows, k]);
  }
  return transposeB
    ? summed(g, left, { transposeA: true, transposeB: transposeA, matmulBackend }, bShape)
    : summed(left, g, { transposeA: !transposeA, matmulBackend }, bShape);
}

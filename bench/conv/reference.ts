// Single elements of a convolution and of its gradients, from the definition, in float64.
import { type ConvShape, type ConvTensors, type Direction, tensorShapes } from './shape';

/** A sum, and the root of the sum of its squared terms: what rounding errors are in proportion to. */
export interface ReferenceElement {
  readonly value: number;
  readonly scale: number;
}

export type ConvValues = ConvTensors<ArrayLike<number>>;

/** One sum of products, with the size of its terms. */
class TermSum {
  #value = 0;
  #squares = 0;

  add(a: number, b: number): void {
    const term = a * b;
    this.#value += term;
    this.#squares += term * term;
  }

  get element(): ReferenceElement {
    return { value: this.#value, scale: Math.sqrt(this.#squares) };
  }
}

/** Coordinates of a flat index. */
function coordinates(index: number, [, second, third, fourth]: readonly number[]): [number, number, number, number] {
  const row = Math.floor(index / fourth);
  const plane = Math.floor(row / third);
  return [Math.floor(plane / second), plane % second, row % third, index % fourth];
}

const flat = ([, second, third, fourth]: readonly number[], a: number, b: number, y: number, x: number): number =>
  ((a * second + b) * third + y) * fourth + x;

/** y[n,k,oy,ox] = the sum of x[n,c,iy,ix] w[k,c',r,s] over the taps inside the input. */
function outputElement(shape: ConvShape, values: ConvValues, index: number): ReferenceElement {
  const { input, weight, output } = tensorShapes(shape);
  const [n, k, oy, ox] = coordinates(index, output);
  const firstChannel = Math.floor(k / (shape.k / shape.groups)) * weight[1];
  const sum = new TermSum();
  for (let c = 0; c < weight[1]; ++c)
    for (let r = 0; r < weight[2]; ++r)
      for (let s = 0; s < weight[3]; ++s) {
        const iy = oy * shape.stride[0] - shape.padding[0] + r;
        const ix = ox * shape.stride[1] - shape.padding[1] + s;
        if (iy < 0 || iy >= shape.h || ix < 0 || ix >= shape.w) continue;
        sum.add(values.input[flat(input, n, firstChannel + c, iy, ix)], values.weight[flat(weight, k, c, r, s)]);
      }
  return sum.element;
}

/** gx[n,c,iy,ix] = the sum of g[n,k,oy,ox] w[k,c',r,s] over the outputs whose tap (r, s) is this element. */
function inputElement(shape: ConvShape, values: ConvValues, index: number): ReferenceElement {
  const { input, weight, output } = tensorShapes(shape);
  const [n, c, iy, ix] = coordinates(index, input);
  const filters = shape.k / shape.groups;
  const firstFilter = Math.floor(c / weight[1]) * filters;
  const sum = new TermSum();
  for (let r = 0; r < weight[2]; ++r)
    for (let s = 0; s < weight[3]; ++s) {
      const oy = (iy + shape.padding[0] - r) / shape.stride[0];
      const ox = (ix + shape.padding[1] - s) / shape.stride[1];
      if (!Number.isInteger(oy) || !Number.isInteger(ox)) continue;
      if (oy < 0 || oy >= output[2] || ox < 0 || ox >= output[3]) continue;
      for (let k = firstFilter; k < firstFilter + filters; ++k)
        sum.add(values.output[flat(output, n, k, oy, ox)], values.weight[flat(weight, k, c % weight[1], r, s)]);
    }
  return sum.element;
}

/** gw[k,c',r,s] = the sum of g[n,k,oy,ox] x[n,c,iy,ix] over images and output pixels. */
function weightElement(shape: ConvShape, values: ConvValues, index: number): ReferenceElement {
  const { input, weight, output } = tensorShapes(shape);
  const [k, c, r, s] = coordinates(index, weight);
  const channel = Math.floor(k / (shape.k / shape.groups)) * weight[1] + c;
  const sum = new TermSum();
  for (let n = 0; n < shape.n; ++n)
    for (let oy = 0; oy < output[2]; ++oy)
      for (let ox = 0; ox < output[3]; ++ox) {
        const iy = oy * shape.stride[0] - shape.padding[0] + r;
        const ix = ox * shape.stride[1] - shape.padding[1] + s;
        if (iy < 0 || iy >= shape.h || ix < 0 || ix >= shape.w) continue;
        sum.add(values.output[flat(output, n, k, oy, ox)], values.input[flat(input, n, channel, iy, ix)]);
      }
  return sum.element;
}

const elementOf = { fwd: outputElement, bwd_d: inputElement, bwd_w: weightElement };

/** The element at a flat index of what a direction computes, from the values of the two other tensors. */
export function referenceElement(
  shape: ConvShape,
  direction: Direction,
  values: ConvValues,
  index: number,
): ReferenceElement {
  return elementOf[direction](shape, values, index);
}

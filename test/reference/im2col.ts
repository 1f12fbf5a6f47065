import { at, fill, type NdArray, ndarray, offsetOf } from './ndarray';
import { geometry, inside, tap, type WindowOptions } from './window';

export interface Im2colOptions extends WindowOptions {
  readonly kernelSize: number | readonly [number, number];
}

const kernelOf = (options: Im2colOptions): readonly [number, number] =>
  typeof options.kernelSize === 'number' ? [options.kernelSize, options.kernelSize] : options.kernelSize;

/** x: [N, C, H, W]; columns: [N, C*R*S, OH*OW], rows ordered C, R, S; padding reads 0. */
export function im2col(x: NdArray, options: Im2colOptions): NdArray {
  const [batch, channels, height, width] = x.shape;
  const [R, S] = kernelOf(options);
  const { h, w } = geometry([height, width], [R, S], options);
  return fill([batch, channels * R * S, h.output * w.output], ([n, row, column]) => {
    const c = Math.floor(row / (R * S));
    const iy = tap(h, Math.floor(column / w.output), Math.floor(row / S) % R);
    const ix = tap(w, column % w.output, row % S);
    return inside(h, iy) && inside(w, ix) ? at(x, n, c, iy, ix) : 0;
  });
}

/** The adjoint of `im2col`: each column entry is added to the input element it was read from. */
export function col2im(columns: NdArray, inputShape: readonly number[], options: Im2colOptions): NdArray {
  const [batch, channels, height, width] = inputShape;
  const [R, S] = kernelOf(options);
  const { h, w } = geometry([height, width], [R, S], options);
  const x = ndarray(inputShape);
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let r = 0; r < R; r++)
        for (let s = 0; s < S; s++)
          for (let oy = 0; oy < h.output; oy++)
            for (let ox = 0; ox < w.output; ox++) {
              const iy = tap(h, oy, r);
              const ix = tap(w, ox, s);
              if (!inside(h, iy) || !inside(w, ix)) continue;
              const value = at(columns, n, (c * R + r) * S + s, oy * w.output + ox);
              x.data[offsetOf(inputShape, [n, c, iy, ix])] += value;
            }
  return x;
}

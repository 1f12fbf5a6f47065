import { expectOneOf } from '../check';
import { ShapeError } from '../errors';
import { shapeText, sizeOf } from '../shape';
import type { AnyTensor } from '../tensor';

/** Numbers of terms of a weight's sums: forward, and backward. @internal */
export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/**
 * Of a weight [outputs, inputs, …kernel]: fan-in is inputs times the kernel's elements, fan-out outputs times those.
 *
 * @throws ShapeError for fewer than two axes.
 * @internal
 */
export function fansOf(op: string, { shape }: AnyTensor): Fans {
  if (shape.length < 2) {
    throw new ShapeError(
      `${op}: tensor must have two axes or more, [outputs, inputs, …kernel], given shape ${shapeText(shape)}`,
    );
  }
  const taps = sizeOf(shape.slice(2));
  return { fanIn: shape[1] * taps, fanOut: shape[0] * taps };
}

/** Which of the two is kept in balance. */
export type FanMode = 'fanIn' | 'fanOut';

/** @internal */
export function chosenFan(op: string, tensor: AnyTensor, mode: FanMode = 'fanIn'): number {
  return fansOf(op, tensor)[expectOneOf(op, 'mode', mode, ['fanIn', 'fanOut'])];
}

// What ops with one number per channel share: batch normalisation and local response normalisation.
import { expectSameShape } from '../check';
import { ShapeError } from '../errors';
import { type Shape, shapeText } from '../shape';
import type { AnyTensor } from '../tensor';
import { expectPartner } from './operands';
import { expectLayout } from './spatial';

/** A tensor seen as [outer, channels, inner]. @internal */
export type ChannelView = {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
};

/**
 * Activations of two to five axes: [N, C, …], or [N, …, C] with the layout 'NHWC'.
 *
 * @throws ShapeError for another rank; ArgumentError for an unknown layout.
 * @internal
 */
export function expectChannels(op: string, name: string, shape: Shape, layout: unknown): ChannelView {
  const last = expectLayout(op, layout);
  if (shape.length < 2 || shape.length > 5) {
    const form = last ? '[N, …, C]' : '[N, C, …]';
    throw new ShapeError(`${op}: ${name} must have 2 to 5 axes ${form}, given shape ${shapeText(shape)}`);
  }
  const axis = channelAxis(shape, layout);
  let outer = 1;
  let inner = 1;
  for (let i = 0; i < axis; i++) outer *= shape[i];
  for (let i = axis + 1; i < shape.length; i++) inner *= shape[i];
  return { outer, channels: shape[axis], inner };
}

/** `value` has one number for each channel of `input`, in its dtype and on its device. @internal */
export function expectPerChannel(
  op: string,
  input: AnyTensor,
  name: string,
  value: unknown,
  channels: number,
): asserts value is AnyTensor {
  expectPartner(op, 'input', input, name, value);
  expectSameShape(op, name, value, [channels], 'one number per channel');
}

/** The same for an operand that may be left out or null. @internal */
export function optionalPerChannel<T extends AnyTensor>(
  op: string,
  input: AnyTensor,
  name: string,
  value: T | null | undefined,
  channels: number,
): T | undefined {
  if (value === undefined || value === null) return undefined;
  expectPerChannel(op, input, name, value, channels);
  return value;
}

/** The axis of the channels of activations that have been checked. @internal */
export function channelAxis(shape: Shape, layout: unknown): number {
  return layout === 'NHWC' ? shape.length - 1 : 1;
}

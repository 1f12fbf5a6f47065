import { type Conv2dOptions, conv2d, grad, type Tensor } from 'receptive';
import { type ConvShape, type ConvTensors, type Direction, tensorShapes } from './shape';

export type ConvAlgorithm = Conv2dOptions['algorithm'];

/**
 * One run of a direction by receptive: enqueues it and returns its output. `output` is the gradient in the backward
 * directions.
 */
export function convRun(
  shape: ConvShape,
  direction: Direction,
  algorithm: ConvAlgorithm,
  { input, weight, output }: ConvTensors<Tensor>,
): () => Tensor {
  const { stride, padding, groups } = shape;
  const options = { stride, padding, groups, algorithm };
  const shapes = tensorShapes(shape);
  switch (direction) {
    case 'fwd':
      return () => conv2d(input, weight, options);
    case 'bwd_d':
      return () => grad.conv2dInput(shapes.input, weight, output, options);
    case 'bwd_w':
      return () => grad.conv2dWeight(input, shapes.weight, output, options);
  }
}

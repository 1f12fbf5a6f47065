import type { CommandLine } from '../commandLine';
import { suites, withBatch } from '../suites';
import type { ConvCase } from './measureCase';
import { type Layer, parseLayer, shapeText } from './notation';

/** The convolutions that a command line asks for, each in its directions. */
export function casesOf({ suite, shape, batch, filter, directions }: CommandLine): ConvCase[] {
  const layers: readonly Layer[] = shape === undefined ? suites[suite] : [parseLayer(shape)];
  const chosen = (batch === undefined ? layers : withBatch(layers, batch)).filter((layer) =>
    shapeText(layer.shape).includes(filter),
  );
  return directions.flatMap((direction) => chosen.map((layer) => ({ layer, direction })));
}

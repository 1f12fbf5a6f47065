import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConvShape, tensorShapes } from '../conv/shape';
import { benchFolder } from '../paths';
import { loadModule } from './modules';

interface Protobuf {
  parse(source: string): {
    root: {
      lookupType(name: string): {
        fromObject(value: object): object;
        encode(message: object): { finish(): Uint8Array };
      };
    };
  };
}

const float = 1;
const attributeTypes = { int: 2, ints: 7 };

/**
 * A model with one Conv node from `x` to `y`, its weights stored in it, so that the runtime can pack them when it
 * loads.
 */
export function convModel(shape: ConvShape, weight: Float32Array): Uint8Array {
  const { input, weight: dims, output } = tensorShapes(shape);
  const ints = (name: string, values: readonly number[]): object => ({ name, type: attributeTypes.ints, ints: values });
  const value = (name: string, extents: readonly number[]): object => ({
    name,
    type: { tensorType: { elemType: float, shape: { dim: extents.map((extent) => ({ dimValue: extent })) } } },
  });
  const node = {
    input: ['x', 'w'],
    output: ['y'],
    opType: 'Conv',
    attribute: [
      ints('kernel_shape', shape.kernel),
      ints('strides', shape.stride),
      ints('pads', [...shape.padding, ...shape.padding]),
      { name: 'group', type: attributeTypes.int, i: shape.groups },
    ],
  };
  const model = {
    irVersion: 8,
    producerName: 'receptive-bench',
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'conv',
      node: [node],
      initializer: [{ name: 'w', dims, dataType: float, rawData: new Uint8Array(weight.buffer) }],
      input: [value('x', input)],
      output: [value('y', output)],
    },
  };
  const schema = readFileSync(join(benchFolder, 'contenders', 'onnx.proto'), 'utf8');
  const type = loadModule<Protobuf>('protobufjs').parse(schema).root.lookupType('onnx.ModelProto');
  return type.encode(type.fromObject(model)).finish();
}

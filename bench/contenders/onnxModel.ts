// ONNX models, as ONNX Runtime loads them.
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
const attributeTypes = { float: 1, int: 2, ints: 7 };

/** An attribute of a node: a whole number, a list of them, or `{ float }`. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number };

export interface OnnxNode {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A value that is not stored. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A value stored in the model. */
export interface OnnxWeight extends OnnxValue {
  readonly data: Float32Array;
}

function attribute([name, value]: [string, OnnxAttribute]): object {
  if (typeof value === 'number') return { name, type: attributeTypes.int, i: value };
  if ('float' in value) return { name, type: attributeTypes.float, f: value.float };
  return { name, type: attributeTypes.ints, ints: value };
}

const typed = ({ name, shape }: OnnxValue): object => ({
  name,
  type: { tensorType: { elemType: float, shape: { dim: shape.map((extent) => ({ dimValue: extent })) } } },
});

const stored = ({ name, shape, data }: OnnxWeight): object => ({
  name,
  dims: shape,
  dataType: float,
  rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

/** A model of float32 values; `weights` are stored in it, so that the runtime can prepare them when it loads. */
export function onnxModel(
  nodes: readonly OnnxNode[],
  input: OnnxValue,
  output: OnnxValue,
  weights: readonly OnnxWeight[],
): Uint8Array {
  const model = {
    irVersion: 8,
    producerName: 'receptive-bench',
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'model',
      node: nodes.map(({ opType, inputs, output: name, attributes = {} }) => ({
        input: inputs,
        output: [name],
        opType,
        attribute: Object.entries(attributes).map(attribute),
      })),
      initializer: weights.map(stored),
      input: [typed(input)],
      output: [typed(output)],
    },
  };
  const schema = readFileSync(join(benchFolder, 'contenders', 'onnx.proto'), 'utf8');
  const type = loadModule<Protobuf>('protobufjs').parse(schema).root.lookupType('onnx.ModelProto');
  return type.encode(type.fromObject(model)).finish();
}

/** A model with one Conv node from `x` to `y`. */
export function convModel(shape: ConvShape, weight: Float32Array): Uint8Array {
  const { input, weight: dims, output } = tensorShapes(shape);
  const { kernel, stride, padding, groups: group } = shape;
  const attributes = { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding], group };
  return onnxModel(
    [{ opType: 'Conv', inputs: ['x', 'w'], output: 'y', attributes }],
    { name: 'x', shape: input },
    { name: 'y', shape: output },
    [{ name: 'w', shape: dims, data: weight }],
  );
}

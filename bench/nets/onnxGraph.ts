import { type OnnxNode, type OnnxWeight, onnxModel } from '../contenders/onnxModel';
import type { Attributes, Graph, GraphNode } from './graph';

const integers = (attributes: Attributes, name: string): readonly number[] => attributes[name] as readonly number[];
const integer = (attributes: Attributes, name: string): number => Number(attributes[name]);
const float = (attributes: Attributes, name: string): { float: number } => ({ float: attributes[name] as number });

const window = (attributes: Attributes) => ({
  kernel_shape: integers(attributes, 'kernel'),
  strides: integers(attributes, 'stride'),
  pads: integers(attributes, 'pads'),
});

const pooling = (attributes: Attributes) => ({ ...window(attributes), ceil_mode: integer(attributes, 'ceil') });

/** A node in ONNX's terms: its type, the order of its tensors, its attributes. */
type Form = readonly [
  opType: string,
  tensors: readonly string[],
  attributes?: (attributes: Attributes) => OnnxNode['attributes'],
];

const forms: Readonly<Record<string, Form>> = {
  conv: [
    'Conv',
    ['weight', 'bias'],
    (a) => ({ ...window(a), dilations: integers(a, 'dilation'), group: integer(a, 'groups') }),
  ],
  batchNorm: ['BatchNormalization', ['weight', 'bias', 'mean', 'variance'], (a) => ({ epsilon: float(a, 'epsilon') })],
  linear: ['Gemm', ['weight', 'bias'], () => ({ transB: 1 })],
  relu: ['Relu', []],
  tanh: ['Tanh', []],
  flatten: ['Flatten', [], (a) => ({ axis: integer(a, 'axis') })],
  maxPool: ['MaxPool', [], (a) => ({ ...pooling(a), dilations: integers(a, 'dilation') })],
  avgPool: ['AveragePool', [], (a) => ({ ...pooling(a), count_include_pad: integer(a, 'includePad') })],
  globalAvgPool: ['GlobalAveragePool', []],
  localResponseNorm: [
    'LRN',
    [],
    (a) => ({ size: integer(a, 'size'), alpha: float(a, 'alpha'), beta: float(a, 'beta'), bias: float(a, 'k') }),
  ],
  add: ['Add', []],
  concat: ['Concat', [], (a) => ({ axis: integer(a, 'axis') })],
};

const limits: readonly OnnxWeight[] = [
  { name: 'zero', shape: [], data: Float32Array.of(0) },
  { name: 'six', shape: [], data: Float32Array.of(6) },
];

function onnxNode({ op, inputs, output, attributes, tensors }: GraphNode): OnnxNode {
  if (op === 'relu6') return { opType: 'Clip', inputs: [...inputs, 'zero', 'six'], output };
  const form = forms[op] as Form | undefined;
  if (form === undefined) throw new Error(`ONNX has no form of ${op} here`);
  const [opType, roles, describe] = form;
  const weights = roles.flatMap((role) => (role in tensors ? [tensors[role]] : []));
  return { opType, inputs: [...inputs, ...weights], output, attributes: describe?.(attributes) };
}

/** The graph as an ONNX model, dropout left out; `weights` are those of its model. */
export function onnxOf(graph: Graph, weights: readonly OnnxWeight[]): Uint8Array {
  // What dropout gives is its input.
  const same = new Map(
    graph.nodes.flatMap(({ op, inputs, output }) => (op === 'dropout' ? [[output, inputs[0]]] : [])),
  );
  const resolve = (name: string): string => (same.has(name) ? resolve(same.get(name) as string) : name);
  const nodes = graph.nodes
    .filter(({ op }) => op !== 'dropout')
    .map((node) => onnxNode({ ...node, inputs: node.inputs.map(resolve) }));
  const used = new Set(graph.nodes.flatMap(({ tensors }) => Object.values(tensors)));
  return onnxModel(
    nodes,
    { name: graph.input, shape: graph.inputShape },
    { name: resolve(graph.output), shape: graph.outputShape },
    [...limits, ...weights.filter(({ name }) => used.has(name))],
  );
}

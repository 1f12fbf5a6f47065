// What a model of `receptive/nn` computes in inference, as a list of nodes: from it, the peers' forms of the model are made.
//
// The model runs once with a hook on every module. Layers are nodes; containers pass tensors on, and are seen by the memory that
// a tensor lies in, which a view shares; the two that compute something themselves, Concat and Residual, are nodes too.
import { noGrad, rand, type Tensor, tidy } from 'receptive';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Concat,
  Conv2d,
  Dropout,
  Flatten,
  GlobalAvgPool2d,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  Module,
  ReLU,
  ReLU6,
  Residual,
  Tanh,
} from 'receptive/nn';

/** A node's numbers; pads are [top, left, bottom, right]. */
export type Attributes = Readonly<Record<string, number | boolean | readonly number[]>>;

export interface GraphNode {
  readonly op: string;
  /** Names of values. */
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Attributes;
  /** Names of the model's tensors, by what they are to the node. */
  readonly tensors: Readonly<Record<string, string>>;
}

/** A model's nodes, each behind those that it needs. */
export interface Graph {
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly input: string;
  readonly output: string;
  readonly nodes: readonly GraphNode[];
}

type Pair = readonly [number, number];
type Padding =
  | number
  | string
  | readonly number[]
  | { readonly [side in 'top' | 'left' | 'bottom' | 'right']?: number };

const pair = (value: number | readonly number[] | undefined, fallback: number | Pair): Pair => {
  const given = value ?? fallback;
  return typeof given === 'number' ? [given, given] : [given[0], given[1]];
};

function padsOf(padding: unknown): readonly [number, number, number, number] {
  const given = (padding ?? 0) as Padding;
  if (given === 'same') throw new Error("no peer's form is made of padding 'same'");
  if (typeof given === 'string') return [0, 0, 0, 0];
  if (typeof given === 'object' && !Array.isArray(given)) {
    const { top = 0, left = 0, bottom = 0, right = 0 } = given as { [side: string]: number };
    return [top, left, bottom, right];
  }
  const [vertical, horizontal] = pair(given as number | readonly number[], 0);
  return [vertical, horizontal, vertical, horizontal];
}

type WindowOptions = Conv2d['options'] | MaxPool2d['options'] | AvgPool2d['options'];

const windowOf = (options: WindowOptions, kernel: Pair, stride: number | Pair): Attributes => ({
  kernel,
  stride: pair(options.stride as number | readonly number[] | undefined, stride),
  pads: padsOf(options.padding),
  dilation: pair((options as { dilation?: number | readonly number[] }).dilation, 1),
});

const pooling = ({ options }: MaxPool2d | AvgPool2d): Attributes => {
  const kernel = pair(options.kernelSize, 0);
  return { ...windowOf(options, kernel, kernel), ceil: options.ceilMode ?? false };
};

interface LayerNode {
  readonly op: string;
  readonly attributes?: Attributes;
  readonly tensors?: Readonly<Record<string, Tensor | null>>;
}

/** The node of a layer; null where it does nothing to such an input. */
type Describe = (layer: never, input: Tensor, output: Tensor) => LayerNode | null;

const layers = new Map<unknown, Describe>([
  [
    Conv2d,
    ({ options, weight, bias }: Conv2d) => {
      const [, , r, s] = weight.shape;
      const attributes = { ...windowOf(options, [r, s], 1), groups: options.groups ?? 1 };
      return { op: 'conv', attributes, tensors: { weight, bias } };
    },
  ],
  [
    BatchNorm2d,
    ({ options, weight, bias, runningMean: mean, runningVar: variance }: BatchNorm2d) => ({
      op: 'batchNorm',
      attributes: { epsilon: options.epsilon, momentum: options.momentum },
      tensors: { weight, bias, mean, variance },
    }),
  ],
  [Linear, ({ weight, bias }: Linear) => ({ op: 'linear', tensors: { weight, bias } })],
  [ReLU, () => ({ op: 'relu' })],
  [ReLU6, () => ({ op: 'relu6' })],
  [Tanh, () => ({ op: 'tanh' })],
  [Dropout, ({ p }: Dropout) => ({ op: 'dropout', attributes: { p } })],
  [Flatten, ({ startAxis }: Flatten) => ({ op: 'flatten', attributes: { axis: startAxis } })],
  [MaxPool2d, (layer: MaxPool2d) => ({ op: 'maxPool', attributes: pooling(layer) })],
  [
    AvgPool2d,
    (layer: AvgPool2d) => ({
      op: 'avgPool',
      attributes: { ...pooling(layer), includePad: layer.options.countIncludePad ?? true },
    }),
  ],
  [GlobalAvgPool2d, () => ({ op: 'globalAvgPool' })],
  [
    AdaptiveAvgPool2d,
    (_: AdaptiveAvgPool2d, input, output) => {
      if (String(input.shape) === String(output.shape)) return null;
      if (output.shape[2] === 1 && output.shape[3] === 1) return { op: 'globalAvgPool' };
      throw new Error(`no peer's form is made of adaptive pooling of [${input.shape}] to [${output.shape}]`);
    },
  ],
  [
    LocalResponseNorm,
    ({ options: { size, alpha = 1e-4, beta = 0.75, k = 1 } }: LocalResponseNorm) => ({
      op: 'localResponseNorm',
      attributes: { size, alpha, beta, k },
    }),
  ],
]);

const inputName = 'x';

const memoryOf = (tensor: Tensor): object => (tensor as unknown as { readonly _storage: object })._storage;

/** Also those that compute behind parts with other names. */
function allModules(model: Module): Module[] {
  const { body } = model as { readonly body?: unknown };
  const hidden = body instanceof Module ? [body as Module] : [];
  return [model, ...[...model.children(), ...hidden].flatMap(allModules)];
}

/** Collects nodes while a model runs. */
class Recorder {
  readonly nodes: GraphNode[] = [];
  readonly #values = new Map<object, string>();
  readonly #names: ReadonlyMap<Tensor, string>;

  constructor(model: Module) {
    this.#names = new Map(
      [...model.namedParameters(), ...model.namedBuffers()].map(([name, tensor]) => [tensor as Tensor, name]),
    );
  }

  /** Names the model's input, and returns the name of its output behind `run`. */
  record(input: Tensor, run: (input: Tensor) => Tensor): string {
    this.#values.set(memoryOf(input), inputName);
    return this.#name(run(input));
  }

  #name(tensor: Tensor): string {
    const known = this.#values.get(memoryOf(tensor));
    if (known === undefined) throw new Error('a module computes something that is no layer: its form is not known');
    return known;
  }

  #addLayer(input: string, node: LayerNode | null, output: Tensor): void {
    if (node === null) this.#values.set(memoryOf(output), input);
    else this.#add(node.op, [input], output, node.attributes, node.tensors);
  }

  #add(
    op: string,
    inputs: readonly string[],
    output: Tensor,
    attributes: Attributes = {},
    tensors: LayerNode['tensors'] = {},
  ): void {
    const named = Object.entries(tensors).flatMap(([role, tensor]) =>
      tensor === null ? [] : [[role, this.#names.get(tensor) as string]],
    );
    const value = `v${this.nodes.length}`;
    this.nodes.push({ op, inputs, output: value, attributes, tensors: Object.fromEntries(named) });
    this.#values.set(memoryOf(output), value);
  }

  /** Hooks for all modules of the model; returns what removes them. */
  watch(model: Module): () => void {
    const ran = new Map<Module, { readonly input: string; readonly output: string }>();
    const outputOf = (module: Module): string => ran.get(module)?.output as string;
    const sum = ({ body, shortcut }: Residual, output: Tensor): void => {
      const around = shortcut === null ? (ran.get(body)?.input as string) : outputOf(shortcut);
      this.#add('add', [outputOf(body), around], output);
    };
    const modules = [...new Set(allModules(model))];
    // The sum that an activation takes is not seen otherwise.
    const sums = new Map(
      modules.flatMap((one) => (one instanceof Residual && one.activation !== null ? [[one.activation, one]] : [])),
    );
    const hooks = modules.map((module) =>
      module.registerForwardHook((_, [input], output) => {
        const before = sums.get(module);
        if (before !== undefined) sum(before, input);
        const from = this.#name(input);
        const layer = layers.get(module.constructor);
        if (layer !== undefined) this.#addLayer(from, layer(module as never, input, output), output);
        else if (module instanceof Concat)
          this.#add('concat', module.children().map(outputOf), output, { axis: module.axis });
        else if (module instanceof Residual && module.activation === null) sum(module, output);
        ran.set(module, { input: from, output: this.#name(output) });
      }),
    );
    return () => {
      for (const remove of hooks) remove();
    };
  }
}

/**
 * The graph of a model for inputs of a shape. The model must be in inference.
 *
 * @throws Error where a part of it has no form here.
 */
export function graphOf(model: Module, inputShape: readonly number[]): Graph {
  const recorder = new Recorder(model);
  const remove = recorder.watch(model);
  try {
    return noGrad(() =>
      tidy(() => {
        let outputShape: readonly number[] = [];
        const output = recorder.record(rand(inputShape), (input) => {
          const result = model.call(input);
          outputShape = result.shape;
          return result;
        });
        return { inputShape, outputShape, input: inputName, output, nodes: recorder.nodes };
      }),
    );
  } finally {
    remove();
  }
}

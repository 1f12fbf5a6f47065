import { expectOptions } from '../check';
import { zeros } from '../creation';
import { bytesPerElement, type DType, type FloatDType } from '../dtype';
import { table } from '../report/text';
import { tidy } from '../scope';
import { expectShape, type Shape, shapeText, sizeOf } from '../shape';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor, Tensor } from '../tensor';
import { expectModule, type Module } from './module';

/** A layer as it ran: a module without modules below it, or with parameters of its own. */
export interface SummaryRow {
  /** Dotted name; '' for the model itself. */
  readonly name: string;
  /** Name of its class. */
  readonly type: string;
  readonly outputShape: readonly number[];
  /** Output elements per sample of layers that sum weighted inputs (convolution, `Linear`); 0 for others. */
  readonly neurons: number;
  /** Elements of its own parameters; 0 where an earlier row has counted them. */
  readonly parameters: number;
  /** Multiplications with an addition each of weighted sums, for the whole batch. */
  readonly multiplyAdds: number;
  /** Size of the output, for the whole batch. */
  readonly activationBytes: number;
}

/** Numbers of a model for an input shape. */
export interface Summary {
  /** In the order in which the layers ran. */
  readonly rows: readonly SummaryRow[];
  /** Sums over the rows; parameters also of modules that did not run. */
  readonly total: {
    readonly neurons: number;
    readonly parameters: number;
    readonly multiplyAdds: number;
    readonly activationBytes: number;
  };
  /** A table of all that. */
  toString(): string;
}

/** The row of one call. */
function rowOf<D extends DType>(
  name: string,
  module: Module<D>,
  input: Shape,
  output: Tensor<D>,
  counted: Set<AnyTensor>,
): SummaryRow {
  const { shape, size, dtype } = output;
  const own = module._ownSlots('').filter(({ kind, tensor }) => kind === 'parameter' && !counted.has(tensor));
  for (const { tensor } of own) counted.add(tensor);
  const multiplyAdds = module.multiplyAdds(input, shape);
  return {
    name,
    type: module.constructor.name,
    outputShape: shape,
    neurons: multiplyAdds > 0 ? sizeOf(shape.slice(1)) : 0,
    parameters: own.reduce((sum, { tensor }) => sum + tensor.size, 0),
    multiplyAdds,
    activationBytes: size * bytesPerElement(dtype),
  };
}

/** Calls `fn` with the model in inference, and leaves every module as it was. */
function inInference<D extends DType>(model: Module<D>, fn: () => void): void {
  const before = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    fn();
  } finally {
    for (const [module, training] of before) module.training = training;
  }
}

function text(rows: readonly SummaryRow[], total: Summary['total']): string {
  const numbers = ({ neurons, parameters, multiplyAdds, activationBytes }: Summary['total']): string[] =>
    [neurons, parameters, multiplyAdds, activationBytes].map((value) => value.toLocaleString('en-US'));
  const names = ['name', 'type', 'output shape'];
  const head = [...names, 'neurons', 'parameters', 'multiply-adds', 'activation bytes'];
  return table(
    head,
    [
      ...rows.map((row) => [row.name, row.type, shapeText(row.outputShape), ...numbers(row)]),
      ['total', '', '', ...numbers(total)],
    ],
    head.map((title) => (names.includes(title) ? 'left' : 'right')),
    '-',
  );
}

/**
 * What a model consists of: runs it once, in inference and off the tape, on zeros, and lists its layers as they ran.
 *
 * @param inputShape With the batch: [1, 3, 224, 224].
 * @param options `dtype` and `device` of the input; those of the first parameter if left out.
 * @throws What the model throws for such an input; ArgumentError, ShapeError.
 * @example console.log(String(summary(model, [1, 1, 28, 28])));
 */
export function summary<D extends DType>(
  model: Module<D>,
  inputShape: readonly number[],
  options?: { readonly dtype?: FloatDType; readonly device?: string },
): Summary {
  const op = 'summary';
  expectModule<D>(op, 'model', model);
  const shape = expectShape(op, 'inputShape', inputShape);
  const [first] = model.parameters() as AnyTensor[];
  const { dtype = (first?.dtype ?? 'float32') as FloatDType, device = first?.device } = expectOptions(op, options, [
    'dtype',
    'device',
  ]);
  const rows: SummaryRow[] = [];
  const counted = new Set<AnyTensor>();
  const remove: (() => void)[] = [];
  try {
    for (const [name, module] of model.namedModules()) {
      if (module.children().length > 0 && module._ownSlots('').length === 0) continue;
      const hook = (_: Module<D>, [input]: readonly Tensor<D>[], output: Tensor<D>): void => {
        rows.push(rowOf(name, module, input.shape, output, counted));
      };
      remove.push(module.registerForwardHook(hook));
    }
    inInference(model, () =>
      noGrad(() =>
        tidy(() => {
          model.call(zeros(shape, { dtype, device }) as AnyTensor as Tensor<D>);
        }),
      ),
    );
  } finally {
    for (const one of remove) one();
  }
  const sum = (key: 'neurons' | 'multiplyAdds' | 'activationBytes'): number =>
    rows.reduce((result, row) => result + row[key], 0);
  const total = {
    neurons: sum('neurons'),
    parameters: model.parameters().reduce((count, { size }) => count + size, 0),
    multiplyAdds: sum('multiplyAdds'),
    activationBytes: sum('activationBytes'),
  };
  return { rows, total, toString: () => text(rows, total) };
}

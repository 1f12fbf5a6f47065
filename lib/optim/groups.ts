// Reading the parameters of an optimiser: tensors, or groups of them with settings of their own.
import { expectFloat, expectOptions, expectTensor } from '../check';
import { ArgumentError } from '../errors';
import { type AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';

/** The numbers and flags of an optimiser, by name; every one has a learning rate. */
export interface OptimizerSettings {
  /** Finite, >= 0. */
  learningRate: number;
}

/** Parameters that share their settings. The settings may be changed between steps, as schedules do. */
export type ParameterGroup<S extends OptimizerSettings = OptimizerSettings> = S & {
  /** In the order given. */
  readonly parameters: readonly AnyTensor[];
};

/** Parameters with settings of their own; what is left out is as the optimiser's options say. */
export type ParameterGroupOptions<S extends OptimizerSettings> = Partial<S> & {
  readonly parameters: Iterable<AnyTensor>;
};

/** What an optimiser updates: float tensors, or groups of them. */
export type OptimizerParameters<S extends OptimizerSettings> = Iterable<AnyTensor> | Iterable<ParameterGroupOptions<S>>;

/** The elements of an iterable of tensors or objects. @internal */
export function elementsOf<T>(op: string, name: string, value: Iterable<T>, what: string): T[] {
  const iterable = value !== null && typeof value === 'object' && typeof value[Symbol.iterator] === 'function';
  if (!iterable) throw new ArgumentError(`${op}: ${name} must be an iterable of ${what}, given ${describe(value)}`);
  return [...value];
}

/** Live float tensors. @internal */
export function expectParameters(op: string, name: string, values: readonly unknown[]): asserts values is AnyTensor[] {
  for (const [i, value] of values.entries()) {
    expectTensor(op, `${name}[${i}]`, value);
    expectFloat(op, `${name}[${i}]`, value);
  }
}

/** An operation's result is computed anew in each run: what a step writes into it would be lost. */
function expectLeaves(op: string, name: string, tensors: readonly AnyTensor[]): void {
  const i = tensors.findIndex(({ _source }) => _source !== null);
  if (i < 0) return;
  throw new ArgumentError(
    `${op}: ${name}[${i}] is the result of ${tensors[i]._source?.node.rule.op} on tensors that require grad, and no parameter`,
  );
}

/**
 * The groups of an optimiser, of which tensors alone make one. No tensor may appear twice.
 *
 * @param check Throws unless the settings are right; the first argument begins its message.
 * @internal
 */
export function readGroups<S extends OptimizerSettings>(
  op: string,
  given: OptimizerParameters<S>,
  defaults: S,
  check: (op: string, settings: S) => void,
): ParameterGroup<S>[] {
  const elements = elementsOf<AnyTensor | ParameterGroupOptions<S>>(op, 'parameters', given, 'tensors or groups');
  if (elements.length === 0)
    throw new ArgumentError(`${op}: parameters has no elements, so there is nothing to update`);
  const grouped = !(elements[0] instanceof Tensor) && elements[0] !== null && typeof elements[0] === 'object';
  const names = Object.keys(defaults) as (keyof S & string)[];
  const groups = (grouped ? elements : [{ parameters: elements }]).map((element, i) => {
    const path = grouped ? `${op}: parameters[${i}]` : op;
    if (element instanceof Tensor) {
      throw new ArgumentError(`${op}: parameters[${i}] is a Tensor, but parameters[0] a group; give all in groups`);
    }
    const { parameters, ...own } = expectOptions(path, element as ParameterGroupOptions<S>, ['parameters', ...names]);
    const inner = grouped ? `parameters[${i}].parameters` : 'parameters';
    const tensors = elementsOf<unknown>(op, inner, parameters as Iterable<AnyTensor>, 'tensors');
    expectParameters(op, inner, tensors);
    expectLeaves(op, inner, tensors);
    const settings = { ...defaults, ...definedOf(own) } as S;
    check(path, settings);
    return { ...settings, parameters: Object.freeze(tensors) } as ParameterGroup<S>;
  });
  expectDistinct(op, groups);
  return groups;
}

/** Without names whose value is undefined, which count as left out. @internal */
export function definedOf<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function expectDistinct(op: string, groups: readonly ParameterGroup[]): void {
  const seen = new Set<AnyTensor>();
  for (const tensor of groups.flatMap(({ parameters }) => parameters)) {
    if (seen.has(tensor)) {
      throw new ArgumentError(
        `${op}: ${tensor.toString()} appears twice among the parameters, and would be updated twice`,
      );
    }
    seen.add(tensor);
  }
}

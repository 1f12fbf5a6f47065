// What an optimiser keeps for each parameter between steps, and the form in which it is saved.
import { expectInteger, expectSameShape, expectTensor } from '../check';
import { zeros } from '../creation';
import type { FloatDType } from '../dtype';
import { ArgumentError, DTypeError } from '../errors';
import { keep, tidy } from '../scope';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import type { OptimizerSettings } from './groups';

/** What `stateDict()` says of one parameter. */
export interface SavedParameter {
  /** Number of steps it has taken. */
  readonly step: number;
  /** Names of its state; the tensor `name` of parameter i is `tensors['i.name']`. */
  readonly state: readonly string[];
}

/** An optimiser's state: tensors, and plain values that survive JSON. */
export interface OptimizerState {
  /** `0.velocity`: the name after the parameter's position, counted through all groups. */
  readonly tensors: Readonly<Record<string, AnyTensor>>;
  readonly values: {
    /** Name of the optimiser's class. */
    readonly optimizer: string;
    /** Settings of each group, and the number of its parameters. */
    readonly groups: readonly { readonly parameters: number; readonly settings: OptimizerSettings }[];
    /** Of all groups, one after the other. */
    readonly parameters: readonly SavedParameter[];
  };
}

/** A parameter with its state: tensors like it, which outlive every scope. */
export class ParameterState {
  readonly parameter: AnyTensor;
  /** Steps taken. */
  step = 0;
  #tensors = new Map<string, AnyTensor>();

  /** @internal */
  constructor(parameter: AnyTensor) {
    this.parameter = parameter;
  }

  /** Whether there is a tensor of that name. */
  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** The tensor of that name, zeros at first. */
  tensor(name: string): AnyTensor {
    const existing = this.#tensors.get(name);
    if (existing !== undefined) return existing;
    const { shape, dtype, device } = this.parameter;
    const made: AnyTensor = keep(zeros(shape, { dtype: dtype as FloatDType, device }));
    this.#tensors.set(name, made);
    return made;
  }

  /** @internal */
  get names(): string[] {
    return [...this.#tensors.keys()];
  }

  /** Takes over new state and disposes what there was. @internal */
  replace(step: number, tensors: Map<string, AnyTensor>): void {
    this.dispose();
    for (const tensor of tensors.values()) keep(tensor);
    this.step = step;
    this.#tensors = tensors;
  }

  /** @internal */
  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** A list of a given length. @internal */
export function expectList(
  op: string,
  name: string,
  value: unknown,
  length: number,
): readonly Record<string, unknown>[] {
  if (!Array.isArray(value) || value.length !== length || !value.every(isObject)) {
    throw new ArgumentError(
      `${op}: ${name} must be ${length} objects, as many as this optimizer has, given ${describe(value)}`,
    );
  }
  return value;
}

/** Checks the outer form of a state and whose it is. @internal */
export function expectSavedBy(op: string, state: unknown, optimizer: string): asserts state is OptimizerState {
  if (!isObject(state) || !isObject(state.tensors) || !isObject(state.values)) {
    throw new ArgumentError(`${op}: state must be an object with tensors and values, given ${describe(state)}`);
  }
  if (state.values.optimizer !== optimizer) {
    throw new ArgumentError(
      `${op}: the state is of ${describe(state.values.optimizer)}, this optimizer is '${optimizer}'`,
    );
  }
}

/** Checks one saved tensor against its parameter. */
function expectSaved(op: string, key: string, tensor: unknown, parameter: AnyTensor): asserts tensor is AnyTensor {
  const name = `tensors['${key}']`;
  expectTensor(op, name, tensor);
  if (tensor.dtype !== parameter.dtype) {
    throw new DTypeError(`${op}: ${name} must be ${parameter.dtype} like its parameter, given ${tensor.dtype}`);
  }
  expectSameShape(op, name, tensor, parameter.shape, 'as its parameter');
}

/**
 * The saved state of each parameter, checked and copied: the tensors given stay the caller's.
 *
 * @param allowed Names of state that this optimiser may have.
 * @internal
 */
export function copySaved(
  op: string,
  { tensors, values }: OptimizerState,
  states: readonly ParameterState[],
  allowed: readonly string[],
): { step: number; tensors: Map<string, AnyTensor> }[] {
  const saved = expectList(op, 'values.parameters', values.parameters, states.length);
  const expected = new Set<string>();
  for (const [i, { state }] of saved.entries()) {
    if (!Array.isArray(state) || !state.every((name) => allowed.includes(name))) {
      const names = allowed.join(', ') || 'none';
      throw new ArgumentError(
        `${op}: values.parameters[${i}].state must list names among ${names}, given ${describe(state)}`,
      );
    }
    for (const name of state) {
      expected.add(`${i}.${name}`);
      expectSaved(op, `${i}.${name}`, tensors[`${i}.${name}`], states[i].parameter);
    }
  }
  const stray = Object.keys(tensors).find((key) => !expected.has(key));
  if (stray !== undefined)
    throw new ArgumentError(`${op}: tensors['${stray}'] belongs to no parameter of this optimizer`);
  return tidy(() =>
    saved.map(({ step, state }, i) => ({
      step: expectInteger(op, `values.parameters[${i}].step`, step, 0),
      tensors: new Map(
        (state as string[]).map((name) => [name, copyTo(tensors[`${i}.${name}`], states[i].parameter.device)]),
      ),
    })),
  );
}

const copyTo = (tensor: AnyTensor, device: string): AnyTensor =>
  tensor.device === device ? tensor.clone() : tensor.to(device);

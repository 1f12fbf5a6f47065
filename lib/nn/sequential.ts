import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import type { Tensor } from '../tensor';
import { describe } from '../text';
import { runChain } from './chain';
import type { Field } from './field';
import { expectModule, Module } from './module';

/** Modules in a list, named by their place, or by name. @internal */
export function namedList<D extends DType>(
  op: string,
  argument: string,
  given: readonly Module<D>[] | Readonly<Record<string, Module<D>>>,
): [name: string, module: Module<D>][] {
  if (typeof given !== 'object' || given === null || given instanceof Module) {
    throw new ArgumentError(`${op}: ${argument} must be an array or an object of modules, given ${describe(given)}`);
  }
  const entries = Array.isArray(given)
    ? given.map((module: Module<D>, i): [string, Module<D>] => [String(i), module])
    : Object.entries(given);
  for (const [name, module] of entries) {
    if (name === '' || name.includes('.')) {
      throw new ArgumentError(`${op}: names must not be empty and have no dot, given '${name}'`);
    }
    expectModule(op, Array.isArray(given) ? `${argument}[${name}]` : `${argument}.${name}`, module);
  }
  return entries;
}

/**
 * Modules one after the other, each on what the one before gave. What is in between is disposed as soon as the next module has
 * it; a hook that wants to hold it needs `keep()`.
 */
export class Sequential<D extends DType = 'float32'> extends Module<D> {
  readonly #named: readonly [name: string, module: Module<D>][];
  readonly #layers: readonly Module<D>[];

  /**
   * @param layers A list, whose names are '0', '1' …, or an object of modules by name. None: the output is the input.
   * @throws ArgumentError when one is no module, or a name has a dot.
   * @example new Sequential({ conv: new Conv2d(3, 8, 3), act: new ReLU() });
   */
  constructor(layers: readonly Module<D>[] | Readonly<Record<string, Module<D>>>) {
    super();
    this.#named = namedList('Sequential', 'layers', layers);
    this.#layers = this.#named.map(([, layer]) => layer);
  }

  /** Number of modules. */
  get length(): number {
    return this.#layers.length;
  }

  /** The module at a place; negative counts from the end. */
  at(index: number): Module<D> | undefined {
    return this.#layers.at(index);
  }

  override namedChildren(): [name: string, module: Module<D>][] {
    return [...this.#named];
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return runChain(this.#layers, input);
  }

  override extendField(field: Field): Field {
    return this.#layers.reduce((extended, layer) => layer.extendField(extended), field);
  }
}

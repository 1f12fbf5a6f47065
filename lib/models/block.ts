import type { DType } from '../dtype';
import type { Field } from '../nn/field';
import { Module } from '../nn/module';
import type { Tensor } from '../tensor';

/**
 * A module that computes by another, but gives the parts of that one names of its own: those which other programs use in their
 * states, whatever containers compute here.
 */
export class Block<D extends DType> extends Module<D> {
  /** What computes. */
  readonly body: Module<D>;
  readonly #parts: readonly [name: string, module: Module<D>][];

  /** @param parts All modules of `body` that have parameters, buffers or a training mode. */
  constructor(body: Module<D>, parts: Readonly<Record<string, Module<D>>>) {
    super();
    this.body = body;
    this.#parts = Object.entries(parts);
  }

  override namedChildren(): [name: string, module: Module<D>][] {
    return [...this.#parts];
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return this.body.call(input);
  }

  override extendField(field: Field): Field {
    return this.body.extendField(field);
  }
}

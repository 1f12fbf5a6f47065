import type { DType } from '../dtype';
import type { Field } from './field';
import { Module } from './module';

/** A module whose output at a position depends on its input at that position, in all channels. */
export abstract class Pointwise<D extends DType> extends Module<D> {
  override extendField(field: Field): Field {
    return field;
  }
}

import { expectInteger } from '../check';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { add } from '../ops/binary';
import { concat } from '../ops/concat';
import { maxRank } from '../shape';
import { checkpoint } from '../tape/checkpoint';
import type { AnyTensor, Tensor } from '../tensor';
import { release } from './chain';
import { type Field, uniteFields } from './field';
import { expectModule, Module } from './module';
import { namedList } from './sequential';

/** A block with a way around it (He et al. 2016, Deep residual learning): activation(body(x) + shortcut(x)). */
export class Residual<D extends DType = 'float32'> extends Module<D> {
  readonly body: Module<D>;
  readonly shortcut: Module<D> | null;
  readonly activation: Module<D> | null;

  /**
   * @param body What is learnt.
   * @param shortcut What the input passes on its way around, where shapes differ; nothing if left out.
   * @param activation Applied to the sum; none if left out.
   * @throws ArgumentError when one is no module.
   */
  constructor(body: Module<D>, shortcut?: Module<D> | null, activation?: Module<D> | null) {
    super();
    expectModule<D>('Residual', 'body', body);
    for (const [name, value] of Object.entries({ shortcut, activation })) {
      if (value !== undefined && value !== null) expectModule('Residual', name, value);
    }
    this.body = body;
    this.shortcut = shortcut ?? null;
    this.activation = activation ?? null;
  }

  override forward(input: Tensor<D>): Tensor<D> {
    const learnt = this.body.call(input);
    const around = this.shortcut === null ? input : this.shortcut.call(input);
    const sum = add(learnt as Tensor<DType>, around as Tensor<DType>) as Tensor<D>;
    // Not at the end only: they are the largest tensors of many networks.
    for (const one of [learnt, around]) if (one !== input) release(one as AnyTensor);
    return this.activation === null ? sum : this.activation.call(sum);
  }

  override extendField(field: Field): Field {
    const around = this.shortcut === null ? field : this.shortcut.extendField(field);
    const both = uniteFields('Residual', [this.body.extendField(field), around]);
    return this.activation === null ? both : this.activation.extendField(both);
  }
}

/** Modules side by side on one input, their outputs joined along an axis (Szegedy et al. 2015, Going deeper). */
export class Concat<D extends DType = 'float32'> extends Module<D> {
  readonly axis: number;
  readonly #branches: readonly [name: string, module: Module<D>][];

  /**
   * @param branches One or more, in a list, whose names are '0', '1' …, or by name.
   * @param axis Axis of the outputs; 1 if left out, the channels of NCHW.
   * @throws ArgumentError when one is no module, or there is none.
   */
  constructor(branches: readonly Module<D>[] | Readonly<Record<string, Module<D>>>, axis = 1) {
    super();
    this.#branches = namedList('Concat', 'branches', branches);
    if (this.#branches.length === 0) throw new ArgumentError('Concat: branches must have one module or more');
    this.axis = expectInteger('Concat', 'axis', axis, -maxRank, maxRank - 1);
  }

  override namedChildren(): [name: string, module: Module<D>][] {
    return [...this.#branches];
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return concat(
      this.#branches.map(([, branch]) => branch.call(input)),
      this.axis,
    );
  }

  override extendField(field: Field): Field {
    return uniteFields(
      'Concat',
      this.#branches.map(([, branch]) => branch.extendField(field)),
    );
  }
}

/**
 * A block that keeps nothing for backward but its input, and runs again when backward comes: memory for time, see `checkpoint`.
 * Hooks within it run again too, and running statistics are updated twice.
 */
export class Checkpoint<D extends DType = 'float32'> extends Module<D> {
  readonly body: Module<D>;

  /** @throws ArgumentError when `body` is no module. */
  constructor(body: Module<D>) {
    super();
    expectModule<D>('Checkpoint', 'body', body);
    this.body = body;
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return checkpoint((x: Tensor<D>) => this.body.call(x), input as never) as Tensor<D>;
  }

  override extendField(field: Field): Field {
    return this.body.extendField(field);
  }
}

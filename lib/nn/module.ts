import { expectBoolean, expectTensor, isLive } from '../check';
import { resolveDevice } from '../deviceTable';
import type { DType } from '../dtype';
import { ArgumentError, UnsupportedError } from '../errors';
import { keep, tidy } from '../scope';
import type { Shape } from '../shape';
import { noGrad } from '../tape/noGrad';
import { type AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';
import type { Field } from './field';
import { dropGradient, isParameter, replaceParameter } from './parameter';
import { moduleText } from './print';
import { type LoadedNames, type LoadOptions, loadTensors, type ModuleState } from './state';

/**
 * Sees, and may replace, what a module gives: called with the module, the inputs and the output; a tensor that it returns
 * becomes the output, and whatever else it returns does not matter. What it keeps of them beyond the call it must `keep()` or `clone()`.
 */
export type ForwardHook<D extends DType> = (
  module: Module<D>,
  inputs: readonly Tensor<D>[],
  output: Tensor<D>,
) => unknown;

/** A tensor of a module, and where it is. @internal */
export interface Slot {
  readonly owner: AnyModule;
  readonly property: string;
  readonly name: string;
  readonly tensor: AnyTensor;
  readonly kind: 'parameter' | 'buffer';
}

/** A module of any element type. */
export type AnyModule = Module<DType>;

/**
 * A layer or a network of layers. Its parts are its own properties, in their order: modules, arrays of modules, tensors that
 * `parameter()` marked, and buffers that `registerBuffer()` named. Names are PyTorch's, joined by dots: `features.0.weight`.
 *
 * @example
 * class Net extends Module {
 *   features = new Sequential([new Conv2d(1, 8, 3), new ReLU(), new Flatten()]);
 *   classifier = new Linear(8 * 26 * 26, 10);
 *   forward(x: Tensor) {
 *     return this.classifier.call(this.features.call(x));
 *   }
 * }
 */
export abstract class Module<D extends DType = 'float32'> {
  /** Whether layers that differ in training (dropout, batch normalisation) do so; set by `train()` and `eval()`. */
  training = true;
  readonly #buffers = new Map<string, string>();
  /** In their order; replaced, so that a call goes through those that there were when it began. */
  #hooks: readonly ForwardHook<D>[] = [];

  /** What the module computes. Call `call()` instead, which also runs the hooks and frees what is in between. */
  abstract forward(...inputs: Tensor<D>[]): Tensor<D>;

  /**
   * Runs `forward` and then the hooks. Tensors made on the way that are not returned are disposed, as by `tidy()`; the tape
   * keeps what it needs.
   *
   * @throws What `forward` throws; ArgumentError when it returns no tensor.
   */
  call(...inputs: Tensor<D>[]): Tensor<D> {
    return tidy(() => {
      let output = this.forward(...inputs);
      if (!isLive(output)) expectTensor(`${this.constructor.name}.call`, 'what forward returned', output);
      for (const hook of this.#hooks) {
        const result = hook(this, inputs, output);
        if (result instanceof Tensor) output = result as AnyTensor as Tensor<D>;
      }
      return output;
    });
  }

  /**
   * Has `hook` called after each `forward`, behind the hooks registered before.
   *
   * @returns A function that removes it.
   * @throws ArgumentError when it is no function.
   */
  registerForwardHook(hook: ForwardHook<D>): () => void {
    if (typeof hook !== 'function') {
      throw new ArgumentError(`registerForwardHook: hook must be a function, given ${describe(hook)}`);
    }
    const own: ForwardHook<D> = (...call) => hook(...call); // the same function twice is two hooks
    this.#hooks = [...this.#hooks, own];
    return () => {
      this.#hooks = this.#hooks.filter((one) => one !== own);
    };
  }

  /**
   * Makes the tensor in a property part of the state though it is no parameter: running statistics, for example. It survives
   * every `tidy()`.
   *
   * @param property Name of the property, which the caller sets to the result.
   * @param tensor Any dtype.
   * @param name Name in the state; that of the property if left out.
   * @returns The tensor.
   * @throws ArgumentError when the tensor is none or a parameter; DisposedError.
   * @example readonly runningMean = this.registerBuffer('runningMean', zeros([4]), 'running_mean');
   */
  protected registerBuffer<E extends DType>(property: string, tensor: Tensor<E>, name = property): Tensor<E> {
    const op = `${this.constructor.name}.registerBuffer`;
    expectTensor(op, 'tensor', tensor);
    if (isParameter(tensor)) throw new ArgumentError(`${op}: ${property} is a parameter, which needs no registration`);
    this.#buffers.set(property, name);
    return keep(tensor as AnyTensor) as Tensor<E>;
  }

  /** The modules right below this one, by name. */
  namedChildren(): [name: string, module: Module<D>][] {
    const children: [string, Module<D>][] = [];
    for (const name of Object.keys(this)) {
      const value = Reflect.get(this, name) as unknown;
      if (value instanceof Module) children.push([name, value]);
      else if (Array.isArray(value)) {
        value.forEach((one, i) => {
          if (one instanceof Module) children.push([`${name}.${i}`, one]);
        });
      }
    }
    return children;
  }

  /** The modules right below this one. */
  children(): Module<D>[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module, named '', and all below it; one with several names under the first. */
  namedModules(): [name: string, module: Module<D>][] {
    const found = new Map<Module<D>, string>();
    for (const [name, module] of this.#all()) if (!found.has(module)) found.set(module, name);
    return [...found].map(([module, name]) => [name, module]);
  }

  /** This module and all below it, each once. */
  modules(): Module<D>[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Parameters by name; one with several names under the first. */
  namedParameters(): [name: string, parameter: Tensor<D>][] {
    return this.#named('parameter') as [string, Tensor<D>][];
  }

  /** Parameters, each once: what an optimiser takes. */
  parameters(): Tensor<D>[] {
    return this.namedParameters().map(([, tensor]) => tensor);
  }

  /** Buffers by name; one with several names under the first. */
  namedBuffers(): [name: string, buffer: AnyTensor][] {
    return this.#named('buffer');
  }

  /** Buffers, each once. */
  buffers(): AnyTensor[] {
    return this.namedBuffers().map(([, tensor]) => tensor);
  }

  /** Sets `training` here and in all modules below. @throws ArgumentError unless `mode` is true or false. */
  train(mode = true): this {
    expectBoolean(`${this.constructor.name}.train`, 'mode', mode);
    for (const module of this.modules()) {
      module.training = mode;
      if (mode) module._releaseDerived();
    }
    return this;
  }

  /** `train(false)`: for inference. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Moves parameters, their gradients and buffers. The tensors are replaced: make optimisers afterwards.
   *
   * @throws DeviceError when the device is unknown or not available; nothing has moved then.
   */
  to(device: string): this {
    const target = resolveDevice(`${this.constructor.name}.to`, device);
    const moved = new Map<AnyTensor, AnyTensor>();
    const slots = this._slots();
    for (const { tensor, kind } of slots) {
      if (tensor._device === target || moved.has(tensor)) continue;
      const copy = keep(noGrad(() => tensor.to(device)));
      if (kind === 'parameter') replaceParameter(copy, tensor.requiresGrad);
      const { grad } = tensor;
      if (grad !== null) copy.grad = keep(noGrad(() => grad.to(device)));
      moved.set(tensor, copy);
    }
    for (const { owner, property, tensor } of slots) {
      const copy = moved.get(tensor);
      if (copy !== undefined) Reflect.set(owner, property, copy);
    }
    for (const tensor of moved.keys()) {
      dropGradient(tensor);
      tensor.dispose();
    }
    return this;
  }

  /** Disposes the parameters' gradients and sets them to null. */
  zeroGrad(): void {
    for (const { tensor, kind } of this._slots()) if (kind === 'parameter') dropGradient(tensor);
  }

  /**
   * Parameters and buffers by name, under all their names, to be saved (`receptive/io`). The tensors are the module's own:
   * `clone()` what is to last, and dispose none.
   */
  stateDict(): ModuleState {
    return {
      tensors: Object.fromEntries(this._slots().map(({ name, tensor }) => [name, tensor])),
      values: {},
    };
  }

  /**
   * Copies the values of a state's tensors into the parameters and buffers of the same names.
   *
   * @param state What `stateDict()` gave, or `{ tensors }` with what `loadSafetensors()` read. On any device.
   * @param options `strict` (true): all names must be the same on both sides.
   * @returns The names that only one side has, which `strict` would refuse.
   * @throws ArgumentError for names, ShapeError for shapes and DTypeError for types that differ, DisposedError; nothing is
   *   changed then.
   */
  loadStateDict(state: Pick<ModuleState, 'tensors'>, options?: LoadOptions): LoadedNames {
    const ignored = this.namedModules().flatMap(([path, module]) =>
      module.ignoredNames().map((name) => (path === '' ? name : `${path}.${name}`)),
    );
    return loadTensors(`${this.constructor.name}.loadStateDict`, this.stateDict().tensors, state, ignored, options);
  }

  /** Names in states of other programs that this module has no use for, and which `loadStateDict()` lets pass. */
  protected ignoredNames(): readonly string[] {
    return [];
  }

  /** Disposes parameters, their gradients and buffers, of all modules below too. May be called again. */
  dispose(): void {
    for (const { tensor } of this._slots()) {
      dropGradient(tensor);
      tensor.dispose();
    }
    for (const module of this.modules()) module._releaseDerived();
  }

  /** The module and all below it, a line for each with its options and the shapes of its tensors. */
  toString(): string {
    return moduleText(this);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return moduleText(this);
  }

  /** `using model = …` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * The receptive field behind this module, given the one before it; a module of one's own says here what it does
   * (`receptiveField()` has the formulas). Modules that treat every position alone return `field`.
   *
   * @throws UnsupportedError where a class does not say.
   */
  extendField(field: Field): Field {
    void field;
    throw new UnsupportedError(
      `receptiveField: ${this.constructor.name} does not say how it extends a receptive field; it can override extendField()`,
    );
  }

  /** Multiplications of an input by a weight, each with an addition, in one `forward`; 0 unless a layer has such sums. */
  multiplyAdds(input: Shape, output: Shape): number {
    void input;
    void output;
    return 0;
  }

  /** Whether a hook sees what the module gives. @internal */
  get _hooked(): boolean {
    return this.#hooks.length > 0;
  }

  /** Disposes what the module keeps for inference and can make again. @internal */
  _releaseDerived(): void {}

  /** Parameters and buffers of this module and all below, under all their names. @internal */
  _slots(): Slot[] {
    const slots: Slot[] = [];
    for (const [path, module] of this.#all()) slots.push(...module._ownSlots(path === '' ? '' : `${path}.`));
    return slots;
  }

  /** @internal */
  _ownSlots(prefix: string): Slot[] {
    const slots: Slot[] = [];
    const owner = this as unknown as AnyModule;
    for (const property of Object.keys(this)) {
      const value = Reflect.get(this, property) as unknown;
      if (!(value instanceof Tensor)) continue;
      const tensor = value as AnyTensor;
      const buffer = this.#buffers.get(property);
      if (buffer !== undefined) {
        slots.push({ owner, property, name: prefix + buffer, tensor, kind: 'buffer' });
      } else if (isParameter(tensor)) {
        slots.push({ owner, property, name: prefix + property, tensor, kind: 'parameter' });
      } else if (!tensor.disposed && tensor.requiresGrad && tensor._source === null) {
        throw new ArgumentError(
          `${this.constructor.name}: ${property} requires grad but is no parameter; parameter() makes it one`,
        );
      }
    }
    return slots;
  }

  #named(kind: Slot['kind']): [string, AnyTensor][] {
    const found = new Map<AnyTensor, string>();
    for (const slot of this._slots()) {
      if (slot.kind === kind && !found.has(slot.tensor)) found.set(slot.tensor, slot.name);
    }
    return [...found].map(([tensor, name]) => [name, tensor]);
  }

  /** All modules from here down, under all their names. */
  #all(): [name: string, module: Module<D>][] {
    const found: [string, Module<D>][] = [];
    this.#addTo(found, '', []);
    return found;
  }

  /** `above` are the modules that contain this one. */
  #addTo(found: [string, Module<D>][], name: string, above: Module<D>[]): void {
    if (above.includes(this)) {
      throw new ArgumentError(`${above[0].constructor.name}: the module '${name}' is one of those that contain it`);
    }
    found.push([name, this]);
    above.push(this);
    for (const [child, module] of this.namedChildren()) {
      module.#addTo(found, name === '' ? child : `${name}.${child}`, above);
    }
    above.pop();
  }
}

/** @internal */
export function expectModule<D extends DType>(op: string, name: string, value: unknown): asserts value is Module<D> {
  if (!(value instanceof Module)) {
    throw new ArgumentError(`${op}: ${name} must be a Module, given ${describe(value)}`);
  }
}

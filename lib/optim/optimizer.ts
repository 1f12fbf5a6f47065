import { expectOptions, expectTensor, isLive } from '../check';
import { ArgumentError, DisposedError } from '../errors';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';
import { definedOf, type OptimizerParameters, type OptimizerSettings, type ParameterGroup, readGroups } from './groups';
import { copySaved, expectList, expectSavedBy, type OptimizerState, ParameterState } from './state';

/**
 * What all optimisers share: groups of parameters with settings, a step over those that have a gradient, and state that
 * can be saved and restored exactly. A subclass says what its settings must be (`check`) and how one parameter is updated
 * (`update`).
 *
 * Steps do not block: they are queued on the parameters' device as other operations are.
 */
export abstract class Optimizer<S extends OptimizerSettings = OptimizerSettings> {
  /** Parameters and their settings, which may be changed between steps: `optimizer.groups[0].learningRate = 0.01`. */
  readonly groups: readonly ParameterGroup<S>[];
  /** Name of the class, in messages and in saved state. */
  readonly name: string;
  readonly #settings: readonly (keyof S & string)[];
  readonly #stateNames: readonly string[];
  readonly #states: readonly ParameterState[];
  #disposed = false;

  /**
   * @param name The class's name.
   * @param parameters Float tensors, or groups `{ parameters, learningRate?, … }` whose settings replace those of
   *   `options`. None may appear twice.
   * @param options Settings by name; what is left out is as in `defaults`.
   * @param defaults A value for every setting there is.
   * @param stateNames Names of the state tensors that `update` may ask for.
   * @throws ArgumentError for a wrong setting, no parameters, or one that appears twice; DTypeError, DisposedError.
   */
  protected constructor(
    name: string,
    parameters: OptimizerParameters<S>,
    options: Partial<S> | undefined,
    defaults: S,
    stateNames: readonly string[],
  ) {
    this.name = name;
    this.#settings = Object.keys(defaults) as (keyof S & string)[];
    this.#stateNames = stateNames;
    const settings = { ...defaults, ...definedOf(expectOptions(name, options as S | undefined, this.#settings)) };
    this.groups = Object.freeze(readGroups(name, parameters, settings, (op, given) => this.check(op, given)));
    this.#states = this.groups.flatMap((group) => group.parameters.map((parameter) => new ParameterState(parameter)));
  }

  /** Throws ArgumentError unless the settings of a group are right; `op` begins the message. */
  protected abstract check(op: string, settings: S): void;

  /** Updates one parameter in place, within `noGrad()`. `state.step` counts the steps before this one. */
  protected abstract update(parameter: AnyTensor, gradient: AnyTensor, settings: S, state: ParameterState): void;

  /**
   * Updates every parameter whose `grad` is not null.
   *
   * @throws ArgumentError when a setting has been changed to something wrong; DisposedError when the optimiser, a
   *   parameter or a gradient has been disposed. Nothing is updated then.
   */
  step(): void {
    const op = `${this.name}.step`;
    this.#expectAlive(op);
    for (const group of this.groups) this.check(op, this.#settingsOf(group));
    const work: [gradient: AnyTensor, group: ParameterGroup<S>, state: ParameterState][] = [];
    let i = 0;
    for (let g = 0; g < this.groups.length; g++) {
      const group = this.groups[g];
      for (let k = 0; k < group.parameters.length; k++) {
        const parameter = group.parameters[k];
        const state = this.#states[i++];
        const name = (): string => `groups[${g}].parameters[${k}]`;
        if (!isLive(parameter)) expectTensor(op, name(), parameter);
        const gradient = parameter.grad;
        if (gradient === null) continue;
        if (!isLive(gradient)) expectTensor(op, `the gradient of ${name()}`, gradient);
        work.push([gradient, group, state]);
      }
    }
    noGrad(() => {
      for (const [gradient, group, state] of work) {
        this.update(state.parameter, gradient, group, state);
        state.step++;
      }
    });
  }

  /** Disposes the parameters' gradients and sets them to null. */
  zeroGrad(): void {
    for (const { parameter } of this.#states) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /**
   * Settings and state, to be saved: `tensors` by name, and `values` that survive JSON exactly. The tensors are the
   * optimiser's own, which the next step changes: `clone()` what is to last, and dispose none.
   *
   * @throws DisposedError.
   */
  stateDict(): OptimizerState {
    this.#expectAlive(`${this.name}.stateDict`);
    const named = this.#states.flatMap((state, i) => state.names.map((name) => [`${i}.${name}`, state.tensor(name)]));
    return {
      tensors: Object.fromEntries(named),
      values: {
        optimizer: this.name,
        groups: this.groups.map((group) => ({
          parameters: group.parameters.length,
          settings: this.#settingsOf(group),
        })),
        parameters: this.#states.map(({ step, names }) => ({ step, state: names })),
      },
    };
  }

  /**
   * Takes over settings and state that `stateDict()` gave, of an optimiser of the same class whose groups have as many
   * parameters of the same shapes and types: the steps that follow are the same, bit for bit. Tensors are copied.
   *
   * @throws ArgumentError, ShapeError or DTypeError when the state does not fit, DisposedError; nothing is changed then.
   */
  loadStateDict(state: OptimizerState): void {
    const op = `${this.name}.loadStateDict`;
    this.#expectAlive(op);
    expectSavedBy(op, state, this.name);
    const groups = expectList(op, 'values.groups', state.values.groups, this.groups.length);
    const settings = groups.map((saved, g) => this.#expectSettings(op, saved, g));
    const copies = noGrad(() => copySaved(op, state, this.#states, this.#stateNames));
    for (const [g, group] of this.groups.entries()) Object.assign(group, settings[g]);
    for (const [i, { step, tensors }] of copies.entries()) this.#states[i].replace(step, tensors);
  }

  /** Gives up the state, not the parameters; the optimiser cannot be used afterwards. May be called again. */
  dispose(): void {
    this.#disposed = true;
    for (const state of this.#states) state.dispose();
  }

  /** `using optimizer = …` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #settingsOf(group: ParameterGroup<S>): S {
    return Object.fromEntries(this.#settings.map((name) => [name, group[name]])) as unknown as S;
  }

  /** The settings of one saved group: all of them, of a group of the same size. */
  #expectSettings(op: string, saved: Record<string, unknown>, g: number): S {
    const path = `values.groups[${g}]`;
    const count = this.groups[g].parameters.length;
    if (saved.parameters !== count) {
      throw new ArgumentError(
        `${op}: ${path} has ${describe(saved.parameters)} parameters, this optimizer's has ${count}`,
      );
    }
    const settings = expectOptions(`${op}: ${path}.settings`, saved.settings as S, this.#settings);
    const missing = this.#settings.find((name) => settings[name] === undefined);
    if (missing !== undefined) throw new ArgumentError(`${op}: ${path}.settings has no ${missing}`);
    this.check(`${op}: ${path}.settings`, settings as S);
    return { ...(settings as S) };
  }

  #expectAlive(op: string): void {
    if (this.#disposed) throw new DisposedError(`${op}: the optimizer has been disposed`);
  }
}

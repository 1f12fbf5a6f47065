import { ArgumentError } from '../errors';
import { describe } from '../text';
import { isPlainObject } from './json';
import { expectNamedTensors, type NamedTensors } from './tensorData';

/** The state of something that can be saved. */
export interface StateDict {
  /** The object's own tensors: whoever gets them changes and disposes none. */
  readonly tensors: NamedTensors;
  /** Everything else, as plain data that JSON holds exactly. */
  readonly values: object;
}

/** Something with a state that can be saved and restored: a model, an optimiser, a schedule. */
export interface Stateful {
  stateDict(): StateDict;
  /**
   * Takes over a state that `stateDict()` gave. The tensors are copied, they stay the caller's.
   *
   * Throws where the state does not fit, and changes nothing then.
   */
  loadStateDict(state: StateDict): void;
}

/** Parts of a checkpoint. @internal */
export type Parts = Readonly<Record<string, Stateful>>;

/** No dot: the first one in a tensor's name ends the part's. */
const partName = /^[\w-]+$/;

/** @internal */
export function isPartName(name: string): boolean {
  return partName.test(name);
}

/** @internal */
export function expectParts(op: string, parts: unknown): Parts {
  if (parts === undefined) return {};
  if (!isPlainObject(parts)) {
    throw new ArgumentError(`${op}: parts must be an object of parts by name, given ${describe(parts)}`);
  }
  for (const [name, part] of Object.entries(parts)) {
    if (!isPartName(name)) {
      throw new ArgumentError(`${op}: parts has the name ${describe(name)}; letters, digits, _ and - are allowed`);
    }
    const { stateDict, loadStateDict } = (part ?? {}) as Partial<Stateful>;
    if (typeof stateDict !== 'function' || typeof loadStateDict !== 'function') {
      throw new ArgumentError(
        `${op}: parts.${name} must have stateDict() and loadStateDict(), given ${describe(part)}`,
      );
    }
  }
  return parts as Parts;
}

/** The state of a part, checked. @internal */
export function stateOf(op: string, name: string, part: Stateful): StateDict {
  const state: unknown = part.stateDict();
  if (!isPlainObject(state) || !isPlainObject(state.values)) {
    throw new ArgumentError(
      `${op}: parts.${name}.stateDict() must return an object of tensors and values, it returned ${describe(state)}`,
    );
  }
  const { tensors, values } = state;
  expectNamedTensors(op, `parts.${name}.stateDict().tensors`, tensors);
  return { tensors, values };
}

// States of modules: named tensors, compared in full before any of them is copied.
import { expectBoolean, expectOptions, expectTensor } from '../check';
import { ArgumentError, DTypeError, ShapeError } from '../errors';
import { tidy } from '../scope';
import { sameShape, shapeText } from '../shape';
import { noGrad } from '../tape/noGrad';
import type { AnyTensor } from '../tensor';
import { describe } from '../text';

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, AnyTensor>>;

/** What `stateDict()` of a module gives. */
export interface ModuleState {
  /** The module's own tensors: whoever gets them changes and disposes none. */
  readonly tensors: NamedTensors;
  /** A module's state is all in its tensors. */
  readonly values: Readonly<Record<string, never>>;
}

/** Options of `loadStateDict()`. */
export interface LoadOptions {
  /** Whether names that only one side has are an error; true if left out. */
  readonly strict?: boolean;
}

/** Names that only one side has, where `strict` is false. */
export interface LoadedNames {
  /** Names of the module that the state lacks: those tensors have not changed. */
  readonly missing: readonly string[];
  /** Names of the state that the module lacks. */
  readonly unexpected: readonly string[];
}

interface Copy {
  readonly to: AnyTensor;
  readonly from: AnyTensor;
}

/** @internal */
export function loadTensors(
  op: string,
  own: NamedTensors,
  state: { readonly tensors: NamedTensors },
  ignored: readonly string[],
  options: LoadOptions | undefined,
): LoadedNames {
  const { strict = true } = expectOptions(op, options, ['strict']);
  expectBoolean(op, 'strict', strict);
  const given: unknown = (state as Partial<typeof state> | null | undefined)?.tensors;
  if (typeof given !== 'object' || given === null) {
    throw new ArgumentError(`${op}: state must be an object with tensors, given ${describe(state)}`);
  }
  const tensors = given as NamedTensors;
  const missing = Object.keys(own).filter((name) => !Object.hasOwn(tensors, name));
  const unexpected = Object.keys(tensors).filter((name) => !Object.hasOwn(own, name) && !ignored.includes(name));
  if (strict && missing.length + unexpected.length > 0) {
    throw new ArgumentError(
      `${op}: names differ: ${listed('the state lacks', missing)}; ${listed('the module lacks', unexpected)}; ` +
        'strict: false takes what both have',
    );
  }
  const copies = Object.keys(own)
    .filter((name) => Object.hasOwn(tensors, name))
    .map((name): Copy => expectLike(op, name, own[name], tensors[name]));
  noGrad(() =>
    tidy(() => {
      // Everything that can fail comes before the first write.
      const near = copies.map(({ to, from }) => ({
        to,
        from: from._device === to._device ? from : from.to(to.device),
      }));
      for (const { to, from } of near) to.copy_(from);
    }),
  );
  return { missing, unexpected };
}

function expectLike(op: string, name: string, to: AnyTensor, from: unknown): Copy {
  expectTensor(op, `own tensor '${name}'`, to);
  expectTensor(op, `tensor '${name}'`, from);
  if (!sameShape(to.shape, from.shape)) {
    throw new ShapeError(
      `${op}: tensor '${name}' has shape ${shapeText(from.shape)}, the module's has ${shapeText(to.shape)}`,
    );
  }
  if (to.dtype !== from.dtype) {
    throw new DTypeError(`${op}: tensor '${name}' is ${from.dtype}, the module's is ${to.dtype}; cast() converts`);
  }
  return { to, from };
}

/** The first few of the names. */
function listed(what: string, names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return `${what} ${names.length === 0 ? 'none' : shown}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`;
}

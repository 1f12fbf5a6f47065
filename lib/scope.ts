// Who frees a tensor that nobody disposes: the scope it was made in, or else the garbage collector's notice.
import { ArgumentError } from './errors';
import { native } from './native';
import { type AnyTensor, Tensor } from './tensor';

interface Handle {
  readonly slot: number;
  readonly generation: number;
}

/** Backstop for tensors that become unreachable without dispose(). */
const registry = new FinalizationRegistry<Handle>(({ slot, generation }) => native.release(slot, generation));

/** Tensors made while the scope was the innermost one. The scope keeps them alive, so they need no backstop yet. */
class Scope {
  readonly outer: Scope | undefined;
  tensors: AnyTensor[] = [];
  private compactAt = 1024;

  constructor(outer: Scope | undefined) {
    this.outer = outer;
  }

  add(tensor: AnyTensor): void {
    this.tensors.push(tensor);
    // A loop that disposes as it goes must not make the list grow without end.
    if (this.tensors.length === this.compactAt) {
      this.tensors = this.tensors.filter((one) => !one.disposed);
      this.compactAt = 2 * Math.max(512, this.tensors.length);
    }
  }
}

let current: Scope | undefined;

// Tensors made outside of scopes since the last turn of the microtask queue. The collector's notice is registered when
// that turn comes, for those that still live: registering and unregistering costs as much as the rest of a small call,
// and most tensors are disposed by the code that made them. Nothing is lost, since finalizers do not run before either.
let recent: AnyTensor[] = [];
const maxRecent = 1024;
const settled = Promise.resolve();
let turnRequested = false;

/** Gives a new tensor to the innermost scope, or to the registry. @internal */
export function adopt(tensor: AnyTensor): void {
  if (current !== undefined) {
    current.add(tensor);
    return;
  }
  adoptLater(tensor);
}

/** Gives a tensor to the registry, beyond every scope, when the turn of the microtask queue ends. @internal */
export function adoptLater(tensor: AnyTensor): void {
  recent.push(tensor);
  if (!turnRequested) {
    turnRequested = true;
    void settled.then(endOfTurn);
  } else if (recent.length === maxRecent) {
    watchRecent();
  }
}

function endOfTurn(): void {
  turnRequested = false;
  watchRecent();
}

function watchRecent(): void {
  const tensors = recent;
  recent = [];
  for (const tensor of tensors) if (!tensor.disposed && !tensor._watched) watch(tensor);
}

function watch(tensor: AnyTensor): void {
  tensor._watched = true;
  registry.register(tensor, { slot: tensor._slot, generation: tensor._generation }, tensor);
}

/** @internal */
export function unwatch(tensor: AnyTensor): void {
  registry.unregister(tensor);
  tensor._watched = false;
}

const none: ReadonlySet<object> = new Set();

/**
 * Every object within `value`, tensors among them: itself, or in arrays, maps, sets and properties of objects, at any
 * depth.
 */
function objectsIn(value: unknown, found = new Set<object>()): ReadonlySet<object> {
  if (value === null || typeof value !== 'object' || found.has(value)) return found;
  found.add(value);
  if (value instanceof Tensor || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return found;
  if (value instanceof Map || value instanceof Set) {
    for (const entry of value.values()) objectsIn(entry, found);
  } else {
    for (const entry of Object.values(value)) objectsIn(entry, found);
  }
  return found;
}

/**
 * The result of a function that must finish before its scope ends: a promise is refused. Its rejection, if any, is of no
 * interest to anybody then.
 *
 * @internal
 */
export function refusePromise(op: string, result: unknown): void {
  const then = result !== null && typeof result === 'object' ? (result as { then?: unknown }).then : undefined;
  if (typeof then !== 'function') return;
  const ignore = () => {};
  then.call(result, ignore, ignore);
  throw new ArgumentError(`${op}: fn must be synchronous, but it returned a promise; await outside of ${op}()`);
}

/**
 * Calls `fn` and disposes every tensor made during the call, except those it returns (alone, or anywhere within arrays,
 * objects, maps and sets) and those given to `keep()`. Scopes nest: what an inner one returns belongs to the outer one.
 * If `fn` throws, everything it made is disposed.
 *
 * @param fn A synchronous function.
 * @returns What `fn` returned.
 * @throws ArgumentError when `fn` is no function or returns a promise.
 * @example const loss = tidy(() => mean(square(sub(y, t))));
 */
export function tidy<T>(fn: () => T): T {
  if (typeof fn !== 'function') throw new ArgumentError('tidy: fn must be a function');
  const scope = new Scope(current);
  current = scope;
  let survivor: unknown;
  let survivors = none;
  try {
    const result = fn();
    refusePromise('tidy', result);
    if (result instanceof Tensor) survivor = result;
    else if (scope.tensors.length > 0) survivors = objectsIn(result);
    return result;
  } finally {
    current = scope.outer;
    for (const tensor of scope.tensors) {
      if (tensor.disposed || tensor._watched) continue;
      if (tensor === survivor || survivors.has(tensor)) adopt(tensor);
      else tensor.dispose();
    }
  }
}

/**
 * Keeps a tensor beyond every `tidy()` around the call; it lives until `dispose()`.
 *
 * @returns The same tensor.
 * @throws ArgumentError when `tensor` is no tensor.
 */
export function keep<T extends AnyTensor>(tensor: T): T {
  if (!(tensor instanceof Tensor)) throw new ArgumentError('keep: tensor must be a Tensor');
  if (!tensor.disposed && !tensor._watched) watch(tensor);
  return tensor;
}

// What a profile needs from the JavaScript side: which profile a call belongs to, and the shapes it was called with.
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Attributes, words } from './boundary';
import { native } from './native';
import type { Shape } from './shape';

/** The convolution algorithms by their number at the boundary: the kernel, the public name, the variant of that name. */
export const algorithmNames = [
  { kernel: 'implicit', name: 'implicit', variant: null },
  { kernel: 'im2col', name: 'im2col', variant: null },
  { kernel: 'winogradF2', name: 'winograd', variant: 'winogradF2' },
  { kernel: 'winogradF4', name: 'winograd', variant: 'winogradF4' },
  { kernel: 'direct', name: 'direct', variant: null },
] as const;

/** The algorithm of a call, by the attributes that tell: a convolution's, or the library that a product is left to. */
function algorithmOf(attrs: Attributes | undefined): Pick<TracedCall, 'algorithm' | 'variant'> {
  const number = attrs?.algorithm;
  const known = typeof number === 'number' ? algorithmNames[number] : undefined;
  if (known !== undefined) return { algorithm: known.name, variant: known.variant };
  return { algorithm: typeof attrs?.library === 'number' && attrs.library > 0 ? 'cublas' : null, variant: null };
}

/** One call made under a profile. */
export interface TracedCall {
  readonly op: number;
  readonly device: number;
  /** `[inputs, outputs]`. */
  readonly shapes: readonly [readonly Shape[], readonly Shape[]];
  readonly algorithm: string | null;
  readonly variant: string | null;
}

/** A running profile; the addon records events under its token. */
export interface Trace {
  readonly token: number;
  readonly calls: TracedCall[];
}

/** Number of running profiles. While there is none, a call costs one comparison more. */
export const tracing = { active: 0 };

/** The profile of the current asynchronous context. */
export const traceStorage = new AsyncLocalStorage<Trace>();

/** Runs the op in the call buffer, recorded by the profile that the call was made under, if any. */
export function dispatchTraced(
  op: number,
  device: number,
  inputs: readonly { readonly shape: Shape }[],
  outputs: readonly Shape[],
  attrs: Attributes | undefined,
): void {
  const trace = traceStorage.getStore();
  if (trace === undefined) {
    native.dispatch();
    return;
  }
  words[4] = trace.token;
  native.dispatch();
  trace.calls.push({
    op,
    device,
    shapes: [inputs.map(({ shape }) => shape), [...outputs]],
    ...algorithmOf(attrs),
  });
}

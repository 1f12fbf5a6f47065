// Checks of plain values. They know nothing of tensors, so that code which runs without the addon can use them too.
import { ArgumentError } from './errors';
import { alternatives, describe } from './text';

const none: object = Object.freeze({});

/** An options object or undefined, whose own names are all among `allowed`. */
export function expectPlainOptions<O extends object>(
  op: string,
  options: O | undefined,
  allowed: readonly (keyof O & string)[],
): Partial<O> {
  if (options === undefined) return none as Partial<O>;
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw new ArgumentError(`${op}: options must be an object, given ${describe(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!(allowed as readonly string[]).includes(key)) {
      throw new ArgumentError(`${op}: unknown option '${key}', allowed are ${allowed.join(', ')}`);
    }
  }
  return options;
}

/** An integer from `low` to `high`, both included. */
export function expectInteger(
  op: string,
  name: string,
  value: unknown,
  low: number,
  high: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < low || value > high) {
    const range = high === Number.MAX_SAFE_INTEGER ? `>= ${low}` : `from ${low} to ${high}`;
    throw new ArgumentError(`${op}: ${name} must be an integer ${range}, given ${describe(value)}`);
  }
  return value + 0; // -0 becomes 0
}

/** A finite number from `low` to `high`, both included. */
export function expectFinite(op: string, name: string, value: unknown, low = -Infinity, high = Infinity): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < low || value > high) {
    let range = '';
    if (low !== -Infinity) range = high === Infinity ? ` >= ${low}` : ` from ${low} to ${high}`;
    throw new ArgumentError(`${op}: ${name} must be a finite number${range}, given ${describe(value)}`);
  }
  return value;
}

/** Any number; NaN and infinities are values like others. */
export function expectNumber(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number') {
    throw new ArgumentError(`${op}: ${name} must be a number, given ${describe(value)}`);
  }
  return value;
}

export function expectBoolean(op: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new ArgumentError(`${op}: ${name} must be true or false, given ${describe(value)}`);
  }
  return value;
}

export function expectOneOf<S extends string>(op: string, name: string, value: unknown, allowed: readonly S[]): S {
  if (!(allowed as readonly unknown[]).includes(value)) {
    throw new ArgumentError(`${op}: ${name} must be ${alternatives(allowed)}, given ${describe(value)}`);
  }
  return value as S;
}

/** Vertical and horizontal part of a window option. */
export interface Pair {
  readonly h: number;
  readonly w: number;
}

/** An integer for both axes, or `[h, w]`, each from `low` to `high`. */
export function expectPair(op: string, name: string, value: unknown, low: number, high?: number): Pair {
  if (!Array.isArray(value)) {
    if (typeof value !== 'number') {
      throw new ArgumentError(`${op}: ${name} must be an integer or [h, w], given ${describe(value)}`);
    }
    const both = expectInteger(op, name, value, low, high);
    return { h: both, w: both };
  }
  if (value.length !== 2) {
    throw new ArgumentError(`${op}: ${name} must be an integer or [h, w], given ${describe(value)}`);
  }
  return {
    h: expectInteger(op, `${name}[0]`, value[0], low, high),
    w: expectInteger(op, `${name}[1]`, value[1], low, high),
  };
}

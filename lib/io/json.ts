import { ArgumentError } from '../errors';
import { describe } from '../text';

/** What JSON holds exactly: numbers are finite. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Deepest nesting. A cycle has no end, and JSON.parse() has one. */
const deepest = 100;

/**
 * The JSON text of a value that survives it unchanged.
 *
 * @param name Of the value, for messages.
 * @throws ArgumentError naming what does not: undefined, NaN and infinities, functions, instances of classes …
 */
export function jsonText(op: string, name: string, value: unknown): string {
  expectJson(op, name, value, 0);
  return JSON.stringify(value);
}

function expectJson(op: string, name: string, value: unknown, depth: number): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return;
    throw new ArgumentError(`${op}: ${name} is ${value}, which JSON does not have; null or a string can stand for it`);
  }
  if (depth > deepest)
    throw new ArgumentError(`${op}: ${name} is nested more than ${deepest} deep, or contains itself`);
  if (Array.isArray(value)) {
    // By index: entries that were left out are undefined.
    for (let i = 0; i < value.length; i++) expectJson(op, `${name}[${i}]`, value[i], depth + 1);
  } else if (isPlainObject(value)) {
    for (const [key, inner] of Object.entries(value)) expectJson(op, `${name}.${key}`, inner, depth + 1);
  } else {
    throw new ArgumentError(`${op}: ${name} must be JSON, given ${describe(value)}`);
  }
}

/** One whose own names are all it is. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== 'object') return false;
  const prototype = Object.getPrototypeOf(value);
  const { toJSON } = value as { toJSON?: unknown };
  return (prototype === Object.prototype || prototype === null) && typeof toJSON !== 'function';
}

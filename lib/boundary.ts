// Writing to the call buffer: what the addon's schema says about operations, turned into encoders once.
import { AddonError, ReceptiveError } from './errors';
import { type AttributeSchema, native, type OpSchema } from './native';

/** Attributes of a call, by the schema's field names; a list shorter than its field is filled up with zeros. */
export type Attributes = { readonly [name: string]: number | boolean | readonly number[] };

// A constant of each module that writes much: what a module exports is read anew at every use.
const { words, numbers } = native;

export { numbers, words };

/** In place of a handle: the op makes this output. */
export const newOutput = 0xffffffff;

interface Op {
  readonly schema: OpSchema;
  /** Number of values that the attributes take in the call buffer. */
  readonly width: number;
  /** Whether the names that calls give have been compared with the schema. */
  compared: boolean;
}

const ops: readonly Op[] = native.ops.map((schema) => ({
  schema,
  width: schema.attrs.reduce((sum, { count }) => sum + count, 0),
  compared: false,
}));
const numbersByName = new Map(native.ops.map(({ name }, i) => [name, i]));

/** The number of an op; asked once per op, when its module is loaded. */
export function opNumber(name: string): number {
  const number = numbersByName.get(name);
  if (number === undefined) {
    throw new AddonError(`the native addon has no op '${name}': it was built from another version of receptive`);
  }
  return number;
}

export function opName(op: number): string {
  return ops[op].schema.name;
}

/** An op called against its schema is a defect of this library, not of the caller. */
function internalError(op: number, problem: string): ReceptiveError {
  return new ReceptiveError(`internal error: native op '${opName(op)}' ${problem}`);
}

function compare(op: number, attrs: Attributes | undefined, inputs: number, outputs: number): void {
  const { schema } = ops[op];
  const known = schema.attrs.map(({ name }) => name);
  const given = Object.keys(attrs ?? {});
  const missing = known.filter((name) => !given.includes(name));
  const unknown = given.filter((name) => !known.includes(name));
  if (missing.length > 0) throw internalError(op, `needs the attributes ${missing}`);
  if (unknown.length > 0) throw internalError(op, `has no attributes ${unknown}, only ${known}`);
  if (inputs < schema.minInputs || inputs > schema.maxInputs || outputs !== schema.outputs) {
    throw internalError(op, `takes other numbers of operands than ${inputs} inputs and ${outputs} outputs`);
  }
  ops[op].compared = true;
}

function writeList(op: number, field: AttributeSchema, value: unknown, at: number): void {
  if (!Array.isArray(value) || value.length > field.count) {
    throw internalError(op, `needs for '${field.name}' a list of at most ${field.count}, given ${value}`);
  }
  for (let i = 0; i < value.length; i++) numbers[at + i] = value[i];
  for (let i = value.length; i < field.count; i++) numbers[at + i] = 0;
}

/** Writes the attributes at `at`, field after field in the schema's order. */
export function writeAttributes(
  op: number,
  attrs: Attributes | undefined,
  at: number,
  inputs: number,
  outputs: number,
): void {
  const record = ops[op];
  if (!record.compared) compare(op, attrs, inputs, outputs);
  if (record.width === 0) return;
  if (attrs === undefined) throw internalError(op, 'needs attributes');
  const fields = record.schema.attrs;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    const value = attrs[field.name];
    if (field.count !== 1) writeList(op, field, value, at);
    else if (value === undefined) throw internalError(op, `needs the attribute ${field.name}`);
    else numbers[at] = value as number; // true and false become 1 and 0
    at += field.count;
  }
}

/** Writes rank and extents at `at`; returns the position after them. */
export function writeShape(shape: readonly number[], at: number): number {
  numbers[at++] = shape.length;
  for (let axis = 0; axis < shape.length; axis++) numbers[at++] = shape[axis];
  return at;
}

// The header of NumPy's .npy format, versions 1.0, 2.0 and 3.0 (NumPy's documentation of `numpy.lib.format`): the bytes
// \x93NUMPY, major and minor version, the length of what follows as a little-endian uint16 (1.0) or uint32, and a Python
// dictionary { 'descr': type, 'fortran_order': bool, 'shape': tuple }, padded with spaces and a line feed.
import type { DType } from '../dtype';
import type { FormatError, UnsupportedError } from '../errors';
import { maxRank } from '../shape';
import { type Element, elementOf } from './elements';

/** Magic bytes and version. */
export const prefixBytes = 8;

const magic = Buffer.from('\x93NUMPY', 'latin1');

/** Longest header that is read. Those of the types that are read here have some hundred bytes. */
const largestHeader = 2 ** 16;

/** The array that a header describes. */
export interface NpyHeader {
  readonly element: Element;
  readonly littleEndian: boolean;
  /** Whether the first index runs fastest. */
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

type Fail = (problem: string) => FormatError;

/** Bytes of the length that stands behind the prefix: its version says so. */
export function lengthFieldBytes(prefix: Buffer, fail: Fail): number {
  if (!prefix.subarray(0, magic.length).equals(magic)) throw fail('no .npy data: it does not begin with \\x93NUMPY');
  const [major, minor] = prefix.subarray(magic.length);
  if (major < 1 || major > 3 || minor !== 0) {
    throw fail(`version ${major}.${minor} of the .npy format; 1.0, 2.0 and 3.0 can be read`);
  }
  return major === 1 ? 2 : 4;
}

/** The header's length that a field holds. */
export function headerLength(field: Buffer, fail: Fail): number {
  const length = field.length === 2 ? field.readUInt16LE() : field.readUInt32LE();
  if (length > largestHeader) throw fail(`header of ${length} bytes, at most ${largestHeader} are read`);
  return length;
}

/** NumPy's kind and size, and the type's name here. */
const types: Readonly<Record<string, string>> = {
  f8: 'F64',
  f4: 'F32',
  f2: 'F16',
  i8: 'I64',
  u8: 'U64',
  i4: 'I32',
  u4: 'U32',
  i2: 'I16',
  u2: 'U16',
  i1: 'I8',
  u1: 'U8',
  b1: 'BOOL',
};

/**
 * @param text The dictionary.
 * @param offset Of the dictionary in the file, for messages.
 * @param fail Makes the error to throw of what is wrong.
 * @param unsupported The same, for what is right but not read here.
 */
export function parseNpyHeader(
  text: Buffer,
  offset: number,
  fail: Fail,
  unsupported: (problem: string) => UnsupportedError,
): NpyHeader {
  const literal = new PythonDictionary(text.toString('latin1'), (problem, at) =>
    fail(`${problem} at byte ${offset + at}, in the header`),
  );
  const { descr, fortranOrder, shape } = literal.read();
  if (descr === undefined) throw unsupported('a structured array, whose elements have fields');
  const name = Object.hasOwn(types, descr.slice(1)) ? types[descr.slice(1)] : undefined;
  const element = name === undefined ? undefined : elementOf(name);
  const order = descr[0];
  const known = element !== undefined && (order === '<' || order === '>' || (order === '|' && element.bytes === 1));
  if (!known) {
    throw unsupported(`elements of type '${descr}'; ${Object.keys(types).join(', ')} can be read, after < or >`);
  }
  if (shape.length > maxRank) throw unsupported(`${shape.length} axes, at most ${maxRank} are supported`);
  return { element, littleEndian: order !== '>', fortranOrder, shape };
}

/** A dictionary literal as NumPy writes it: just that, nothing is evaluated. */
class PythonDictionary {
  #position = 0;

  constructor(
    private readonly text: string,
    private readonly fail: (problem: string, position: number) => FormatError,
  ) {}

  /** The three entries; `descr` is undefined where it is a list of fields. */
  read(): { descr: string | undefined; fortranOrder: boolean; shape: number[] } {
    const seen = new Set<string>();
    let descr: string | undefined;
    let fortranOrder = false;
    let shape: number[] = [];
    this.#expect(/\{/y, "'{'");
    while (this.#take(/\}/y) === undefined) {
      const begin = this.#position;
      const key = this.#string();
      if (seen.has(key)) throw this.fail(`a second '${key}'`, begin);
      seen.add(key);
      this.#expect(/:/y, "':'");
      if (key === 'descr') {
        if (this.#take(/\[/y) !== undefined) return { descr: undefined, fortranOrder, shape };
        descr = this.#string();
      } else if (key === 'fortran_order') fortranOrder = this.#expect(/True|False/y, 'True or False') === 'True';
      else if (key === 'shape') shape = this.#tuple();
      else throw this.fail(`key '${key}', where descr, fortran_order and shape are expected`, begin);
      if (this.#take(/,/y) !== undefined) continue;
      this.#expect(/\}/y, "',' or '}'");
      break;
    }
    if (this.#take(/[\s\S]/y) !== undefined) throw this.fail('more text after the end', this.#position - 1);
    const missing = ['descr', 'fortran_order', 'shape'].find((key) => !seen.has(key));
    if (missing !== undefined) throw this.fail(`no '${missing}' before the end`, this.#position);
    return { descr, fortranOrder, shape };
  }

  /** Without escapes, which no key and no type has. */
  #string(): string {
    return this.#expect(/'[^'\\\n]*'|"[^"\\\n]*"/y, 'a string').slice(1, -1);
  }

  #tuple(): number[] {
    const values: number[] = [];
    this.#expect(/\(/y, "'('");
    while (this.#take(/\)/y) === undefined) {
      const begin = this.#position;
      // Python 2 wrote an L after long integers.
      const value = Number(this.#expect(/(?:0|[1-9]\d{0,15})(?=L?[\s,)])/y, 'an integer from 0 to 2^53 - 1'));
      if (!Number.isSafeInteger(value)) throw this.fail('no integer from 0 to 2^53 - 1', begin);
      values.push(value);
      this.#take(/L/y);
      if (this.#take(/,/y) !== undefined) continue;
      // Without its comma (3) is a number, no tuple.
      if (values.length === 1) throw this.fail("expected ','", this.#position);
      this.#expect(/\)/y, "',' or ')'");
      break;
    }
    return values;
  }

  /** What a sticky pattern matches after white space, if it does. */
  #take(pattern: RegExp): string | undefined {
    while (/[ \t\r\n]/.test(this.text[this.#position] ?? '')) this.#position++;
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.text)?.[0];
    this.#position += match?.length ?? 0;
    return match;
  }

  #expect(pattern: RegExp, what: string): string {
    const match = this.#take(pattern);
    if (match === undefined) throw this.fail(`expected ${what}`, this.#position);
    return match;
  }
}

const descriptions: Readonly<Record<DType, string>> = {
  float64: '<f8',
  float32: '<f4',
  int32: '<i4',
  uint8: '|u1',
  bool: '|b1',
};

/** Bytes to which NumPy aligns the data. */
const alignment = 64;

/** The begin of a .npy file, up to the data; version 1.0, whose 65535 bytes are more than a shape can take. */
export function formatNpyHeader(dtype: DType, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descriptions[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const before = prefixBytes + 2;
  const total = Math.ceil((before + text.length + 1) / alignment) * alignment;
  const result = Buffer.alloc(total, ' ');
  magic.copy(result);
  result.set([1, 0], magic.length);
  result.writeUInt16LE(total - before, prefixBytes);
  result.write(text, before, 'latin1');
  result[total - 1] = 0x0a;
  return result;
}

import type { FormatError } from '../errors';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const digit0 = 0x30;
const digit9 = 0x39;

/** A character of a string that stands for itself. */
const isPlain = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== quote && byte !== backslash;

/** Most digits of an integer that a double holds. */
const mostDigits = 16;

/**
 * Reads the JSON that a schema of objects, strings and counts allows, from bytes, one value after the other: problems are found
 * where they are, and nothing is read twice. Numbers are integers from 0 to 2^53 - 1.
 */
export class JsonText {
  #position = 0;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /** @param fail Makes the error of what was found at a position. */
  constructor(
    private readonly bytes: Buffer,
    private readonly fail: (problem: string, position: number) => FormatError,
  ) {}

  /** The error for what was found just before this position. */
  problem(problem: string): FormatError {
    return this.fail(problem, this.#position);
  }

  /** Its keys, one at a time: each value must be read before the next key is asked for. */
  *object(): Generator<string, void> {
    this.#expect(0x7b, "'{'");
    if (this.#take(0x7d)) return;
    do {
      const key = this.string();
      this.#expect(colon, "':'");
      yield key;
    } while (this.#take(comma));
    this.#expect(0x7d, "',' or '}'");
  }

  /** A list of integers >= 0. */
  counts(): number[] {
    const values: number[] = [];
    this.#expect(0x5b, "'['");
    if (this.#take(0x5d)) return values;
    do values.push(this.#count());
    while (this.#take(comma));
    this.#expect(0x5d, "',' or ']'");
    return values;
  }

  string(): string {
    this.#expect(quote, 'a string');
    const begin = this.#position - 1;
    // Nearly all strings are plain ASCII: nothing to decode.
    let end = begin + 1;
    while (isPlain(this.bytes[end])) end++;
    if (this.bytes[end] === quote) {
      this.#position = end + 1;
      return this.bytes.toString('latin1', begin + 1, end);
    }
    return this.#decodedString(begin);
  }

  #decodedString(begin: number): string {
    let end = begin;
    do end = this.bytes.indexOf(quote, end + 1);
    while (end > 0 && this.#isEscaped(end));
    if (end < 0) throw this.fail('a string without end', begin);
    this.#position = end + 1;
    try {
      return JSON.parse(this.#decoder.decode(this.bytes.subarray(begin, end + 1)));
    } catch {
      throw this.fail('a string that is not valid JSON in UTF-8', begin);
    }
  }

  /** Only white space may follow. */
  end(): void {
    this.#skipSpace();
    if (this.#position < this.bytes.length) throw this.problem('more text after the end');
  }

  /** Whether an odd number of backslashes stands before a position within a string. */
  #isEscaped(position: number): boolean {
    let first = position;
    while (this.bytes[first - 1] === backslash) first--;
    return (position - first) % 2 === 1;
  }

  #count(): number {
    this.#skipSpace();
    const begin = this.#position;
    let value = 0;
    while (this.#position - begin <= mostDigits) {
      const byte = this.bytes[this.#position];
      if (!(byte >= digit0 && byte <= digit9)) break;
      value = value * 10 + (byte - digit0);
      this.#position++;
    }
    const digits = this.#position - begin;
    const leadingZero = digits > 1 && this.bytes[begin] === digit0;
    if (digits === 0 || leadingZero || !Number.isSafeInteger(value)) {
      throw this.fail('no integer from 0 to 2^53 - 1', begin);
    }
    return value;
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.bytes[this.#position];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#position++;
    }
  }

  #take(byte: number): boolean {
    this.#skipSpace();
    if (this.bytes[this.#position] !== byte) return false;
    this.#position++;
    return true;
  }

  #expect(byte: number, what: string): void {
    if (!this.#take(byte)) throw this.problem(`expected ${what}`);
  }
}

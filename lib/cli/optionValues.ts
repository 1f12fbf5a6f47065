// Values of options as they are typed. Each function throws a message for the person who typed them.

/** @param text `undefined` where the option was not given. */
export function integerOption(
  name: string,
  text: string | undefined,
  low: number,
  high: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  const range = high === Number.MAX_SAFE_INTEGER ? `>= ${low}` : `from ${low} to ${high}`;
  throw new Error(`--${name} must be an integer ${range}, given '${text}'`);
}

/** A number from `low` to `high`; `above`: not `low` itself, `below`: not `high` itself. */
export function numberOption(
  name: string,
  text: string | undefined,
  low: number,
  high: number = Number.POSITIVE_INFINITY,
  { above = false, below = false } = {},
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  const right =
    text.trim() !== '' &&
    Number.isFinite(value) &&
    (above ? value > low : value >= low) &&
    (below ? value < high : value <= high);
  if (right) return value;
  const upper = high === Number.POSITIVE_INFINITY ? '' : ` and ${below ? '<' : '<='} ${high}`;
  throw new Error(`--${name} must be a number ${above ? '>' : '>='} ${low}${upper}, given '${text}'`);
}

export function choiceOption<S extends string>(
  name: string,
  text: string | undefined,
  allowed: readonly S[],
): S | undefined {
  if (text === undefined || (allowed as readonly string[]).includes(text)) return text as S | undefined;
  throw new Error(`--${name} must be one of ${allowed.join(', ')}, given '${text}'`);
}

export function pathOption(name: string, text: string | undefined): string | undefined {
  if (text === '') throw new Error(`--${name} needs a path, given an empty string`);
  return text;
}

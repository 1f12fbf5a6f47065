// How a batch is divided among processes or devices.

/** Samples `begin` to `end - 1` of a batch. */
export interface Share {
  readonly begin: number;
  readonly end: number;
}

/** The part `index` of `count` of `total` samples: parts lie one after another and differ by at most one sample. */
export function shareOf(total: number, index: number, count: number): Share {
  return { begin: Math.floor((index * total) / count), end: Math.floor(((index + 1) * total) / count) };
}

import { philox4x32 } from './philox';

/** What `SampleRandom` promises, from the reference of Philox: key = seed, counter = (n / 4, step, sample, epoch). */
export class ReferenceRandom {
  private drawn = 0;

  constructor(
    private readonly seed: number,
    private readonly step: number,
    private readonly sample: number,
    private readonly epoch: number,
  ) {}

  uint32(): number {
    const seed = BigInt(this.seed);
    const key = [Number(seed & 0xffffffffn), Number(seed >> 32n)];
    const n = this.drawn++;
    return philox4x32([Math.floor(n / 4), this.step, this.sample, this.epoch], key)[n % 4];
  }

  uniform(low = 0, high = 1): number {
    return low + ((high - low) * this.uint32()) / 2 ** 32;
  }

  integer(low: number, high: number): number {
    const count = high - low + 1;
    let value = this.uint32();
    while (value >= Math.floor(2 ** 32 / count) * count) value = this.uint32();
    return low + (value % count);
  }

  normal(mean: number, std: number): number {
    const u = this.uniform();
    const v = this.uniform();
    return mean + std * Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
  }
}

/** Fisher and Yates from the end, by the numbers of step 2^32 - 1. */
export function referenceOrder(length: number, seed: number, epoch: number): number[] {
  const random = new ReferenceRandom(seed, 2 ** 32 - 1, 0, epoch);
  const order = Array.from({ length }, (_, i) => i);
  for (let last = length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

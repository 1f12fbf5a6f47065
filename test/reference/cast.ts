export type DTypeName = 'float32' | 'float64' | 'int32' | 'uint8' | 'bool';

const ranges = { int32: [-2147483648, 2147483647], uint8: [0, 255] } as const;

/**
 * A value of one dtype as another. Floats truncate towards zero and saturate when they become integers, NaN gives 0;
 * integers wrap modulo 2^n; anything but 0 becomes true.
 */
export function castValue(value: number, from: DTypeName, to: DTypeName): number {
  switch (to) {
    case 'float64':
      return value;
    case 'float32':
      return Math.fround(value);
    case 'bool':
      return value === 0 ? 0 : 1;
    default: {
      if (from !== 'float32' && from !== 'float64') return to === 'int32' ? value | 0 : value & 0xff;
      if (Number.isNaN(value)) return 0;
      const [low, high] = ranges[to];
      return Math.min(Math.max(Math.trunc(value), low), high) + 0;
    }
  }
}

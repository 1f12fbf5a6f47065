import type { Family } from '../benchCase';
import { unaryCases } from '../pointwise';

export const cast: Family = () => [
  ...unaryCases('float32 to int32', (x) => x.cast('int32'), Math.trunc, 4, 0),
  ...unaryCases(
    'float32 to float64',
    (x) => x.cast('float64'),
    (x) => x,
    8,
    0,
  ),
  ...unaryCases(
    'float32 to uint8',
    (x) => x.cast('uint8'),
    (x) => Math.max(0, Math.trunc(x)),
    1,
    0,
  ),
];

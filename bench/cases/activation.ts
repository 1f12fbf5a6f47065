import { gelu, grad, relu, sigmoid, tanh } from 'receptive';
import type { Family } from '../benchCase';
import { binaryCases, unaryCases } from '../pointwise';

export const activation: Family = () => [
  ...unaryCases('relu', relu, (x) => Math.max(x, 0)),
  ...unaryCases('sigmoid', sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  ...unaryCases('tanh', tanh, Math.tanh),
  ...unaryCases(
    'gelu tanh',
    (x) => gelu(x, { approximate: 'tanh' }),
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ),
  ...binaryCases('grad.relu', grad.relu, (g, y) => (y > 0 ? g : 0)),
];

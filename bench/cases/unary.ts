import { abs, exp, log, sqrt } from 'receptive';
import type { Family } from '../benchCase';
import { unaryCases } from '../pointwise';

export const unary: Family = () => [
  ...unaryCases('abs', abs, Math.abs),
  ...unaryCases('exp', exp, Math.exp),
  ...unaryCases('log', log, Math.log),
  ...unaryCases('sqrt', sqrt, Math.sqrt),
];

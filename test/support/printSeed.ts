import { testSeed } from './random';

/** Before the first test of a run: random shapes and values come from this seed, so that a run can be repeated. */
export default function printSeed(): void {
  console.log(`Random cases are drawn from seed ${testSeed}; RECEPTIVE_TEST_SEED=<integer> draws others.\n`);
}

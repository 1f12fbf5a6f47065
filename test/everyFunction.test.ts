import type { Tensor } from 'receptive';
import * as receptive from 'receptive';
import { afterEach, describe, expect, it } from 'vitest';
import { describeOnDevices } from './support/devices';
import { expectThrows } from './support/errors';
import { isOptions, tensorsIn } from './support/programs/apiCalls.mjs';
import { argumentSource, randomSource } from './support/programs/fuzzArguments.mjs';
import { recipes } from './support/programs/fuzzRecipes.mjs';
import { testSeed } from './support/random';

// What every public function owes its callers, tried on each of them with the plausible calls of the fuzz: a function without
// one fails here, so that none is left out of the fuzz either.

type Function = (...args: unknown[]) => unknown;
type Recipe = () => unknown[];

const pool = {
  tensors: [] as Tensor[],
  add(t: Tensor): void {
    this.tensors.push(t);
  },
  any: (): undefined => undefined, // every tensor is new
  empty(): void {
    for (const t of this.tensors.splice(0)) t.dispose();
  },
};
const { ops, gradients } = recipes(randomSource(testSeed), argumentSource(randomSource(testSeed), pool)) as Record<
  'ops' | 'gradients',
  Record<string, Recipe>
>;

/** It would change what the tests' other processes may use. */
const leftOut = new Set(['setMemoryLimit']);
const functions: [name: string, f: Function, recipe: Recipe | undefined][] = [
  ...Object.entries(receptive)
    .filter(([name, f]) => typeof f === 'function' && !/^[A-Z]/.test(name) && !leftOut.has(name))
    .map(([name, f]): [string, Function, Recipe | undefined] => [name, f as Function, ops[name]]),
  ...Object.entries(receptive.grad).map(([name, f]): [string, Function, Recipe | undefined] => [
    `grad.${name}`,
    f as Function,
    gradients[name],
  ]),
];

function release(value: unknown): void {
  if (value instanceof Promise) value.then(release, () => {});
  else for (const t of tensorsIn(value)) t.dispose();
}

const failed = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => false,
    () => true,
  );

/** Arguments that the function accepts, made anew. */
function accepted(f: Function, recipe: Recipe): unknown[] {
  for (let attempt = 0; ; attempt++) {
    const args = recipe();
    try {
      release(f(...args));
      return args;
    } catch (error) {
      if (!(error instanceof receptive.ReceptiveError) || attempt === 50) throw error;
    }
  }
}

describeOnDevices('every function', () => {
  afterEach(async () => {
    pool.empty();
    // Labels of the plausible calls may be out of range; each call of synchronize() reports one failure.
    while (await failed(receptive.synchronize()));
  });

  describe.each(functions)('%s', (name, f, recipe) => {
    const opName = new RegExp(`^${name.replace('.', '\\.')}: `);

    it('has plausible arguments, which it accepts', () => {
      expect(recipe, 'a recipe in test/support/programs/fuzzRecipes.mjs').toBeDefined();
      accepted(f, recipe as Recipe);
    });

    it('throws DisposedError for each of its tensors that is disposed', () => {
      if (name === 'keep') return; // takes a tensor out of all scopes, which does no harm to a disposed one
      const count = tensorsIn(accepted(f, recipe as Recipe)).length;
      for (let i = 0; i < count; i++) {
        const args = accepted(f, recipe as Recipe);
        // Another draw may have fewer: a number in place of a tensor, an option left out.
        tensorsIn(args)[i]?.dispose();
        if (tensorsIn(args)[i] !== undefined) expectThrows(() => f(...args), 'DisposedError', opName);
      }
    });

    it('refuses an option that it does not know', () => {
      const args = accepted(f, recipe as Recipe);
      const last = args.at(-1);
      if (!isOptions(last)) return;
      expectThrows(() => f(...args.slice(0, -1), { ...last, bogus: 1 }), 'ReceptiveError', opName, /bogus/);
    });
  });
});

import { type DType, memoryStats, tidy } from 'receptive';
import { describe, expect, it } from 'vitest';
import { ndarray } from '../reference/ndarray';
import { expectThrows } from './errors';
import { type AnyTensor, toTensor } from './tensors';

const allDTypes: readonly DType[] = ['float32', 'float64', 'int32', 'uint8', 'bool'];

export interface Argument {
  readonly shape: readonly number[];
  /** Types the op accepts here; the first is used where another argument is under test. */
  readonly dtypes?: readonly DType[];
  /** A number is as good as a tensor. */
  readonly acceptsNumbers?: boolean;
  /** May be left out. */
  readonly optional?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: these calls are wrong on purpose
export type Call = (args: Record<string, any>) => unknown;

/**
 * What every op owes its callers: a disposed tensor, something that is no tensor and a type the op does not take are
 * thrown back at once, with an error that names the op and the argument, and nothing is left behind.
 */
export function describeContract(op: string, args: Readonly<Record<string, Argument>>, call: Call): void {
  const make = (): Record<string, AnyTensor> =>
    Object.fromEntries(
      Object.entries(args).map(([name, { shape, dtypes }]) => [
        name,
        toTensor(ndarray(shape), dtypes?.[0] ?? 'float32'),
      ]),
    );
  const withArguments = (body: (tensors: Record<string, AnyTensor>) => void): void => {
    const held = memoryStats().tensors;
    tidy(() => body(make()));
    expect(memoryStats().tensors, 'tensors left after a failed call').toBe(held);
  };

  const opName = new RegExp(`\\b${op.replace('.', '\\.')}\\b`);

  describe(`${op}: contract`, () => {
    for (const [name, { dtypes = ['float32', 'float64'], acceptsNumbers, optional }] of Object.entries(args)) {
      const argument = new RegExp(`\\b${name}\\b`);

      it(`throws DisposedError for a disposed ${name}`, () => {
        withArguments((tensors) => {
          tensors[name].dispose();
          expectThrows(() => call(tensors), 'DisposedError', opName, argument);
        });
      });

      it(`rejects a ${name} that is no tensor`, () => {
        const impostors: unknown[] = [
          null,
          'tensor',
          {},
          new Float32Array(4),
          { shape: [2], dtype: 'float32' },
          () => 0,
        ];
        if (!acceptsNumbers) impostors.push(3);
        if (!optional) impostors.push(undefined);
        withArguments((tensors) => {
          for (const impostor of impostors) {
            if (optional && impostor === null) continue;
            expectThrows(() => call({ ...tensors, [name]: impostor }), 'ReceptiveError', opName, argument);
          }
        });
      });

      const refused = allDTypes.filter((dtype) => !dtypes.includes(dtype));
      if (refused.length === 0) continue;
      it(`rejects a ${name} of another type`, () => {
        withArguments((tensors) => {
          for (const dtype of refused) {
            const stranger = toTensor(ndarray(args[name].shape), dtype);
            expectThrows(() => call({ ...tensors, [name]: stranger }), 'DTypeError', opName);
          }
        });
      });
    }
  });
}

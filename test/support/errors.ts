import { ReceptiveError } from 'receptive';
import { expect } from 'vitest';

/** The stable codes of the public error classes. */
export const errorCodes = {
  ReceptiveError: /^ERR_/,
  ShapeError: /^ERR_SHAPE$/,
  DTypeError: /^ERR_DTYPE$/,
  DeviceError: /^ERR_DEVICE$/,
  DisposedError: /^ERR_DISPOSED$/,
  OutOfMemoryError: /^ERR_OUT_OF_MEMORY$/,
  UnsupportedError: /^ERR_UNSUPPORTED$/,
  ArgumentError: /^ERR_ARGUMENT$/,
  GraphError: /^ERR_GRAPH$/,
  IndexError: /^ERR_INDEX$/,
  CommunicationError: /^ERR_COMMUNICATION$/,
  FormatError: /^ERR_FORMAT$/,
} as const;

export type ErrorName = keyof typeof errorCodes;

/** Calls `body` and returns the error it throws, which must be one of the library's, of the class and code named. */
export function expectThrows(body: () => unknown, name: ErrorName, ...messages: RegExp[]): ReceptiveError {
  let result: unknown;
  try {
    result = body();
  } catch (error) {
    expectError(error, name, ...messages);
    return error as ReceptiveError;
  }
  expect.fail(`expected a ${name}, but the call returned ${String(result)}`);
}

/** The same of a promise that rejects. */
export async function expectRejects(promise: Promise<unknown>, name: ErrorName, ...messages: RegExp[]): Promise<void> {
  const error = await promise.then(
    (result) => expect.fail(`expected a ${name}, but the promise resolved to ${String(result)}`),
    (reason: unknown) => reason,
  );
  expectError(error, name, ...messages);
}

export function expectError(error: unknown, name: ErrorName, ...messages: RegExp[]): void {
  expect(error).toBeInstanceOf(ReceptiveError);
  const { code, message, name: actual, stack } = error as ReceptiveError;
  if (name !== 'ReceptiveError') expect(actual, message).toBe(name);
  expect(code, message).toMatch(errorCodes[name]);
  for (const pattern of messages) expect(message).toMatch(pattern);
  expect(stack).toContain(message.split('\n')[0]);
}

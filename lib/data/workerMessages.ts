// What the main thread and its workers tell each other.
import { errorClasses } from '../errors';
import type { BatchDType, BatchRequest, HostBatch } from './batchMaker';
import type { DatasetSpec } from './dataset';
import type { StepSpec } from './transforms/transform';

/** Given to a worker when it starts. */
export interface WorkerTask {
  readonly dataset: DatasetSpec;
  readonly steps: readonly StepSpec[];
  readonly seed: number;
  readonly dtype: BatchDType;
}

/** To a worker. */
export interface WorkerJob extends BatchRequest {
  readonly id: number;
}

/** From a worker. */
export type WorkerAnswer =
  | { readonly id: number; readonly batch: HostBatch }
  | { readonly id: number; readonly error: PackedError };

/** An error as plain data: structured cloning keeps neither its class nor its code. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
  readonly cause: PackedError | undefined;
}

export function packError(error: unknown): PackedError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), code: undefined, stack: undefined, cause: undefined };
  }
  const { name, message, stack, cause } = error;
  const code = (error as NodeJS.ErrnoException).code;
  return {
    name: String(name),
    message: String(message),
    code: typeof code === 'string' ? code : undefined,
    stack: typeof stack === 'string' ? stack : undefined,
    cause: cause instanceof Error ? packError(cause) : undefined,
  };
}

/** An error of the class it had, where that is one of this package's, with the stack of the thread that threw it. */
export function unpackError({ name, message, code, stack, cause }: PackedError): Error {
  const options = cause === undefined ? undefined : { cause: unpackError(cause) };
  const errorClass = code !== undefined && Object.hasOwn(errorClasses, code) ? errorClasses[code] : undefined;
  const error = errorClass === undefined ? new Error(message, options) : new errorClass(message, options);
  if (errorClass === undefined) {
    Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
    if (code !== undefined) Object.assign(error, { code });
  }
  if (stack !== undefined) error.stack = stack;
  return error;
}

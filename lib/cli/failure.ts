import { UsageError } from './usageError';

/**
 * Tells the person at the terminal why a command failed.
 *
 * @param usage Printed below the message of a wrong command line that has no help of its own.
 * @returns The exit status.
 */
export function reportFailure(error: unknown, usage = ''): number {
  console.error(messageOf(error));
  if (error instanceof UsageError) console.error(error.help ?? usage);
  return failureStatus(error);
}

export function failureStatus(error: unknown): number {
  return error instanceof UsageError ? 2 : 1;
}

export function messageOf(error: unknown): unknown {
  return error instanceof Error ? error.message : error;
}

/** A wrong command line; the exit status is 2. */
export class UsageError extends Error {
  /** @param help Printed below the message; how commands are used if left out. */
  constructor(
    message: string,
    readonly help?: string,
  ) {
    super(message);
  }
}

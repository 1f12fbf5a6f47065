import { setImmediate } from 'node:timers/promises';

/** Longest time in ms that the main thread works on samples before it turns to other events. */
const sliceMilliseconds = 4;

/** Divides long work of the main thread, so that other events have their turn. @internal */
export class TimeSlices {
  private end = 0;

  /** Asked between two pieces of work: a promise to wait for where the time is used up. */
  pause(): Promise<void> | undefined {
    return performance.now() < this.end ? undefined : this.nextTurn();
  }

  async nextTurn(): Promise<void> {
    await setImmediate();
    this.end = performance.now() + sliceMilliseconds;
  }
}

import { setImmediate } from 'node:timers/promises';

/** Longest time in ms that the main thread works on samples before it turns to other events. */
const sliceMilliseconds = 4;

/** Divides long work of the main thread, so that other events have their turn. @internal */
export class TimeSlices {
  private end = 0;

  /** Whether the time is used up. */
  due(): boolean {
    return performance.now() >= this.end;
  }

  /** Begins a new slice, after other events. */
  async rest(): Promise<void> {
    await setImmediate();
    this.end = performance.now() + sliceMilliseconds;
  }
}

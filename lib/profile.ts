import { opName } from './boundary';
import { deviceId } from './deviceTable';
import { ArgumentError } from './errors';
import { type NativeEvent, native } from './native';
import type { Shape } from './shape';
import { describe } from './text';
import { type Trace, type TracedCall, traceStorage, tracing } from './trace';

/** One operation that ran under `profile()`. */
export interface ProfileEvent {
  /** Name of the kernel: that of the public function where one kernel serves it. */
  readonly op: string;
  /** Algorithm of a convolution, `cublas` for a product by that library, else null. */
  readonly algorithm: string | null;
  /** Which form of that algorithm, where it has several: `winogradF2` or `winogradF4`. */
  readonly variant: string | null;
  readonly device: string;
  readonly shapes: { readonly inputs: readonly Shape[]; readonly outputs: readonly Shape[] };
  /** Begin of the run, in microseconds since `profile()` was called. */
  readonly startUs: number;
  readonly durationUs: number;
  /** Operations by the formula of the algorithm, a multiply and an add counted as two. */
  readonly flops: number;
  /** Bytes read and written, each operand once. */
  readonly bytes: number;
  /** Whether it ran on the calling thread, because it was short and its device idle. */
  readonly inline: boolean;
}

/** What `profile()` gives. */
export interface Profile<T> {
  /** What `fn` returned or resolved to. */
  readonly result: T;
  /** In order of their begin. */
  readonly events: readonly ProfileEvent[];
}

let tokens = 0;

/** The token 0 means that nothing is recorded. */
function newTrace(): Trace {
  tokens = (tokens % 0xffffffff) + 1;
  return { token: tokens, calls: [] };
}

/** A device runs calls in their order and records each once, so its events and its calls are two lists in step. */
function pair(
  events: readonly NativeEvent[],
  calls: readonly TracedCall[],
): (readonly [NativeEvent, TracedCall | undefined])[] {
  const next = new Map<number, number>();
  return events.map((event) => {
    let i = next.get(event.device) ?? 0;
    // An event that could not be stored for want of memory is missing from the list: its call is passed over.
    while (i < calls.length && (calls[i].device !== event.device || calls[i].op !== event.op)) i++;
    next.set(event.device, i + 1);
    return [event, calls[i]] as const;
  });
}

function publicEvents(trace: Trace, epochUs: number): ProfileEvent[] {
  const events = pair(native.takeEvents(trace.token), trace.calls).map(([event, call]) => ({
    op: opName(event.op),
    algorithm: call?.algorithm ?? null,
    variant: call?.variant ?? null,
    device: deviceId(event.device),
    shapes: { inputs: call?.shapes[0] ?? [], outputs: call?.shapes[1] ?? [] },
    startUs: event.startUs - epochUs,
    durationUs: event.durationUs,
    flops: event.flops,
    bytes: event.bytes,
    inline: event.inline,
  }));
  return events.sort((a, b) => a.startUs - b.startUs);
}

async function drain(trace: Trace): Promise<void> {
  const devices = new Set(trace.calls.map(({ device }) => device));
  const outcomes = await Promise.allSettled([...devices].map((device) => native.synchronize(device)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/**
 * Calls `fn`, waits until it and all the operations it started are done, and reports them. Operations started elsewhere
 * meanwhile are not recorded, those in callbacks and after an `await` of `fn` are.
 *
 * @param fn May be asynchronous.
 * @returns The result of `fn` and one event per operation. It rejects with the error of `fn`, or of an operation that failed.
 * @throws ArgumentError when `fn` is no function.
 */
export function profile<T>(fn: () => T | Promise<T>): Promise<Profile<T>> {
  if (typeof fn !== 'function') throw new ArgumentError('profile: fn must be a function');
  return record(fn, newTrace());
}

async function record<T>(fn: () => T | Promise<T>, trace: Trace): Promise<Profile<T>> {
  const epochUs = Number(process.hrtime.bigint()) / 1000;
  tracing.active++;
  try {
    const result = await traceStorage.run(trace, async () => fn());
    await drain(trace);
    return { result, events: publicEvents(trace, epochUs) };
  } catch (error) {
    native.takeEvents(trace.token);
    throw error;
  } finally {
    // Following asynchronous contexts slows every promise of the process: it ends with the last profile.
    if (--tracing.active === 0) traceStorage.disable();
  }
}

function isEvent(value: Partial<ProfileEvent> | null | undefined): boolean {
  return typeof value?.op === 'string' && typeof value.device === 'string' && typeof value.startUs === 'number';
}

/** Chrome's trace event format, JSON object form. */
export interface ChromeTrace {
  readonly displayTimeUnit: 'ms';
  readonly traceEvents: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Events of `profile()` in Chrome's trace event format: written to a file with `JSON.stringify`, they can be viewed in
 * https://ui.perfetto.dev or chrome://tracing, one row per device.
 *
 * @throws ArgumentError when `events` is not a list of such events.
 */
export function chromeTrace(events: readonly ProfileEvent[]): ChromeTrace {
  if (!Array.isArray(events) || !events.every(isEvent)) {
    throw new ArgumentError(`chromeTrace: events must be the events of a profile, given ${describe(events)}`);
  }
  const rows = [...new Set(events.map(({ device }) => device))];
  const names = rows.map((device, tid) => ({ name: 'thread_name', ph: 'M', pid: 1, tid, args: { name: device } }));
  const spans = events.map(({ op, device, startUs, durationUs, ...args }) => ({
    name: op,
    cat: 'op',
    ph: 'X',
    pid: 1,
    tid: rows.indexOf(device),
    ts: startUs,
    dur: durationUs,
    args,
  }));
  return { displayTimeUnit: 'ms', traceEvents: [...names, ...spans] };
}

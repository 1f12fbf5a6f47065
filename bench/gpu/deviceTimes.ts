// Times by the device's own clock. A run is enqueued behind a write that takes the device longer than the host needs to enqueue
// the run, so that no gap between launches counts.
import { type ProfileEvent, profile, zeros } from 'receptive';
import type { AnyTensor } from '../benchCase';
import { type Spread, spread } from '../statistics';

/** Bytes of the buffer that is written before each run: more than the L2 of any GPU so far, and how often. */
export const flushBytes: number = 256 * 2 ** 20;
export const flushes = 4;

/** Microseconds of a run on the device, the sum of its operations. */
export interface DeviceTimes {
  /** After the buffer was written: nothing of the operands is in the L2. */
  readonly cold: Spread;
  /** Right after another run: what fits in the L2 is there. */
  readonly hot: Spread;
  /** Algorithm of the first operation that has one, else null. */
  readonly algorithm: string | null;
}

type Run = () => readonly AnyTensor[];

function drop(tensors: readonly AnyTensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

/** Writes the whole L2 anew, and occupies the device for a while. */
function flush(bytes: number): void {
  for (let i = 0; i < flushes; ++i) zeros([bytes / 4]).dispose();
}

async function timed(run: Run): Promise<{ us: number; events: readonly ProfileEvent[] }> {
  const { result, events } = await profile(run);
  drop(result);
  return { us: events.reduce((sum, { durationUs }) => sum + durationUs, 0), events };
}

/**
 * Times a run on the default device, cold and hot in turn.
 *
 * @param bytes Of the buffer; an emulated device has no L2.
 */
export async function deviceTimes(run: Run, rounds: number, bytes: number = flushBytes): Promise<DeviceTimes> {
  const [cold, hot]: [number[], number[]] = [[], []];
  let algorithm: string | null = null;
  // The first round makes what is made once: events, plans, memory.
  for (let round = 0; round <= rounds; ++round) {
    flush(bytes);
    const first = await timed(run);
    flush(bytes);
    drop(run());
    const second = await timed(run);
    const named = first.events.find((event) => event.algorithm !== null);
    algorithm = named?.variant ?? named?.algorithm ?? null;
    if (round === 0) continue;
    cold.push(first.us);
    hot.push(second.us);
  }
  return { cold: spread(cold), hot: spread(hot), algorithm };
}

// Whether operations are recorded. A scope of the call stack, so one variable of this environment is enough.

/** `saving`: whether nodes keep what backward needs; not within a checkpointed block. @internal */
export const mode = { recording: true, saving: true };

/** Calls `fn` with recording switched on or off. @internal */
export function withRecording<T>(recording: boolean, fn: () => T): T {
  const before = mode.recording;
  mode.recording = recording;
  try {
    return fn();
  } finally {
    mode.recording = before;
  }
}

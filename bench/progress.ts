import { SingleBar } from 'cli-progress';

/** A bar on a terminal; elsewhere nothing. */
export interface Progress {
  /** Begins the next case. */
  next(name: string): void;
  /** Removes the bar. */
  stop(): void;
}

export function startProgress(total: number): Progress {
  if (!process.stderr.isTTY) return { next() {}, stop() {} };
  const format = '{bar} {value}/{total}  {eta_formatted}  {name}';
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true, clearOnComplete: true, barsize: 20 });
  let started = 0;
  bar.start(total, 0, { name: '' });
  return {
    next: (name) => bar.update(started++, { name }),
    stop: () => bar.stop(),
  };
}

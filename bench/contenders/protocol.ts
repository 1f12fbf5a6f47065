// What the benchmark and a contender's process say to each other, on the process's stdin and stdout.
//
// The task comes as arguments `key=value`. The process prints one line of JSON: `{"ready": …}` or `{"declined":
// "why"}`. Then it reads lines `run N`: it runs once without counting, so that its data are in the caches again, then N
// times, and prints `{"seconds": …}` for those N. The end of its input ends it.
import type { ConvShape, ConvTensors, Direction } from '../conv/shape';

/** One convolution for one contender. */
export interface Task {
  readonly shape: ConvShape;
  readonly direction: Direction;
  readonly algorithm: string;
  readonly threads: number;
  /** Files with raw float32 values of the three tensors, `output` holding the gradient of the output. */
  readonly files: ConvTensors<string>;
  /** Flat indices of the result's elements that the contender reports. */
  readonly samples: readonly number[];
}

export interface Ready {
  /** The contender's own version. */
  readonly version: string;
  /** What computes the result, in the contender's words; empty if it does not say. */
  readonly algorithm: string;
  /** Bytes of workspace, or null if it does not say. */
  readonly workspaceBytes: number | null;
  /** Operations of one run, if not those of the task. */
  readonly operations?: number;
  /** The result's elements at the task's samples. */
  readonly samples: readonly number[];
}

export type Greeting = { readonly ready: Ready } | { readonly declined: string };

export interface Timing {
  readonly seconds: number;
  /** Most memory that the process had resident so far, where it says. */
  readonly peakBytes?: number;
  /** Seconds of those during which JavaScript ran, where it says. */
  readonly scriptSeconds?: number;
}

/** A task as the arguments of a process; its numbers are separated by commas. */
export function taskArguments({ shape, direction, algorithm, threads, files, samples }: Task): string[] {
  const { n, c, h, w, k, kernel, stride, padding, groups } = shape;
  const values = { n, c, h, w, k, kernel, stride, padding, groups, direction, algorithm, threads, ...files, samples };
  return Object.entries(values).map(([key, value]) => `${key}=${value}`);
}

/** The inverse of `taskArguments`. */
export function parseTask(args: readonly string[]): Task {
  const values = new Map(args.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
  const word = (key: string): string => {
    const value = values.get(key);
    if (value === undefined) throw new Error(`the task lacks ${key}`);
    return value;
  };
  const number = (key: string): number => Number(word(key));
  const pair = (key: string): readonly [number, number] => {
    const [first, second] = word(key).split(',').map(Number);
    return [first, second];
  };
  return {
    shape: {
      n: number('n'),
      c: number('c'),
      h: number('h'),
      w: number('w'),
      k: number('k'),
      kernel: pair('kernel'),
      stride: pair('stride'),
      padding: pair('padding'),
      groups: number('groups'),
    },
    direction: word('direction') as Direction,
    algorithm: word('algorithm'),
    threads: number('threads'),
    files: { input: word('input'), weight: word('weight'), output: word('output') },
    samples: word('samples').split(',').map(Number),
  };
}

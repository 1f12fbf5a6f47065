/** Geometry of sliding windows: one formula for convolution and pooling, one axis at a time. */

export type Padding =
  | number
  | readonly [number, number]
  | { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number }
  | 'same'
  | 'valid';

export interface WindowOptions {
  readonly stride?: number | readonly [number, number];
  readonly padding?: Padding;
  readonly dilation?: number | readonly [number, number];
  readonly ceilMode?: boolean;
  readonly layout?: 'NCHW' | 'NHWC';
}

export interface AxisWindow {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before and after the input. */
  readonly before: number;
  readonly after: number;
  readonly output: number;
}

export interface Geometry {
  readonly h: AxisWindow;
  readonly w: AxisWindow;
}

const pair = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : value;

function axisWindow(
  input: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: readonly [number, number] | 'same',
  ceilMode: boolean,
): AxisWindow {
  const extent = (kernel - 1) * dilation + 1;
  let [before, after] = [0, 0];
  if (padding === 'same') {
    // The output is ceil(input / stride); what is missing is split, the odd element goes after the input.
    const total = Math.max((Math.ceil(input / stride) - 1) * stride + extent - input, 0);
    before = Math.floor(total / 2);
    after = total - before;
  } else {
    [before, after] = padding;
  }
  const steps = (input + before + after - extent) / stride;
  let output = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
  // PyTorch's rule: the last window must start inside the input or the leading padding.
  if (ceilMode && (output - 1) * stride >= input + before) output--;
  return { input, kernel, stride, dilation, before, after, output };
}

/** `extent` is [height, width] of the input. */
export function geometry(
  extent: readonly [number, number],
  kernel: readonly [number, number],
  options: WindowOptions,
  defaultStride: number | readonly [number, number] = 1,
): Geometry {
  const [strideH, strideW] = pair(options.stride ?? defaultStride);
  const [dilationH, dilationW] = pair(options.dilation ?? 1);
  const padding = options.padding ?? 0;
  let [h, w]: (readonly [number, number] | 'same')[] = [
    [0, 0],
    [0, 0],
  ];
  if (padding === 'same') {
    [h, w] = ['same', 'same'];
  } else if (padding !== 'valid') {
    if (typeof padding === 'object' && 'top' in padding) {
      [h, w] = [
        [padding.top, padding.bottom],
        [padding.left, padding.right],
      ];
    } else {
      const [padH, padW] = pair(padding as number | readonly [number, number]);
      [h, w] = [
        [padH, padH],
        [padW, padW],
      ];
    }
  }
  const ceilMode = options.ceilMode ?? false;
  return {
    h: axisWindow(extent[0], kernel[0], strideH, dilationH, h, ceilMode),
    w: axisWindow(extent[1], kernel[1], strideW, dilationW, w, ceilMode),
  };
}

/** Input coordinate that tap `k` of window `o` reads; outside [0, input) it lies in the padding. */
export function tap(axis: AxisWindow, o: number, k: number): number {
  return o * axis.stride - axis.before + k * axis.dilation;
}

export function inside(axis: AxisWindow, position: number): boolean {
  return position >= 0 && position < axis.input;
}

/** True when some window has all its taps in the padding: no maximum or average is defined there. */
export function hasWindowInPadding({ h, w }: Geometry): boolean {
  const empty = (axis: AxisWindow): boolean => {
    for (let o = 0; o < axis.output; o++) {
      let taps = 0;
      for (let k = 0; k < axis.kernel; k++) if (inside(axis, tap(axis, o, k))) taps++;
      if (taps === 0) return true;
    }
    return false;
  };
  return empty(h) || empty(w);
}

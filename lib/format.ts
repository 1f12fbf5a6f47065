// How console.log shows a tensor: a header, then the values in NumPy's layout. Large tensors show their corners, and only
// those are read.
import { opNumber } from './boundary';
import { create1, runInPlace } from './dispatch';
import type { DType } from './dtype';
import { stridesOf } from './shape';
import type { AnyTensor } from './tensor';

/** Tensors with more elements than this are summarised. */
const threshold = 1000;
/** Elements shown at either end of a summarised axis, where there is room. */
const edgeItems = 3;
const lineWidth = 80;
const digits = 4;

const fillOp = opNumber('fill');
const copyOp = opNumber('copyStrided');

/** A run of consecutive positions on an axis. */
interface Segment {
  readonly start: number;
  readonly length: number;
}

/** Which positions of each axis are shown: all, or both ends. */
function shownSegments(shape: readonly number[]): Segment[][] {
  // Many short axes still multiply to many elements: fewer are shown per axis then.
  for (let edge = edgeItems; ; edge--) {
    const segments = shape.map((extent) =>
      extent <= 2 * edge
        ? [{ start: 0, length: extent }]
        : [
            { start: 0, length: edge },
            { start: extent - edge, length: edge },
          ],
    );
    const count = shownShape(segments).reduce((product, extent) => product * extent, 1);
    if (edge === 1 || count <= threshold) return segments;
  }
}

function shownShape(segments: readonly (readonly Segment[])[]): number[] {
  return segments.map((axis) => axis.reduce((sum, { length }) => sum + length, 0));
}

/** Every choice of one segment per axis, with the position at which it lands among the shown elements. */
function* blocks(
  segments: readonly (readonly Segment[])[],
  axis = 0,
): Generator<{ readonly source: readonly Segment[]; readonly target: readonly number[] }> {
  if (axis === segments.length) {
    yield { source: [], target: [] };
    return;
  }
  let position = 0;
  for (const segment of segments[axis]) {
    for (const { source, target } of blocks(segments, axis + 1)) {
      yield { source: [segment, ...source], target: [position, ...target] };
    }
    position += segment.length;
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

/** The shown elements, gathered on the device and then read at once. */
function readCorners(tensor: AnyTensor, segments: readonly (readonly Segment[])[]): ArrayLike<number> {
  const shape = shownShape(segments);
  const corners = create1(fillOp, tensor._device, tensor.dtype, shape, { value: 0 });
  try {
    const srcStrides = stridesOf(tensor.shape);
    const dstStrides = stridesOf(shape);
    for (const { source, target } of blocks(segments)) {
      runInPlace(copyOp, [tensor], [corners], {
        rank: shape.length,
        dims: source.map(({ length }) => length),
        srcStrides,
        dstStrides,
        srcOffset: dot(
          source.map(({ start }) => start),
          srcStrides,
        ),
        dstOffset: dot(target, dstStrides),
      });
    }
    return corners.dataSync();
  } finally {
    corners.dispose();
  }
}

function decimals(text: string): number {
  const [, fraction = ''] = /\.(\d*?)0*(?:e|$)/.exec(text) ?? [];
  return fraction.length;
}

function mostDecimals(values: readonly number[], text: (value: number) => string): number {
  return values.reduce((most, value) => Math.max(most, decimals(text(value))), 0);
}

/** Plain decimals where they are readable, the exponential form where magnitudes are far apart or extreme. */
function floatFormatter(values: readonly number[]): (value: number) => string {
  const finite = values.filter(Number.isFinite);
  const magnitudes = finite.filter((value) => value !== 0).map(Math.abs);
  const largest = magnitudes.reduce((a, b) => Math.max(a, b), 0);
  const smallest = magnitudes.reduce((a, b) => Math.min(a, b), Infinity);
  const sign = (value: number) => (Object.is(value, -0) ? '-' : '');
  if (largest < 1e7 && finite.every(Number.isInteger)) {
    return (value) => (Number.isFinite(value) ? `${sign(value)}${value}.` : String(value));
  }
  if (largest >= 1e7 || smallest < 1e-4 || largest / smallest > 1e5) {
    const places = mostDecimals(finite, (value) => value.toExponential(digits));
    return (value) => (Number.isFinite(value) ? sign(value) + value.toExponential(places) : String(value));
  }
  const places = mostDecimals(finite, (value) => value.toFixed(digits));
  return (value) => (Number.isFinite(value) ? sign(value) + value.toFixed(places) : String(value));
}

function formatter(dtype: DType, values: readonly number[]): (value: number) => string {
  if (dtype === 'bool') return (value) => (value === 0 ? 'false' : 'true');
  return dtype === 'float32' || dtype === 'float64' ? floatFormatter(values) : String;
}

/** The innermost brackets: as many elements per line as fit, continued below the first. */
function writeRow(cells: readonly string[], gap: number, indent: number): string {
  const parts = gap > 0 ? [...cells.slice(0, gap), '...', ...cells.slice(gap)] : cells;
  const width = Math.max(1, ...parts.map((part) => part.length)) + 2;
  const perLine = Math.max(1, Math.floor((lineWidth - indent) / width));
  const lines: string[] = [];
  for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(', '));
  return `[${lines.join(`,\n${' '.repeat(indent)}`)}]`;
}

/** @param gaps Per axis, the number of positions before the `...`; 0 where all are shown. */
function write(cells: readonly string[], shape: readonly number[], gaps: readonly number[], indent = 1): string {
  if (shape.length === 0) return cells[0];
  if (shape.length === 1) return writeRow(cells, gaps[0], indent);
  const [extent, ...inner] = shape;
  const step = cells.length / extent;
  const rows = Array.from({ length: extent }, (_, i) =>
    write(cells.slice(i * step, (i + 1) * step), inner, gaps.slice(1), indent + 1),
  );
  if (gaps[0] > 0) rows.splice(gaps[0], 0, '...');
  return `[${rows.join(`,${'\n'.repeat(inner.length)}${' '.repeat(indent)}`)}]`;
}

function writeValues(tensor: AnyTensor): string {
  const { shape, size, dtype } = tensor;
  if (size === 0) return '[]';
  const segments = size > threshold ? shownSegments(shape) : shape.map((extent) => [{ start: 0, length: extent }]);
  const all = segments.every((axis) => axis.length === 1);
  const values = Array.from(all ? tensor.dataSync() : readCorners(tensor, segments));
  const texts = values.map(formatter(dtype, values));
  const width = Math.max(...texts.map((text) => text.length));
  const gaps = segments.map((axis) => (axis.length === 1 ? 0 : axis[0].length));
  return write(
    texts.map((text) => text.padStart(width)),
    shownShape(segments),
    gaps,
  );
}

/**
 * Header and values. A tensor that cannot be read shows why instead: an inspector must not throw. Waits for the values, and
 * reads at most the elements it shows.
 */
export function inspectTensor(tensor: AnyTensor): string {
  const header = tensor.toString();
  if (tensor.disposed) return `${header} (disposed)`;
  try {
    return `${header}${tensor.shape.length < 2 ? ' ' : '\n'}${writeValues(tensor)}`;
  } catch (error) {
    return `${header} (cannot be read: ${error instanceof Error ? error.message : String(error)})`;
  }
}

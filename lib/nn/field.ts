// Receptive fields: which part of the input one element of an output depends on.
import { ArgumentError } from '../errors';

/** One axis of a receptive field, in elements of the input. */
export interface FieldAxis {
  /** How many elements one output element sees. */
  readonly size: number;
  /** Distance between the fields of neighbouring outputs. */
  readonly stride: number;
  /** First element that output 0 sees; negative where that is padding. */
  readonly offset: number;
}

/** A field along each spatial axis; none while no layer had such axes. */
export type Field = readonly FieldAxis[];

/** A window along one axis. */
export interface Taps {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first element. */
  readonly before: number;
}

/** What one element sees of itself. */
const itself: FieldAxis = { size: 1, stride: 1, offset: 0 };
/** Everything, however large. */
const everything: FieldAxis = { size: Infinity, stride: 1, offset: -Infinity };

function axesOf(op: string, field: Field, count: number): Field {
  if (field.length === 0) return Array.from({ length: count }, () => itself);
  if (field.length === count) return field;
  throw new ArgumentError(
    `receptiveField: ${op} has windows over ${count} axes, the layers before it over ${field.length}`,
  );
}

/** The field behind windows. @internal */
export function extendByWindow(op: string, field: Field, taps: readonly Taps[]): Field {
  return axesOf(op, field, taps.length).map(({ size, stride, offset }, i) => {
    const { kernel, stride: step, dilation, before } = taps[i];
    return {
      size: size + dilation * (kernel - 1) * stride,
      stride: stride * step,
      offset: offset - before * stride,
    };
  });
}

/** The field behind windows that spread each input instead of gathering inputs. @internal */
export function extendByTransposed(op: string, field: Field, taps: readonly Taps[]): Field {
  return axesOf(op, field, taps.length).map(({ size, stride, offset }, i) => {
    const { kernel, stride: step, dilation, before } = taps[i];
    const reach = dilation * (kernel - 1) + 1;
    return {
      size: size + (Math.ceil(reach / step) - 1) * stride,
      stride: stride / step,
      offset: offset + Math.ceil((before - reach + 1) / step) * stride,
    };
  });
}

/** The field of what has seen all positions. @internal */
export function extendToAll(field: Field): Field {
  return Array.from({ length: field.length === 0 ? 2 : field.length }, () => everything);
}

/** The smallest field that holds those of all branches, whose outputs meet position by position. @internal */
export function uniteFields(op: string, fields: readonly Field[]): Field {
  const count = Math.max(...fields.map((field) => field.length));
  const all = fields.map((field) => axesOf(op, field, count));
  return Array.from({ length: count }, (_, i) => {
    const axes = all.map((field) => field[i]);
    const [{ stride }] = axes;
    const other = axes.find((axis) => axis.stride !== stride && Number.isFinite(axis.size));
    if (other !== undefined && Number.isFinite(axes[0].size)) {
      throw new ArgumentError(
        `receptiveField: branches of ${op} have strides ${stride} and ${other.stride}; their outputs do not meet`,
      );
    }
    if (axes.some(({ size }) => size === Infinity)) return everything;
    const offset = Math.min(...axes.map((axis) => axis.offset));
    const end = Math.max(...axes.map((axis) => axis.offset + axis.size));
    return { size: end - offset, stride, offset };
  });
}

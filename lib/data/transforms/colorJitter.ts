// Random brightness, contrast, saturation and hue.
import { expectFinite, expectPlainOptions } from '../../checkValues';
import { ArgumentError } from '../../errors';
import { describe } from '../../text';
import type { SampleRandom } from '../random';
import type { HostImage } from '../sample';
import { expectChannels, imageOf, pixelsLike, type TransformFunction, unitOf } from './pixels';

/** How much: a number for a range around "unchanged", or the range itself. */
export type Amount = number | readonly [low: number, high: number];

/** Options of `colorJitter()`; what is left out stays as it is. */
export interface ColorJitterOptions {
  /** A factor, uniform on [max(0, 1 - amount), 1 + amount] or on the range given. */
  brightness?: Amount;
  contrast?: Amount;
  saturation?: Amount;
  /** A part of the colour circle, uniform on [-amount, amount] or on the range given, at most [-0.5, 0.5]. */
  hue?: Amount;
}

type Range = readonly [low: number, high: number];

/** Made by `colorJitter()`. */
export interface ColorJitter {
  readonly kind: 'colorJitter';
  /** `null` for what stays as it is. */
  readonly brightness: Range | null;
  readonly contrast: Range | null;
  readonly saturation: Range | null;
  readonly hue: Range | null;
}

/**
 * Random changes of colour, in random order (Howard, arXiv:1312.5402; the formulas are torchvision's). On values between 0 and
 * 1, each step clamped to that range:
 *
 * - brightness: f * x
 * - contrast: f * x + (1 - f) * m, m the mean of the image's grey g = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)
 * - saturation: f * x + (1 - f) * g, g that pixel's grey
 * - hue: the pixel's angle in the HSV hexcone (Smith, 1978) turned by h circles
 *
 * Belongs before `normalise()`. An image of one channel is grey: saturation and hue leave it as it is.
 *
 * @throws ArgumentError; while loading, ShapeError for an image with other than 1 or 3 channels.
 * @example colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 })
 */
export function colorJitter(options: ColorJitterOptions): ColorJitter {
  const names = ['brightness', 'contrast', 'saturation', 'hue'] as const;
  const { brightness, contrast, saturation, hue } = expectPlainOptions('colorJitter', options, names);
  return {
    kind: 'colorJitter',
    brightness: rangeOf('brightness', brightness, 1, 0, Infinity),
    contrast: rangeOf('contrast', contrast, 1, 0, Infinity),
    saturation: rangeOf('saturation', saturation, 1, 0, Infinity),
    hue: rangeOf('hue', hue, 0, -0.5, 0.5),
  };
}

/** `unchanged` is the value in the middle of a range that is given as a number. */
function rangeOf(
  name: string,
  amount: Amount | undefined,
  unchanged: number,
  low: number,
  high: number,
): [number, number] | null {
  const op = 'colorJitter';
  if (amount === undefined) return null;
  if (typeof amount === 'number') {
    expectFinite(op, name, amount, 0, high);
    return [Math.max(low, unchanged - amount), unchanged + amount];
  }
  if (!Array.isArray(amount) || amount.length !== 2) {
    throw new ArgumentError(`${op}: ${name} must be a number or [low, high], given ${describe(amount)}`);
  }
  const range: [number, number] = [
    expectFinite(op, `${name}[0]`, amount[0], low, high),
    expectFinite(op, `${name}[1]`, amount[1], low, high),
  ];
  if (range[0] > range[1]) throw new ArgumentError(`${op}: ${name} must be [low, high], given ${describe(amount)}`);
  return range;
}

/** One change of an image's values between 0 and 1, in place. */
type Change = (x: Float32Array, plane: number) => void;

export function buildColorJitter({ brightness, contrast, saturation, hue }: ColorJitter): TransformFunction {
  return (image, random) => {
    expectChannels('colorJitter', image, [1, 3]);
    const draw = (range: Range | null, change: (amount: number) => Change): Change | null =>
      range === null ? null : change(random.uniform(range[0], range[1]));
    const changes = [
      draw(brightness, brighten),
      draw(contrast, changeContrast),
      draw(saturation, saturate),
      draw(hue, turnHue),
    ];
    shuffle(changes, random);
    return applyChanges(image, changes);
  };
}

function shuffle<T>(list: T[], random: SampleRandom): void {
  for (let last = list.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [list[last], list[other]] = [list[other], list[last]];
  }
}

function applyChanges(image: HostImage, changes: readonly (Change | null)[]): HostImage {
  const { data, shape } = image;
  const unit = unitOf(image);
  const x = new Float32Array(data.length);
  for (let i = 0; i < x.length; i++) x[i] = data[i] / unit;
  for (const change of changes) change?.(x, shape[1] * shape[2]);
  const result = pixelsLike(image, data.length);
  for (let i = 0; i < x.length; i++) result[i] = x[i] * unit;
  return imageOf(result, shape);
}

/** Grey of the pixel at `i` of its plane. */
function grey(x: Float32Array, plane: number, i: number): number {
  return x.length === plane ? x[i] : 0.299 * x[i] + 0.587 * x[plane + i] + 0.114 * x[2 * plane + i];
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

function brighten(factor: number): Change {
  return (x) => {
    for (let i = 0; i < x.length; i++) x[i] = clamp(factor * x[i]);
  };
}

function changeContrast(factor: number): Change {
  return (x, plane) => {
    let sum = 0;
    for (let i = 0; i < plane; i++) sum += grey(x, plane, i);
    const mean = sum / plane;
    for (let i = 0; i < x.length; i++) x[i] = clamp(factor * x[i] + (1 - factor) * mean);
  };
}

function saturate(factor: number): Change {
  return (x, plane) => {
    for (let i = 0; i < plane; i++) {
      const g = grey(x, plane, i);
      for (let j = i; j < x.length; j += plane) x[j] = clamp(factor * x[j] + (1 - factor) * g);
    }
  };
}

function turnHue(turn: number): Change {
  return (x, plane) => {
    if (x.length === plane) return;
    for (let i = 0; i < plane; i++) {
      const r = x[i];
      const g = x[plane + i];
      const b = x[2 * plane + i];
      const value = Math.max(r, g, b);
      const chroma = value - Math.min(r, g, b);
      if (chroma === 0) continue;
      const angle = hueOf(r, g, b, value, chroma) + 6 * turn;
      x[i] = channelOf(5, angle, value, chroma);
      x[plane + i] = channelOf(3, angle, value, chroma);
      x[2 * plane + i] = channelOf(1, angle, value, chroma);
    }
  };
}

/** In sixths of the circle: red 0, green 2, blue 4. */
function hueOf(r: number, g: number, b: number, value: number, chroma: number): number {
  if (value === r) return (g - b) / chroma;
  return value === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
}

/** Red (offset 5), green (3) or blue (1) of a hue: value - chroma * max(0, min(k, 4 - k, 1)), k = (offset + hue) mod 6. */
function channelOf(offset: number, angle: number, value: number, chroma: number): number {
  const k = (((offset + angle) % 6) + 6) % 6;
  return clamp(value - chroma * Math.max(0, Math.min(k, 4 - k, 1)));
}

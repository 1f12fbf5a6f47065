// The shorthand that problem sets are written in, one convolution:
//
//   N16 64@56x40->128 k3x5 s2x1 p1x2 g4 x3
//
// batch, channels, height x width, filters, kernel, stride, padding, groups, how often the network has it. A number
// stands for a pair of equal ones; what is left out is 1, the padding 0.
import type { ConvShape, Pair } from './shape';

/** A convolution of a network, and how many layers of it are such. */
export interface Layer {
  readonly shape: ConvShape;
  readonly repeats: number;
}

function pair(text: string): Pair {
  const [first, second = first] = text.split('x').map(Number);
  return [first, second];
}

const sizes = /^(\d+)@(\d+(?:x\d+)?)->(\d+)$/;
const option = /^([Nkspgx])(\d+(?:x\d+)?)$/;

/**
 * @throws Error naming the text where it is not a layer in this notation, or a convolution without output.
 */
export function parseLayer(text: string): Layer {
  const wrong = (why: string): Error => new Error(`'${text}' is not a convolution: ${why}`);
  const given = new Map<string, string>();
  let size: RegExpExecArray | null = null;
  for (const word of text.trim().split(/\s+/)) {
    const found = sizes.exec(word);
    const [, name, value] = option.exec(word) ?? [];
    if (found !== null && size === null) size = found;
    else if (name !== undefined && !given.has(name)) given.set(name, value);
    else throw wrong(`'${word}' is not expected, write it like N1 64@56x56->128 k3x3 s1 p1 g1`);
  }
  if (size === null) throw wrong('channels, size and filters are missing, as in 64@56->128');
  const [h, w] = pair(size[2]);
  const number = (name: string): number => {
    const value = given.get(name) ?? '1';
    if (value.includes('x')) throw wrong(`${name} is one number`);
    return Number(value);
  };
  const shape: ConvShape = {
    n: number('N'),
    c: Number(size[1]),
    h,
    w,
    k: Number(size[3]),
    kernel: pair(given.get('k') ?? '1'),
    stride: pair(given.get('s') ?? '1'),
    padding: pair(given.get('p') ?? '0'),
    groups: number('g'),
  };
  const { c, k, kernel, stride, padding, groups } = shape;
  if ([shape.n, c, h, w, k, groups, ...kernel, ...stride].includes(0)) throw wrong('only the padding may be 0');
  if (c % groups !== 0 || k % groups !== 0) throw wrong(`${groups} groups do not divide its channels and filters`);
  if (h + 2 * padding[0] < kernel[0] || w + 2 * padding[1] < kernel[1])
    throw wrong('the kernel is larger than the input');
  return { shape, repeats: number('x') };
}

/** Layers, separated by `|` or new lines. */
export function parseLayers(text: string): Layer[] {
  return text
    .split(/[|\n]/)
    .filter((part) => part.trim() !== '')
    .map(parseLayer);
}

/** A shape in the notation; its batch only where it is not 1. */
export function shapeText({ n, c, h, w, k, kernel, stride, padding, groups }: ConvShape): string {
  const both = ([first, second]: Pair): string => (first === second ? `${first}` : `${first}x${second}`);
  const unless = (usual: string, letter: string, value: string): string[] => (value === usual ? [] : [letter + value]);
  return [
    ...unless('1', 'N', `${n}`),
    `${c}@${both([h, w])}->${k}`,
    `k${both(kernel)}`,
    ...unless('1', 's', both(stride)),
    ...unless('0', 'p', both(padding)),
    ...unless('1', 'g', `${groups}`),
  ].join(' ');
}

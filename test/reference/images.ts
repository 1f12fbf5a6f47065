// Image transforms in float64 with plain loops over [C, H, W], each from its formula.

export interface ReferenceImage {
  readonly data: ArrayLike<number>;
  readonly shape: readonly [number, number, number];
}

type Read = (c: number, y: number, x: number) => number;

function reader({ data, shape: [, h, w] }: ReferenceImage): Read {
  return (c, y, x) => data[(c * h + y) * w + x];
}

function make(channels: number, height: number, width: number, value: Read): number[] {
  const result: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) result.push(value(c, y, x));
  }
  return result;
}

/** The part of `box` in another size: weights max(0, 1 - |i + 0.5 - center| / support), all pairs of inputs. */
export function resizePart(
  image: ReferenceImage,
  box: { top: number; left: number; h: number; w: number },
  height: number,
  width: number,
): number[] {
  const at = reader(image);
  const weight = (i: number, o: number, input: number, output: number): number => {
    const scale = input / output;
    return Math.max(0, 1 - Math.abs(i + 0.5 - (o + 0.5) * scale) / Math.max(scale, 1));
  };
  return make(image.shape[0], height, width, (c, y, x) => {
    let sum = 0;
    let weights = 0;
    for (let i = 0; i < box.h; i++) {
      for (let j = 0; j < box.w; j++) {
        const both = weight(i, y, box.h, height) * weight(j, x, box.w, width);
        sum += both * at(c, box.top + i, box.left + j);
        weights += both;
      }
    }
    return sum / weights;
  });
}

/** Bilinear at a place given from the middle; `fill` outside. */
function bilinear(image: ReferenceImage, fill: number): (c: number, dy: number, dx: number) => number {
  const [, h, w] = image.shape;
  const at = reader(image);
  return (c, dy, dx) => {
    const y = dy + (h - 1) / 2;
    const x = dx + (w - 1) / 2;
    let sum = 0;
    // Every pixel counts by how near it is; those outside are `fill`.
    for (let i = Math.floor(y); i <= Math.floor(y) + 1; i++) {
      for (let j = Math.floor(x); j <= Math.floor(x) + 1; j++) {
        const inside = i >= 0 && i < h && j >= 0 && j < w;
        sum += (1 - Math.abs(y - i)) * (1 - Math.abs(x - j)) * (inside ? at(c, i, j) : fill);
      }
    }
    return sum;
  };
}

export function rotate(image: ReferenceImage, degrees: number, fill: number): number[] {
  const [channels, h, w] = image.shape;
  const at = bilinear(image, fill);
  const t = (degrees / 180) * Math.PI;
  return make(channels, h, w, (c, y, x) => {
    const dy = y - (h - 1) / 2;
    const dx = x - (w - 1) / 2;
    return at(c, dx * Math.sin(t) + dy * Math.cos(t), dx * Math.cos(t) - dy * Math.sin(t));
  });
}

export function distort(image: ReferenceImage, k: number, fill: number): number[] {
  const [channels, h, w] = image.shape;
  const at = bilinear(image, fill);
  const corner = Math.hypot((h - 1) / 2, (w - 1) / 2);
  return make(channels, h, w, (c, y, x) => {
    const dy = y - (h - 1) / 2;
    const dx = x - (w - 1) / 2;
    const factor = 1 + k * (Math.hypot(dy, dx) / corner) ** 2;
    return at(c, dy * factor, dx * factor);
  });
}

export function vignette(image: ReferenceImage, s: number, q: number): number[] {
  const [channels, h, w] = image.shape;
  const at = reader(image);
  const corner = Math.hypot((h - 1) / 2, (w - 1) / 2);
  return make(channels, h, w, (c, y, x) => {
    const r = Math.hypot(y - (h - 1) / 2, x - (w - 1) / 2) / corner;
    return at(c, y, x) * (1 - s * (Math.max(0, r - q) / (1 - q)) ** 2);
  });
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

function greys(image: ReferenceImage): number[] {
  const [channels, h, w] = image.shape;
  const at = reader(image);
  if (channels === 1) return make(1, h, w, at);
  return make(1, h, w, (_, y, x) => 0.299 * at(0, y, x) + 0.587 * at(1, y, x) + 0.114 * at(2, y, x));
}

/** The steps of a colour jitter on values between 0 and 1. */
export const colour = {
  brightness(image: ReferenceImage, f: number): number[] {
    return Array.from(image.data, (x) => clamp(f * x));
  },
  contrast(image: ReferenceImage, f: number): number[] {
    const grey = greys(image);
    const mean = grey.reduce((sum, g) => sum + g, 0) / grey.length;
    return Array.from(image.data, (x) => clamp(f * x + (1 - f) * mean));
  },
  saturation(image: ReferenceImage, f: number): number[] {
    const grey = greys(image);
    return Array.from(image.data, (x, i) => clamp(f * x + (1 - f) * grey[i % grey.length]));
  },
  /** By way of hue, saturation and value, with the six cases written out (Smith, 1978). */
  hue(image: ReferenceImage, turn: number): number[] {
    const plane = image.shape[1] * image.shape[2];
    const result = Array.from(image.data);
    for (let i = 0; i < plane; i++) {
      const rgb = [image.data[i], image.data[plane + i], image.data[2 * plane + i]];
      const turned = fromHsv(toHsv(rgb), turn);
      for (let c = 0; c < 3; c++) result[c * plane + i] = turned[c];
    }
    return result;
  },
};

function toHsv([r, g, b]: readonly number[]): [h: number, s: number, v: number] {
  const v = Math.max(r, g, b);
  const chroma = v - Math.min(r, g, b);
  if (chroma === 0) return [0, 0, v];
  let h = 0;
  if (v === r) h = ((g - b) / chroma) % 6;
  else if (v === g) h = (b - r) / chroma + 2;
  else h = (r - g) / chroma + 4;
  return [h / 6, chroma / v, v];
}

function fromHsv([h, s, v]: readonly [number, number, number], turn: number): number[] {
  const sixths = ((((h + turn) % 1) + 1) % 1) * 6;
  const sector = Math.floor(sixths);
  const f = sixths - sector;
  const p = v * (1 - s);
  const q = v * (1 - s * f);
  const t = v * (1 - s * (1 - f));
  return [
    [v, t, p],
    [q, v, p],
    [p, v, t],
    [p, q, v],
    [t, p, v],
    [v, p, q],
  ][sector];
}

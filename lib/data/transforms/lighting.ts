// Light of another colour: along the principal colours, and per channel.
import { expectFinite, expectInteger } from '../../checkValues';
import type { HostImage } from '../sample';
import { expectChannels, imageOf, pixelsLike, type TransformFunction, unitOf } from './pixels';

/** Made by `lightingJitter()`. */
export interface LightingJitter {
  readonly kind: 'lightingJitter';
  readonly std: number;
}

/**
 * Eigenvalues and eigenvectors (a column each) of the covariance of ImageNet's RGB values between 0 and 1, as published with
 * fb.resnet.torch (Gross & Wilber, 2016).
 */
const eigenvalues = [0.2175, 0.0188, 0.0045] as const;
const eigenvectors = [
  [-0.5675, 0.7192, 0.4009],
  [-0.5808, -0.0045, -0.814],
  [-0.5836, -0.6948, 0.4203],
] as const;

/**
 * AlexNet's change of the colour of the light (Krizhevsky et al., 2012, section 4.1): adds sum_j p[c][j] * a[j] * l[j] to channel
 * c of every pixel, in units where white is 1; p and l are the eigenvectors and eigenvalues of ImageNet's RGB values, a[j] is
 * normal with standard deviation `std`, drawn once per image. Bytes are clamped to 0 … 255, floats are not clamped.
 *
 * @param std 0.1 if left out, as in AlexNet.
 * @throws ArgumentError; while loading, ShapeError for an image with other than 3 channels.
 */
export function lightingJitter(std = 0.1): LightingJitter {
  return { kind: 'lightingJitter', std: expectFinite('lightingJitter', 'std', std, 0) };
}

export function buildLightingJitter({ std }: LightingJitter): TransformFunction {
  return (image, random) => {
    expectChannels('lightingJitter', image, [3]);
    return addLight(
      image,
      eigenvalues.map(() => random.normal(0, std)),
    );
  };
}

/** `amounts` along the principal colours. @internal */
export function addLight(image: HostImage, amounts: readonly number[]): HostImage {
  return addPerChannel(
    image,
    eigenvectors.map((row) => row.reduce((sum, p, j) => sum + p * amounts[j] * eigenvalues[j], 0)),
  );
}

/** Made by `colorCast()`. */
export interface ColorCast {
  readonly kind: 'colorCast';
  readonly levels: number;
}

/**
 * Colour casting, after "Deep Image" (Wu et al., arXiv:1501.02876): for each channel a coin decides whether it changes; if so,
 * n / 255 is added to its values, n uniform on the integers from -levels to levels. Bytes are clamped to 0 … 255, floats are not.
 *
 * @param levels From 0 to 255; 20 if left out, as in the paper.
 * @throws ArgumentError.
 */
export function colorCast(levels = 20): ColorCast {
  return { kind: 'colorCast', levels: expectInteger('colorCast', 'levels', levels, 0, 255) };
}

export function buildColorCast({ levels }: ColorCast): TransformFunction {
  return (image, random) => {
    const shifts = Array.from({ length: image.shape[0] }, () =>
      random.uniform() < 0.5 ? random.integer(-levels, levels) / 255 : 0,
    );
    return addPerChannel(image, shifts);
  };
}

/** Adds `shifts[c]`, in units where white is 1. */
function addPerChannel(image: HostImage, shifts: readonly number[]): HostImage {
  const { data, shape } = image;
  const plane = shape[1] * shape[2];
  const result = pixelsLike(image, data.length);
  for (let c = 0; c < shape[0]; c++) {
    const shift = shifts[c] * unitOf(image);
    for (let i = c * plane; i < (c + 1) * plane; i++) result[i] = data[i] + shift;
  }
  return imageOf(result, shape);
}

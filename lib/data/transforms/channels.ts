import { expectInteger } from '../../checkValues';
import { expectChannels, imageOf, pixelsLike, type TransformFunction } from './pixels';

/** Made by `repeatChannels()`. */
export interface RepeatChannels {
  readonly kind: 'repeatChannels';
  readonly channels: number;
}

/**
 * A grey image [1, H, W] with its channel repeated, [channels, H, W]: for a network that takes colours.
 *
 * @param channels An integer >= 1; 3 if left out.
 * @throws ArgumentError; while loading, ShapeError for an image with other than 1 channel.
 */
export function repeatChannels(channels = 3): RepeatChannels {
  return { kind: 'repeatChannels', channels: expectInteger('repeatChannels', 'channels', channels, 1) };
}

export function buildRepeatChannels({ channels }: RepeatChannels): TransformFunction {
  return (image) => {
    expectChannels('repeatChannels', image, [1]);
    const { data, shape } = image;
    const result = pixelsLike(image, channels * data.length);
    for (let c = 0; c < channels; c++) result.set(data, c * data.length);
    return imageOf(result, [channels, shape[1], shape[2]]);
  };
}

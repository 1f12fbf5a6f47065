import fc from 'fast-check';
import type { Conv3dOptions } from '../reference/conv3d';

/** Random convolutions over volumes: D, H, W and T, R, S are drawn one by one, and all six sides of the padding. */
export interface VolumeProblem {
  readonly inputShape: number[];
  readonly weightShape: number[];
  readonly options: Conv3dOptions;
  /** Seed of the values. */
  readonly seed: number;
}

const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const axis = fc.record({
  kernel: small(1, 3),
  stride: small(1, 3),
  dilation: small(1, 3),
  before: small(0, 3),
  after: small(0, 3),
  // Input beyond the smallest that gives one output element.
  extra: small(0, 5),
});

export const volumeProblems: fc.Arbitrary<VolumeProblem> = fc
  .record({
    axes: fc.tuple(axis, axis, axis),
    batch: small(1, 2),
    groups: small(1, 2),
    channelsPerGroup: small(1, 3),
    filtersPerGroup: small(1, 4),
    seed: fc.nat(),
  })
  .map(({ axes, batch, groups, channelsPerGroup, filtersPerGroup, seed }) => {
    const extents = axes.map((a) => Math.max(1, (a.kernel - 1) * a.dilation + 1 - a.before - a.after) + a.extra);
    const [z, y, x] = axes;
    return {
      inputShape: [batch, groups * channelsPerGroup, ...extents],
      weightShape: [groups * filtersPerGroup, channelsPerGroup, ...axes.map((a) => a.kernel)],
      options: {
        stride: [z.stride, y.stride, x.stride] as const,
        dilation: [z.dilation, y.dilation, x.dilation] as const,
        padding: {
          ...{ front: z.before, back: z.after },
          ...{ top: y.before, bottom: y.after, left: x.before, right: x.after },
        },
        groups,
      },
      seed,
    };
  });

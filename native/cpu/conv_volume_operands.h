// The matrices of a convolution over volumes [C, D, H, W] as operands of gemm(): those of its planes
// (conv_operands.h), one for each tap along z. The product is over k = (t, channel, r, s), so that a tap's steps, which
// read one plane of each channel or none, are neighbours.
//
// An item is a plane of the result and a group, plane * groups + group, in one image.
#pragma once

#include "conv_operands.h"

namespace receptive::RECEPTIVE_TARGET {

// Calls visit(t, first, count, dst) for the steps [k0, k0 + kc), `steps` of each tap t.
template <class T, class F>
RECEPTIVE_FN void each_tap(std::int64_t steps, std::int64_t k0, std::int64_t kc, int width, T* dst, F visit) {
  for (std::int64_t t = k0 / steps, first = k0 % steps; kc > 0; ++t, first = 0) {
    const std::int64_t count = min_of(steps - first, kc);
    visit(t, first, count, dst);
    dst += count * width;
    kc -= count;
  }
}

// Element (k, j): forward (kSpread false) the input under tap (t, c, r, s) of pixel j in a plane of the output;
// backward (true) the gradient of the output whose tap (t, k, r, s) reads pixel j in a plane of the input, or 0.
template <class T, bool kSpread>
struct DepthOperand {
  WindowOperand<T, kSpread> windows;  // of an image's first plane
  Axis z;
  std::int64_t pixels;  // of a plane that is read
  std::int64_t steps;   // of a tap

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    const std::int64_t groups = windows.planes.groups;
    each_tap(steps, k0, kc, width, dst, [&](std::int64_t t, std::int64_t first, std::int64_t taken, T* to) {
      const std::int64_t plane = source(item / groups, t);
      if (plane < 0) {
        for (std::int64_t i = 0; i < taken * width; i += kLanes<T>) Pack<T, kLanes<T>>(T{0}).write(to + i);
        return;
      }
      WindowOperand<T, kSpread> of = windows;
      of.planes.base += plane * pixels;
      of.pack(item % groups, first, taken, j0, count, width, to);
    });
  }

 private:
  // The plane that tap t reads, or -1.
  RECEPTIVE_FN std::int64_t source(std::int64_t plane, std::int64_t t) const {
    if constexpr (kSpread) {
      const std::int64_t up = plane + z.before - t * z.dilation;
      const std::int64_t at = up / z.stride;
      return up >= 0 && at < z.output && at * z.stride == up ? at : -1;
    } else {
      const std::int64_t at = z.first(plane) + t * z.dilation;
      return at >= 0 && at < z.input ? at : -1;
    }
  }
};

// The weights [K, C/groups, T, R, S] for it: `first` are those of tap 0, those of the next one follow `taps` = R * S
// later.
template <class T>
struct DepthWeights {
  WeightOperand<T> first;
  std::int64_t taps;
  std::int64_t steps;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    each_tap(steps, k0, kc, width, dst, [&](std::int64_t t, std::int64_t from, std::int64_t taken, T* to) {
      WeightOperand<T> of = first;
      of.base += t * taps;
      of.pack(item, from, taken, j0, count, width, to);
    });
  }
};

// For the gradient by weight where its windows reach so far that lines cannot be copied. Element (k, j): k = (image,
// output voxel), j = (c, t, r, s): the input under that tap.
template <class T>
struct VoxelOperand {
  Planes<T> planes;  // items are groups only
  Axis z, y, x;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    const std::int64_t area = y.output * x.output;
    for (std::int64_t k = 0; k < kc; ++k, dst += width) {
      const std::int64_t image = (k0 + k) / (z.output * area), voxel = (k0 + k) % (z.output * area);
      const std::int64_t depth = z.first(voxel / area), row = y.first(voxel % area / x.output),
                         column = x.first(voxel % x.output);
      const T* base = planes.base + item * planes.group_stride + image * planes.image_stride;
      for (int j = 0; j < width; ++j) {
        const std::int64_t line = (j0 + j) / x.kernel, plane = line / y.kernel;
        const std::int64_t iz = depth + plane % z.kernel * z.dilation, iy = row + line % y.kernel * y.dilation,
                           ix = column + (j0 + j) % x.kernel * x.dilation;
        const bool inside = j < count && iz >= 0 && iz < z.input && iy >= 0 && iy < y.input && ix >= 0 && ix < x.input;
        const std::int64_t channel = plane / z.kernel * planes.channel_stride;
        dst[j] = inside ? base[channel + (iz * y.input + iy) * x.input + ix] : T{0};
      }
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET

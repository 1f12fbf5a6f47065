// The gradient by input of a convolution with strides falls into phases: input pixels whose index leaves the same
// remainder by the stride are reached by the same taps, a class of them.
#pragma once

#include "conv_shape.h"

namespace receptive::RECEPTIVE_TARGET {

// The taps first, first + step, … with tap * dilation % stride == remainder.
struct TapClass {
  std::int64_t first, count, step;
  std::int64_t before;  // taps of the classes with a smaller remainder

  RECEPTIVE_COLD TapClass(const Axis& axis, std::int64_t remainder) : first(0), count(0), step(1), before(0) {
    while (step * axis.dilation % axis.stride != 0) ++step;
    for (std::int64_t r = 0; r < min_of(step, axis.kernel); ++r) {
      const std::int64_t of = r * axis.dilation % axis.stride, taps = (axis.kernel - 1 - r) / step + 1;
      if (of == remainder) first = r, count = taps;
      if (of < remainder) before += taps;
    }
  }

  // The phase of pixels `phase`, phase + stride, … as an axis of stride 1; `pixels` of them.
  RECEPTIVE_FN Axis axis(const Axis& whole, std::int64_t phase, std::int64_t pixels) const {
    return Axis{pixels,
                whole.output,
                count,
                1,
                (phase + whole.before - first * whole.dilation) / whole.stride,
                0,
                step * whole.dilation / whole.stride};
  }
};

RECEPTIVE_FN bool few_phases(std::int64_t z, std::int64_t y, std::int64_t x) {
  constexpr std::int64_t kMost = 64;
  return z <= kMost && y <= kMost && x <= kMost && z * y * x <= kMost;
}
RECEPTIVE_FN bool few_phases(const ConvAttrs& a) { return few_phases(1, a.stride.h, a.stride.w); }

// What the weights in packed form depend on where their taps are in classes, beside their sizes: 16 bits of an axis.
RECEPTIVE_FN std::uint64_t classes_of_taps(std::int64_t stride, std::int64_t dilation) {
  return static_cast<std::uint64_t>(stride << 8 | dilation % stride);
}
RECEPTIVE_FN std::uint64_t classes_of_taps(const ConvAttrs& a) {
  return classes_of_taps(a.stride.h, a.dilation.h) << 16 | classes_of_taps(a.stride.w, a.dilation.w);
}

}  // namespace receptive::RECEPTIVE_TARGET

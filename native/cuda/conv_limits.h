// What convolutions on a GPU count in 32 bits: pixels, steps and positions.
#pragma once

#include "../ops/conv_shape.h"

namespace receptive::RECEPTIVE_TARGET {

// Why the kernels do not compute a problem whose numbers fit each other; null: they do.
RECEPTIVE_HOST_FN const char* too_large(const ConvShape& s) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  std::int64_t positions = 1;
  const Axis axes[] = {s.z, s.y, s.x};
  for (const Axis& a : axes) {
    const std::int64_t reach = saturating_product(a.kernel, a.dilation);
    const std::int64_t length = a.input + a.before + a.after;
    if (length >= kMost || reach >= kMost || saturating_product(a.output, a.stride) >= 2 * kMost) {
      return "an axis and its padding, or a window, is too long for a CUDA device (2^30)";
    }
    // In planes, the product of two lengths, they fit.
    if (max_of(length, reach) > kMost * kMost / positions) {
      return "a volume and its padding, or a window, is too large for a CUDA device (2^60)";
    }
    positions *= max_of(length, reach);
  }
  const auto pixels = [&](std::int64_t depth, std::int64_t plane) {
    return saturating_product(s.images, saturating_product(depth, plane));
  };
  if (pixels(s.z.output, s.out_pixels) >= 2 * kMost || pixels(s.z.input, s.in_pixels) >= 2 * kMost ||
      saturating_product(max_of(s.channels, s.filters), saturating_product(s.z.kernel, s.taps)) >= 2 * kMost) {
    return "too many pixels, or weights of a filter, for a CUDA device (2^31)";
  }
  return nullptr;
}

}  // namespace receptive::RECEPTIVE_TARGET

// Weights as an operand of gemm_kernel.h: for each group a matrix whose steps are (tap, channel that is summed over)
// and whose rows, the channels of the result, are contiguous and padded with zeros to 16 bytes. For the gradient by
// input with strides, the taps are in the order of their classes (ops/tap_class.h).
#pragma once

#include "../ops/tap_class.h"
#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct PackedWeights {
  std::int64_t depth, taps, width, padded, groups;

  PackedWeights(const ConvShape& s, bool back)
      : depth(back ? s.filters : s.channels),
        taps(s.deep_taps()),
        width(back ? s.channels : s.filters),
        padded(round_up(width, 16 / static_cast<std::int64_t>(sizeof(T)))),
        groups(s.groups) {}

  std::int64_t group_elements() const { return taps * depth * padded; }
  std::int64_t bytes() const { return round_up(groups * group_elements() * static_cast<std::int64_t>(sizeof(T)), 64); }
  // Kept with the weights, where that is not too much; else made anew in the workspace.
  bool kept() const { return bytes() <= kMostPackedBytes; }
  std::int64_t workspace() const { return kept() ? 0 : bytes(); }
};

// A row of the packed form: one tap, one channel that is summed over.
template <class T, bool kDeep>
struct PackWeights {
  using Element = T;
  static constexpr bool kOverlap = false;
  const T* weight;
  T* packed;
  std::int64_t depth, taps, width, padded;
  std::int64_t depth_stride, width_stride;  // in the weights
  Axis z, y, x;                             // of the classes; stride 1 where there are none

  struct Row {
    const T* from;
    T* to;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const std::int64_t tap = index % taps, plane = index / taps;
    const std::int64_t group = plane / depth, d = plane - group * depth;
    const std::int64_t line = tap / x.kernel, s = tap - line * x.kernel;
    const std::int64_t t = kDeep ? line / y.kernel : 0, r = line - t * y.kernel;
    const TapClass of_y(y, r * y.dilation % y.stride), of_x(x, s * x.dilation % x.stride);
    std::int64_t lines = of_y.count, before = of_y.before, down = (r - of_y.first) / of_y.step;
    if constexpr (kDeep) {
      const TapClass of_z(z, t * z.dilation % z.stride);
      down += (t - of_z.first) / of_z.step * lines;
      before = of_z.before * y.kernel + of_z.count * before;
      lines *= of_z.count;
    }
    const std::int64_t at = before * x.kernel + lines * of_x.before + down * of_x.count + (s - of_x.first) / of_x.step;
    return Row{weight + group * depth * width * taps + d * depth_stride + tap,
               packed + ((group * taps + at) * depth + d) * padded};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    p.store(row.to + begin, Pack<T, 1>(begin < width ? row.from[begin * width_stride] : T{0}));
  }
};

// The packed form of the weights, from the stream's cache or made now.
template <bool kDeep, class T, class X>
const T* packed_weights(const X& executor, const ConvShape& s, bool back, const T* weight, std::byte* workspace) {
  const PackedWeights<T> form(s, back);
  T* packed = reinterpret_cast<T*>(form.kept() ? executor.packed() : workspace);
  if (form.kept() && executor.packed_ready()) return packed;
  Axis z = s.z, y = s.y, x = s.x;
  if (!back) z.stride = y.stride = x.stride = 1;
  executor.rows(form.groups * form.depth * form.taps, form.padded,
                PackWeights<T, kDeep>{weight, packed, form.depth, form.taps, form.width, form.padded,
                                      back ? s.deep_products() : s.deep_taps(),
                                      back ? s.deep_taps() : s.deep_products(), z, y, x});
  return packed;
}

}  // namespace receptive::RECEPTIVE_TARGET

// im2col without columns: the elements of a convolution's matrix are found while a stage of gemm_kernel.h is copied. An
// element is that under a tap (channel, r, s) of a window, a pixel of the result: what each of the two adds to the
// position in the source is worked out once, and an element takes an addition and two comparisons. Padding is zeros.
//
// Of a convolution over volumes (kDeep) pixels and taps have a third coordinate: the taps are (channel, t, r, s).
#pragma once

#include "../ops/conv_shape.h"
#include "fast_divider.h"
#include "gemm.h"
#include "matrix_copier.h"

namespace receptive::RECEPTIVE_TARGET {

// One axis: result q reads under tap t the source's position q * scale + offset + t * step.
struct GatherAxis {
  FastDivider pixels, taps;
  int scale, offset, step;
  int first, stride;  // result q is written at first + q * stride
  int tap_count;      // 0 where no tap reaches the results; `taps` is then not used
  int before;         // taps in the classes before, of packed weights

  // That of the windows themselves.
  static GatherAxis of(const Axis& a) {
    return {FastDivider::by(max_of(1, a.output)),
            FastDivider::by(a.kernel),
            static_cast<int>(a.stride),
            static_cast<int>(-a.before),
            static_cast<int>(a.dilation),
            0,
            1,
            static_cast<int>(a.kernel),
            0};
  }
};

template <bool kDeep>
struct Position {
  int y, x;

  __device__ __forceinline__ Position operator+(const Position& other) const { return {y + other.y, x + other.x}; }
};
template <>
struct Position<true> {
  int y, x, z;

  __device__ __forceinline__ Position operator+(const Position& other) const {
    return {y + other.y, x + other.x, z + other.z};
  }
};

// An image of a channel.
template <bool kDeep>
struct Box {
  int height, width, depth;

  __device__ __forceinline__ std::int64_t index(const Position<kDeep>& at) const {
    std::int64_t line = at.y;
    if constexpr (kDeep) line += std::int64_t{at.z} * height;
    return line * width + at.x;
  }
  __device__ __forceinline__ bool holds(const Position<kDeep>& at) const {
    bool inside = true;
    if constexpr (kDeep) inside = static_cast<unsigned>(at.z) < static_cast<unsigned>(depth);
    return inside && static_cast<unsigned>(at.y) < static_cast<unsigned>(height) &&
           static_cast<unsigned>(at.x) < static_cast<unsigned>(width);
  }
};

template <bool kDeep>
struct GatherAxes {
  const GatherAxis& y;
  const GatherAxis& x;
  const GatherAxis& z;  // where kDeep

  struct Pixel {
    int image;
    Position<kDeep> at;
  };
  // Result q of all images.
  __device__ __forceinline__ Pixel pixel(int q) const {
    const int line = x.pixels.quotient(q), plane = y.pixels.quotient(line);
    Pixel pixel;
    pixel.image = plane;
    pixel.at.y = line - plane * y.pixels.size();
    pixel.at.x = q - line * x.pixels.size();
    if constexpr (kDeep) {
      pixel.image = z.pixels.quotient(plane);
      pixel.at.z = plane - pixel.image * z.pixels.size();
    }
    return pixel;
  }
  __device__ __forceinline__ Position<kDeep> tap(int t) const {
    const int line = x.taps.quotient(t);
    Position<kDeep> tap;
    tap.y = line;
    tap.x = t - line * x.taps.size();
    if constexpr (kDeep) {
      tap.z = y.taps.quotient(line);
      tap.y = line - tap.z * y.taps.size();
    }
    return tap;
  }

  // f(axis, coordinate) of each.
  template <class F>
  __device__ __forceinline__ Position<kDeep> map(const Position<kDeep>& at, F f) const {
    Position<kDeep> result;
    result.y = f(y, at.y);
    result.x = f(x, at.x);
    if constexpr (kDeep) result.z = f(z, at.z);
    return result;
  }
};

// What is read. Positions fit int: see conv_limits.h.
template <class T, bool kDeep>
struct Gather {
  using Axes = GatherAxes<kDeep>;
  const T* base;
  std::int64_t image_stride, group_stride, channel_stride, pixel_stride;
  Box<kDeep> box;
  FastDivider channels;  // of a group
  FastDivider window;    // taps

  // Added up, a pixel's and a tap's are where an element is.
  struct Part {
    std::int64_t offset;  // elements
    Position<kDeep> at;
  };

  __device__ __forceinline__ Part pixel(int q, const Axes& axes) const {
    const auto pixel = axes.pixel(q);
    const auto at = axes.map(pixel.at, [](const GatherAxis& a, int i) { return i * a.scale + a.offset; });
    return {pixel.image * image_stride + box.index(at) * pixel_stride, at};
  }
  __device__ __forceinline__ Part tap(int channel, int tap, const Axes& axes) const {
    const auto at = axes.map(axes.tap(tap), [](const GatherAxis& a, int i) { return i * a.step; });
    return {channel * channel_stride + box.index(at) * pixel_stride, at};
  }
  // The order (r, s, channel), and (channel, r, s).
  __device__ __forceinline__ Part step_tap(int k, const Axes& axes) const {
    const int t = channels.quotient(k);
    return tap(k - t * channels.size(), t, axes);
  }
  __device__ __forceinline__ Part column_tap(int j, const Axes& axes) const {
    const int channel = window.quotient(j);
    return tap(channel, j - channel * window.size(), axes);
  }
};

// Sizes are those of the planes, or volumes.
template <bool kDeep, class T>
Gather<T, kDeep> gather_of(const Planes<T>& planes, std::int64_t depth, std::int64_t height, std::int64_t width,
                           std::int64_t channels, std::int64_t taps) {
  return {planes.base,
          planes.image_stride,
          planes.group_stride,
          planes.channel_stride,
          planes.pixel_stride,
          {static_cast<int>(height), static_cast<int>(width), static_cast<int>(depth)},
          FastDivider::by(max_of(1, channels)),
          FastDivider::by(taps)};
}

// Pixels across, which are neighbours in memory; steps in the order (r, s, channel). kWhole: the channels are a
// multiple of a stage's steps, so that a stage is under one tap. Else a table has the parts of a stage's steps: while
// one stage is copied, a few threads work out those of the next.
template <class Side, bool kWhole, bool kDeep>
class PixelCopier {
 public:
  using T = typename Side::Element;
  using Source = Gather<T, kDeep>;
  using Axes = GatherAxes<kDeep>;
  using Part = typename Source::Part;
  struct StepTable {
    Part parts[2][kGemmSteps];
  };
  using Table = std::conditional_t<kWhole, NoTable, StepTable>;

  __device__ PixelCopier(const Source& gather, const Axes& axes, std::int64_t group, std::int64_t origin,
                         std::int64_t extent, std::int64_t first, Table& table)
      : gather_(gather), axes_(axes), table_(table), step_(static_cast<int>(first)) {
    const int thread = static_cast<int>(threadIdx.x);
    const int j = thread % Side::kWidth;
    k_ = thread / Side::kWidth;
    to_ = (k_ * Side::kPitch + j) * static_cast<int>(sizeof(T));
    const auto part = gather.pixel(static_cast<int>(origin + j < extent ? origin + j : extent - 1), axes);
    from_ = gather.base + group * gather.group_stride + part.offset;
    at_ = part.at;
    if constexpr (!kWhole) {
      if (thread < kGemmSteps) table.parts[0][thread] = gather.step_tap(step_ + thread, axes);
    }
  }

  template <bool kMasked>
  __device__ __forceinline__ void copy(std::uint32_t stage, int steps) {
    std::uint32_t to = stage + to_;
    if constexpr (kWhole) {
      const int t = gather_.channels.quotient(step_);
      const Part part = gather_.tap(step_ - t * gather_.channels.size() + k_, t, axes_);
      const bool inside = gather_.box.holds(at_ + part.at);
      const T* from = from_ + part.offset;
#pragma unroll
      for (int i = 0; i < Side::kElements; ++i) {
        copy_async<static_cast<int>(sizeof(T))>(to + i * kToStep, from, inside);
        from += kDown * gather_.channel_stride;
      }
    } else {
#pragma unroll
      for (int i = 0; i < Side::kElements; ++i) {
        const Part part = table_.parts[slot_][k_ + i * kDown];
        const bool inside = gather_.box.holds(at_ + part.at) && (!kMasked || k_ + i * kDown < steps);
        copy_async<static_cast<int>(sizeof(T))>(to + i * kToStep, from_ + part.offset, inside);
      }
      // The slot was read before the last barrier, and is after the next.
      slot_ = 1 - slot_;
      const int thread = static_cast<int>(threadIdx.x);
      if (thread < kGemmSteps) table_.parts[slot_][thread] = gather_.step_tap(step_ + steps + thread, axes_);
    }
    step_ += steps;
  }

 private:
  static constexpr int kDown = Side::kThreads / Side::kWidth;
  static constexpr int kToStep = kDown * Side::kPitch * static_cast<int>(sizeof(T));
  const Source& gather_;
  const Axes axes_;
  Table& table_;
  const T* from_;
  int step_, k_, to_;
  Position<kDeep> at_;
  int slot_ = 0;
};

// Steps across, in the order of which elements are neighbours in memory. kPixels: steps are pixels, and the width is
// taps in the order (channel, r, s); else steps are taps in the order (r, s, channel), and the width is pixels. A table
// has the part of each position of the width.
template <class Side, bool kDeep>
struct GatherTable {
  typename Gather<typename Side::Element, kDeep>::Part parts[Side::kWidth];
};

template <class Side, bool kPixels, bool kDeep>
class StepCopier {
 public:
  using T = typename Side::Element;
  using Source = Gather<T, kDeep>;
  using Axes = GatherAxes<kDeep>;

  __device__ StepCopier(const Source& gather, const Axes& axes, std::int64_t group, std::int64_t origin,
                        std::int64_t extent, std::int64_t first, GatherTable<Side, kDeep>& table)
      : gather_(gather), axes_(axes), step_(static_cast<int>(first)) {
    const int thread = static_cast<int>(threadIdx.x);
    if (thread < Side::kWidth) {
      const int j = static_cast<int>(origin + thread < extent ? origin + thread : extent - 1);
      table.parts[thread] = kPixels ? gather.column_tap(j, axes) : gather.pixel(j, axes);
    }
    k_ = thread % 8 + thread / 32 % 2 * 8;
    const int j = thread % 32 / 8 + thread / 64 * 4;
    to_ = (k_ * Side::kPitch + j) * static_cast<int>(sizeof(T));
    parts_ = table.parts + j;
    base_ = gather.base + group * gather.group_stride;
  }

  template <bool kMasked>
  __device__ __forceinline__ void copy(std::uint32_t stage, int steps) {
    const int k = step_ + k_;
    const auto own = kPixels ? gather_.pixel(k, axes_) : gather_.step_tap(k, axes_);
    const T* from = base_ + own.offset;
    const bool counts = !kMasked || k_ < steps;
    const std::uint32_t to = stage + to_;
#pragma unroll
    for (int i = 0; i < Side::kElements; ++i) {
      const auto part = parts_[i * kAcross];
      const bool inside = counts && gather_.box.holds(own.at + part.at);
      copy_async<static_cast<int>(sizeof(T))>(to + i * kAcross * static_cast<int>(sizeof(T)), from + part.offset,
                                              inside);
    }
    step_ += steps;
  }

 private:
  static constexpr int kAcross = Side::kThreads / kGemmSteps;
  const Source& gather_;
  const Axes axes_;
  const typename Source::Part* parts_;
  const T* base_;
  int step_, k_, to_;
};

}  // namespace receptive::RECEPTIVE_TARGET

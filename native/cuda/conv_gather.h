// im2col without columns: the elements of a convolution's matrix are found while a stage of gemm_kernel.h is copied. An
// element is that under a tap (channel, r, s) of a window, a pixel of the result: what each of the two adds to the
// position in the source is worked out once, and an element takes an addition and two comparisons. Padding is zeros.
#pragma once

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
};

// What is read. Positions fit int: see conv_refused().
template <class T>
struct Gather {
  const T* base;
  std::int64_t image_stride, group_stride, channel_stride, pixel_stride;
  int height, width;
  FastDivider channels;  // of a group
  FastDivider window;    // taps

  // Added up, a pixel's and a tap's are where an element is.
  struct Part {
    std::int64_t offset;  // elements
    int y, x;
  };

  __device__ __forceinline__ Part pixel(int q, const GatherAxis& y, const GatherAxis& x) const {
    const int line = x.pixels.quotient(q), image = y.pixels.quotient(line);
    const int at_y = (line - image * y.pixels.size()) * y.scale + y.offset;
    const int at_x = (q - line * x.pixels.size()) * x.scale + x.offset;
    return {image * image_stride + place(at_y, at_x), at_y, at_x};
  }
  __device__ __forceinline__ Part tap(int channel, int tap, const GatherAxis& y, const GatherAxis& x) const {
    const int r = x.taps.quotient(tap), s = tap - r * x.taps.size();
    return {channel * channel_stride + place(r * y.step, s * x.step), r * y.step, s * x.step};
  }
  // The order (r, s, channel), and (channel, r, s).
  __device__ __forceinline__ Part step_tap(int k, const GatherAxis& y, const GatherAxis& x) const {
    const int t = channels.quotient(k);
    return tap(k - t * channels.size(), t, y, x);
  }
  __device__ __forceinline__ Part column_tap(int j, const GatherAxis& y, const GatherAxis& x) const {
    const int channel = window.quotient(j);
    return tap(channel, j - channel * window.size(), y, x);
  }
  __device__ __forceinline__ bool inside(int y, int x) const {
    return static_cast<unsigned>(y) < static_cast<unsigned>(height) &&
           static_cast<unsigned>(x) < static_cast<unsigned>(width);
  }

 private:
  __device__ __forceinline__ std::int64_t place(int y, int x) const {
    return (std::int64_t{y} * width + x) * pixel_stride;
  }
};

// Pixels across, which are neighbours in memory; steps in the order (r, s, channel). kWhole: the channels are a
// multiple of a stage's steps, so that a stage is under one tap. Else a table has the parts of a stage's steps: while
// one stage is copied, a few threads work out those of the next.
template <class Side, bool kWhole>
class PixelCopier {
 public:
  using T = typename Side::Element;
  using Part = typename Gather<T>::Part;
  struct StepTable {
    Part parts[2][kGemmSteps];
  };
  using Table = std::conditional_t<kWhole, NoTable, StepTable>;

  __device__ PixelCopier(const Gather<T>& gather, const GatherAxis& y, const GatherAxis& x, std::int64_t group,
                         std::int64_t origin, std::int64_t extent, std::int64_t first, Table& table)
      : gather_(gather), y_(y), x_(x), table_(table), step_(static_cast<int>(first)) {
    const int thread = static_cast<int>(threadIdx.x);
    const int j = thread % Side::kWidth;
    k_ = thread / Side::kWidth;
    to_ = (k_ * Side::kPitch + j) * static_cast<int>(sizeof(T));
    const auto part = gather.pixel(static_cast<int>(origin + j < extent ? origin + j : extent - 1), y, x);
    from_ = gather.base + group * gather.group_stride + part.offset;
    at_y_ = part.y, at_x_ = part.x;
    if constexpr (!kWhole) {
      if (thread < kGemmSteps) table.parts[0][thread] = gather.step_tap(step_ + thread, y, x);
    }
  }

  template <bool kMasked>
  __device__ __forceinline__ void copy(std::uint32_t stage, int steps) {
    std::uint32_t to = stage + to_;
    if constexpr (kWhole) {
      const int t = gather_.channels.quotient(step_);
      const Part part = gather_.tap(step_ - t * gather_.channels.size() + k_, t, y_, x_);
      const bool inside = gather_.inside(at_y_ + part.y, at_x_ + part.x);
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
        const bool inside = gather_.inside(at_y_ + part.y, at_x_ + part.x) && (!kMasked || k_ + i * kDown < steps);
        copy_async<static_cast<int>(sizeof(T))>(to + i * kToStep, from_ + part.offset, inside);
      }
      // The slot was read before the last barrier, and is after the next.
      slot_ = 1 - slot_;
      const int thread = static_cast<int>(threadIdx.x);
      if (thread < kGemmSteps) table_.parts[slot_][thread] = gather_.step_tap(step_ + steps + thread, y_, x_);
    }
    step_ += steps;
  }

 private:
  static constexpr int kDown = Side::kThreads / Side::kWidth;
  static constexpr int kToStep = kDown * Side::kPitch * static_cast<int>(sizeof(T));
  const Gather<T>& gather_;
  const GatherAxis& y_;
  const GatherAxis& x_;
  Table& table_;
  const T* from_;
  int step_, k_, to_, at_y_, at_x_;
  int slot_ = 0;
};

// Steps across, in the order of which elements are neighbours in memory. kPixels: steps are pixels, and the width is
// taps in the order (channel, r, s); else steps are taps in the order (r, s, channel), and the width is pixels. A table
// has the part of each position of the width.
template <class Side>
struct GatherTable {
  typename Gather<typename Side::Element>::Part parts[Side::kWidth];
};

template <class Side, bool kPixels>
class StepCopier {
 public:
  using T = typename Side::Element;

  __device__ StepCopier(const Gather<T>& gather, const GatherAxis& y, const GatherAxis& x, std::int64_t group,
                        std::int64_t origin, std::int64_t extent, std::int64_t first, GatherTable<Side>& table)
      : gather_(gather), y_(y), x_(x), step_(static_cast<int>(first)) {
    const int thread = static_cast<int>(threadIdx.x);
    if (thread < Side::kWidth) {
      const int j = static_cast<int>(origin + thread < extent ? origin + thread : extent - 1);
      table.parts[thread] = kPixels ? gather.column_tap(j, y, x) : gather.pixel(j, y, x);
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
    const auto own = kPixels ? gather_.pixel(k, y_, x_) : gather_.step_tap(k, y_, x_);
    const T* from = base_ + own.offset;
    const bool counts = !kMasked || k_ < steps;
    const std::uint32_t to = stage + to_;
#pragma unroll
    for (int i = 0; i < Side::kElements; ++i) {
      const auto part = parts_[i * kAcross];
      const bool inside = counts && gather_.inside(own.y + part.y, own.x + part.x);
      copy_async<static_cast<int>(sizeof(T))>(to + i * kAcross * static_cast<int>(sizeof(T)), from + part.offset,
                                              inside);
    }
    step_ += steps;
  }

 private:
  static constexpr int kAcross = Side::kThreads / kGemmSteps;
  const Gather<T>& gather_;
  const GatherAxis& y_;
  const GatherAxis& x_;
  const typename Gather<T>::Part* parts_;
  const T* base_;
  int step_, k_, to_;
};

}  // namespace receptive::RECEPTIVE_TARGET

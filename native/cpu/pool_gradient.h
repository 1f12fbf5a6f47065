// The CPU's gradients of pooling in NCHW: max_gradient(), average_gradient(), and spread_rows() for averages over
// windows side by side. A window gives its gradient to the element that it chose (max) or an equal share to each
// (average), and an input element adds up what the windows over it give it.
//
// Windows of a few taps with strides of 1 and 2 along the rows are taken in bands, others one by one or tap by tap.
// The windows over a band of input are copied to where every tap is a plain read of a vector: padded by windows that
// give nothing, average's gradients divided, max's indices checked. Columns of input are taken in groups of one per
// phase of the stride; tap s meets the windows `offset(s)` beside the group, all of them in the phase of s. Rows of
// input are taken in pairs, which share most of their windows.
#pragma once

#include "../ops/avg_pool.h"
#include "../ops/index_check.h"
#include "../ops/pool_plan.h"
#include "row_writer.h"

namespace receptive::RECEPTIVE_TARGET {

// Two rows of input and what they read.
template <class T>
struct PoolRows {
  const T* gradient;            // max: line 0 of the band; average: the sums of the lines over each row
  const std::int32_t* indices;  // max only
  std::int64_t pitch;
  Range upper, lower;   // lines of windows over each row
  std::int64_t before;  // padding
  int kernel;
  std::int32_t index;  // of the upper row's first element in its plane
  std::int32_t width;  // of the plane
  std::int64_t columns;
  T* to;
};

// The first of the lines that two rows share, which end with those over the upper one.
RECEPTIVE_FN std::int64_t first_shared(Range upper, Range lower) {
  return min_of(max_of(lower.begin, upper.begin), upper.end);
}

// Windows between a group's first and those of tap s; falls with s.
template <int kStride>
RECEPTIVE_FN std::int64_t tap_offset(std::int64_t before, int s) {
  return (before - s + kStride - 1) >> (kStride - 1);
}

// Adds up two rows. Columns go backwards: what is written past the end of the upper row is then overwritten by the
// lower one. kKernel: the taps of a row where the compiler knows them, or 0.
template <class T, bool kMax, int kStride, int kKernel>
__attribute__((noinline)) void two_rows(const PoolRows<T>& shared_rows) {
  constexpr int N = kLanes<T>;
  using Indices = Pack<std::int32_t, N>;
  const PoolRows<T> rows = shared_rows;
  const int kernel = kKernel > 0 ? kKernel : rows.kernel;
  const bool odd = (rows.before & (kStride - 1)) != 0;  // the phase of tap 0
  const std::int64_t leftmost = tap_offset<kStride>(rows.before, kernel - 1);
  const std::int64_t last = (rows.columns - 1) / (kStride * N) * N;
  T* to = rows.to + kStride * last;
  [[maybe_unused]] Indices self[2][kStride];
  if constexpr (kMax) {
    for (int f = 0; f < kStride; ++f) {
      const auto first = rows.index + static_cast<std::int32_t>(kStride * last) + (odd ? f ^ 1 : f);
      self[0][f] = iota<std::int32_t, N>() * kStride + first;
      self[1][f] = self[0][f] + rows.width;
    }
  }
#pragma GCC unroll 1
  for (std::int64_t j = last; j >= 0; j -= N, to -= kStride * N) {
    Pack<T, N> sum[2][kStride];
    for (auto& row : sum) {
      for (auto& phase : row) phase = Pack<T, N>(T(0));
    }
    // tap(place in the line, phase) for the taps of a line
    const auto taps = [&](auto&& tap) RECEPTIVE_INLINE_LAMBDA {
      const auto place = [&](int s)
                             RECEPTIVE_INLINE_LAMBDA { return j + tap_offset<kStride>(rows.before, s) - leftmost; };
      if constexpr (kKernel > 0) {
#pragma GCC unroll 3
        for (int s = 0; s < kKernel; ++s) tap(place(s), s % kStride);
      } else {
        for (int s = 0; s < kernel; s += kStride) tap(place(s), 0);
        if constexpr (kStride == 2) {
          for (int s = 1; s < kernel; s += kStride) tap(place(s), 1);
        }
      }
    };
    if constexpr (kMax) {
      // Lines [begin, end), the last first, for one row or for both.
      const auto lines = [&](auto both, int row, std::int64_t begin, std::int64_t end) RECEPTIVE_INLINE_LAMBDA {
        const T* gradient = rows.gradient + (end - 1) * rows.pitch;
        const std::int32_t* indices = rows.indices + (end - 1) * rows.pitch;
#pragma GCC unroll 1
        for (; end > begin; --end, gradient -= rows.pitch, indices -= rows.pitch) {
          taps([&](std::int64_t at, int f) RECEPTIVE_INLINE_LAMBDA {
            const auto g = Pack<T, N>::read(gradient + at);
            const auto chosen = Indices::read(indices + at);
            const auto add = [&](int r) RECEPTIVE_INLINE_LAMBDA {
              const auto mine = convert_mask<T>(chosen == self[r][f]);
              sum[r][f] = kMasksArithmetic ? select(mine, sum[r][f] + g, sum[r][f])
                                           : sum[r][f] + select(mine, g, Pack<T, N>(T(0)));
            };
            add(row);
            if constexpr (decltype(both)::value) add(1 - row);
          });
        }
      };
      const std::int64_t shared = first_shared(rows.upper, rows.lower);
      lines(std::false_type{}, 1, max_of(rows.upper.end, rows.lower.begin), rows.lower.end);
      lines(std::true_type{}, 0, shared, rows.upper.end);
      lines(std::false_type{}, 0, rows.upper.begin, shared);
      for (auto& row : self) {
        for (auto& phase : row) phase = phase - kStride * N;
      }
    } else {
      taps([&](std::int64_t at, int f) RECEPTIVE_INLINE_LAMBDA {
        for (int r = 0; r < 2; ++r) sum[r][f] += Pack<T, N>::read(rows.gradient + r * rows.pitch + at);
      });
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) {
      T* const row = to + r * rows.columns;
      if constexpr (kStride == 1) {
        sum[r][0].write(row);
      } else {
        const auto &a = sum[r][0], &b = sum[r][1];
        (odd ? memory::interleave_low(b, a) : memory::interleave_low(a, b)).write(row);
        (odd ? memory::interleave_high(b, a) : memory::interleave_high(a, b)).write(row + N);
      }
    }
  }
}

template <class X, class T, bool kMax>
class PoolGradient {
 public:
  static bool fits(const Axis& y, const Axis& x) {
    return x.stride <= 2 && y.dilation == 1 && x.dilation == 1 && y.kernel <= kMostTaps && x.kernel <= kMostTaps;
  }

  PoolGradient(const X& executor, const PoolGradientPlan<T>& plan) : executor_(executor), plan_(plan) {
    const Axis &y = plan.y, &x = plan.x;
    stride_ = static_cast<int>(x.stride);
    const int kernel = static_cast<int>(x.kernel);
    if (stride_ == 1) {
      choose<1>(kernel);
    } else {
      choose<2>(kernel);
    }
    width_ = even_part(x.input, kMostGroups * stride_, N * stride_);
    pitch_ += ceil_div(ceil_div(width_, stride_), N) * N;
    const std::int64_t lines = max_of(kWindows / 2 / pitch_, min_of(kWindows / pitch_, 4 * y.kernel));
    height_ = even_part(y.input, max_of(2, (lines - ceil_div(y.kernel, y.stride)) * y.stride), 2);
    parts_y_ = ceil_div(y.input, height_), parts_x_ = ceil_div(x.input, width_);
  }

  void run() const {
    const std::int64_t bands = plan_.planes * parts_y_ * parts_x_;
    const std::int64_t together = max_of(1, kGrain / (width_ * height_ + 1));
    const bool parallel = plan_.planes * plan_.y.input * plan_.x.input >= kParallelElements;
    executor_.for_each(ceil_div(bands, together), parallel, [&](std::int64_t task, int) {
      some_bands(task * together, min_of((task + 1) * together, bands));
    });
  }

 private:
  static constexpr int N = kLanes<T>;
  static constexpr std::int64_t kMostTaps = 8;
  static constexpr std::int64_t kWindows = 4096;  // of a band
  static constexpr std::int64_t kMostGroups = 256;
  static constexpr std::int64_t kMostWindows = kMostGroups + kMostTaps;  // of a line
  static_assert((kMostTaps + 1) * kMostWindows <= kWindows && kMostGroups * 2 <= RowWriter<T>::kMostColumns);

  struct Band {
    T gradient[kWindows + N];
    std::int32_t indices[kMax ? kWindows + N : 1];
    T across[kMax ? 1 : kMostWindows + N];   // average: horizontal counts
    std::int64_t left = INT64_MIN;           // the window that `across` begins with
    T sums[kMax ? 1 : 2][kMostWindows + N];  // average: of the lines over two rows of input
  };

  // The usual windows have loops of their own, in float32 only.
  template <int kStride>
  void choose(int kernel) {
    two_rows_ = two_rows<T, kMax, kStride, 0>;
    if constexpr (sizeof(T) == 4) {
      if (kernel == 3) two_rows_ = two_rows<T, kMax, kStride, 3>;
      if (kMax && kStride == 2 && kernel == 2) two_rows_ = two_rows<T, kMax, kStride, 2>;
    }
    leftmost_ = tap_offset<kStride>(plan_.x.before, kernel - 1);
    pitch_ = tap_offset<kStride>(plan_.x.before, 0) - leftmost_;
  }

  // At most `most` of `all`, in equal parts that are multiples of `unit`.
  static std::int64_t even_part(std::int64_t all, std::int64_t most, std::int64_t unit) {
    if (all <= most) return max_of(all, 1);
    return ceil_div(ceil_div(all, ceil_div(all, most)), unit) * unit;
  }

  // The lines of windows over a row of input.
  RECEPTIVE_FN Range cover(std::int64_t iy) const {
    const Axis& y = plan_.y;
    const std::int64_t at = iy + y.before, early = at - y.kernel + y.stride;
    const auto over = [&](std::int64_t v) RECEPTIVE_INLINE_LAMBDA {  // v / stride, usually without a division
      return y.stride == 1 ? v : y.stride == 2 ? v >> 1 : v / y.stride;
    };
    return Range{early < y.stride ? 0 : over(early), min_of(over(at) + 1, y.output)};
  }

  __attribute__((noinline)) void some_bands(std::int64_t first, std::int64_t last) const {
    Band band;
    RowWriter<T> writer(plan_.around);
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t line = i / parts_x_, plane = line / parts_y_;
      one_band(plane, (line - plane * parts_y_) * height_, (i - line * parts_x_) * width_, band, writer);
    }
    writer.finish();
  }

  RECEPTIVE_FN void one_band(std::int64_t plane, std::int64_t iy, std::int64_t ix, Band& band,
                             RowWriter<T>& writer) const {
    const Axis &y = plan_.y, &x = plan_.x;
    const std::int64_t stop = min_of(iy + height_, y.input), top = cover(iy).begin;
    fill(plane, top, cover(stop - 1).end, ix / stride_ + leftmost_, band);
    PoolRows<T> rows{};
    rows.before = x.before, rows.kernel = static_cast<int>(x.kernel), rows.width = static_cast<std::int32_t>(x.input);
    rows.columns = min_of(width_, x.input - ix);
    for (; iy < stop; iy += 2) {
      const std::int64_t count = min_of(2, stop - iy);
      const auto lines = [&](std::int64_t row) RECEPTIVE_INLINE_LAMBDA {
        const Range range = cover(row);
        return Range{range.begin - top, range.end - top};
      };
      rows.upper = lines(iy), rows.lower = count == 2 ? lines(iy + 1) : Range{rows.upper.end, rows.upper.end};
      if constexpr (kMax) {
        rows.gradient = band.gradient, rows.indices = band.indices, rows.pitch = pitch_;
      } else {
        sum_lines(rows.upper, rows.lower, pitch_, band);
        rows.gradient = band.sums[0], rows.pitch = band.sums[1] - band.sums[0];
      }
      rows.index = static_cast<std::int32_t>(iy * x.input + ix);
      rows.to = writer.rows(plan_.output + (plane * y.input + iy) * x.input + ix, count, rows.columns, x.input);
      two_rows_(rows);
    }
  }

  RECEPTIVE_FN static void sum_lines(Range upper, Range lower, std::int64_t pitch, Band& band) {
    const std::int64_t shared = first_shared(upper, lower), below = max_of(upper.end, lower.begin);
    for (std::int64_t j = 0; j < pitch; j += N) {
      const auto sum = [&](Pack<T, N> start, std::int64_t begin, std::int64_t end) RECEPTIVE_INLINE_LAMBDA {
#pragma GCC unroll 1
        for (; begin < end; ++begin) start += Pack<T, N>::read(band.gradient + begin * pitch + j);
        return start;
      };
      const auto both = sum(Pack<T, N>(T(0)), shared, upper.end);
      sum(both, upper.begin, shared).write(band.sums[0] + j);
      sum(both, below, lower.end).write(band.sums[1] + j);
    }
  }

  // Lines [begin, end) of windows, from window `left` on.
  __attribute__((noinline)) void fill(std::int64_t plane, std::int64_t begin, std::int64_t end, std::int64_t left,
                                      Band& band) const {
    const Axis y = plan_.y, x = plan_.x;
    const std::int64_t low = min_of(max_of(-left, 0), pitch_), high = max_of(low, min_of(x.output - left, pitch_));
    if constexpr (!kMax) {
      if (band.left != left) {
        for (std::int64_t j = 0; j < pitch_; ++j) {
          band.across[j] = j < low || j >= high ? T(1) : static_cast<T>(tap_count(x, left + j, plan_.count_padding));
        }
        band.left = left;
      }
    }
    Pack<std::uint32_t, N> largest(0u);  // of the indices, negative ones above all others
    std::int64_t from = (plane * y.output + begin) * x.output + left;
    for (std::int64_t oy = begin, at = 0; oy < end; ++oy, at += pitch_, from += x.output) {
      if constexpr (kMax) {
        copy(plan_.gradient + from, low, high, pitch_, T(0), band.gradient + at,
             [](Pack<T, N> g, std::int64_t) RECEPTIVE_INLINE_LAMBDA { return g; });
        copy(plan_.indices + from, low, high, pitch_, std::int32_t{-1}, band.indices + at,
             [&](Pack<std::int32_t, N> index, std::int64_t) RECEPTIVE_INLINE_LAMBDA {
               const auto v = bit_cast<std::uint32_t>(index);
               largest = select(v > largest, v, largest);
               return index;
             });
      } else {
        const Pack<T, N> down(static_cast<T>(tap_count(y, oy, plan_.count_padding)));
        copy(plan_.gradient + from, low, high, pitch_, T(0), band.gradient + at,
             [&](Pack<T, N> g, std::int64_t j)
                 RECEPTIVE_INLINE_LAMBDA { return g / (Pack<T, N>::read(band.across + j) * down); });
      }
    }
    if constexpr (kMax) {
      const Pack<std::uint32_t, N> limit(static_cast<std::uint32_t>(y.input * x.input));
      if (any(largest >= limit)) report(plane, begin, end);
    }
  }

  // A line of the band: change(from[j], j) in columns [low, high) of it, `outside` in the others.
  template <class E, class F>
  RECEPTIVE_FN static void copy(const E* from, std::int64_t low, std::int64_t high, std::int64_t pitch, E outside,
                                E* to, F&& change) {
    const auto padding = Pack<E, N>(outside).in_register();
    for (std::int64_t j = 0; j < low; j += N) padding.write(to + j);
    if (high - low >= N) {
      for (std::int64_t j = low; j < high; j += N) {
        const std::int64_t at = min_of(j, high - N);
        memory::prefetch_ahead<N>(from + at);
        change(Pack<E, N>::read(from + at), at).write(to + at);
      }
    } else if (low < high) {
      change(Lanes<N, false>{static_cast<int>(high - low)}.load(from + low), low).write(to + low);
    }
    for (std::int64_t j = high; j < pitch; j += N) padding.write(to + j);
  }

  RECEPTIVE_COLD void report(std::int64_t plane, std::int64_t begin, std::int64_t end) const {
    const std::int64_t limit = plan_.y.input * plan_.x.input, row = plane * plan_.y.output;
    for (std::int64_t i = (row + begin) * plan_.x.output; i < (row + end) * plan_.x.output; ++i) {
      if (plan_.indices[i] < 0 || plan_.indices[i] >= limit) executor_.faults().report(i, plan_.indices[i], limit);
    }
  }

  const X& executor_;
  PoolGradientPlan<T> plan_;
  void (*two_rows_)(const PoolRows<T>&);
  int stride_;
  std::int64_t leftmost_;        // offset of the last tap: where a band's lines begin
  std::int64_t pitch_;           // of a line of windows
  std::int64_t width_, height_;  // of a band, in the input
  std::int64_t parts_y_, parts_x_;
};

// The gradient of averages over windows that lie side by side, without padding: a row of shares, once for each row of
// the windows. Rows beyond the last window are zero.
template <class T>
__attribute__((noinline)) void spread_some_rows(const PoolGradientPlan<T> plan, std::int64_t first, std::int64_t last) {
  constexpr int N = kLanes<T>;
  constexpr std::int64_t kMost = 2 * RowWriter<T>::kMostColumns;
  const Axis &y = plan.y, &x = plan.x;
  const Pack<T, N> count(static_cast<T>(y.kernel) * static_cast<T>(x.kernel));
  RowWriter<T> writer(plan.around);
  T shares[kMost + 2 * N];
  const std::int64_t lines = y.output + 1;  // of windows, and the rows behind them
  for (std::int64_t line = first; line < last; ++line) {
    const std::int64_t plane = line / lines, oy = line - plane * lines;
    const T* from = plan.gradient + (plane * y.output + oy) * x.output;
    const std::int64_t top = oy * y.kernel, rows = min_of(y.kernel, y.input - top);
    for (std::int64_t left = 0; rows > 0 && left < x.input; left += kMost) {
      const std::int64_t columns = min_of(kMost, x.input - left);
      // In order: what a vector writes too much, the next one overwrites.
      std::int64_t j = 0;
      if (x.kernel == 2 && oy < y.output) {
        for (std::int64_t ox = left / 2; j < columns && ox < x.output; ox += N, j += 2 * N) {
          const std::int64_t there = x.output - ox;
          const auto g =
              there >= N ? Pack<T, N>::read(from + ox) : Lanes<N, false>{static_cast<int>(there)}.load(from + ox);
          const auto share = g / count;
          memory::interleave_low(share, share).write(shares + j);
          memory::interleave_high(share, share).write(shares + j + N);
        }
      } else if (oy < y.output) {
        for (std::int64_t ox = left / x.kernel; j < columns && ox < x.output; ++ox) {
          const auto share = Pack<T, N>(from[ox]) / count;
          const std::int64_t end = min_of((ox + 1) * x.kernel - left, columns);
          for (; j < end; j += N) share.write(shares + j);
          j = end;
        }
      }
      for (; j < columns; j += N) Pack<T, N>(T(0)).write(shares + j);
      for (std::int64_t r = 0; r < rows; ++r) {
        T* const to = writer.room(plan.output + (plane * y.input + top + r) * x.input + left, columns);
        for (std::int64_t i = 0; i < columns; i += N) Pack<T, N>::read(shares + i).write(to + i);
      }
    }
  }
  writer.finish();
}

template <class T, class X>
void spread_rows(const X& executor, const PoolGradientPlan<T>& plan) {
  const std::int64_t lines = plan.planes * (plan.y.output + 1);
  const std::int64_t together = max_of(1, kGrain / (plan.y.kernel * plan.x.input + 1));
  const bool parallel = plan.planes * plan.y.input * plan.x.input >= kParallelElements;
  executor.for_each(ceil_div(lines, together), parallel, [&](std::int64_t task, int) {
    spread_some_rows(plan, task * together, min_of((task + 1) * together, lines));
  });
}

// The gradient of max pooling with any window: a plane's windows are walked in order, and each adds to the element that
// it chose. Parts of a plane walk the windows that may have chosen one of their rows, so that the order of additions is
// always the same.
template <class T, class X>
void max_gradient_by_windows(const X& executor, const PoolGradientPlan<T>& plan) {
  const std::int64_t height = plan.y.input, width = plan.x.input;
  const std::int64_t rows = min_of(height, kGrain / (width + 1) + 1), parts = ceil_div(height, rows + (rows == 0));
  executor.for_each(plan.planes * parts, plan.planes * height * width >= kParallelElements,
                    [&](std::int64_t task, int) {
                      const std::int64_t plane = task / parts, top = (task - plane * parts) * rows;
                      const std::int64_t begin = top * width, size = min_of(rows, height - top) * width;
                      T* const to = plan.output + plane * height * width + begin;
                      for (std::int64_t i = 0; i < size; ++i) to[i] = T(0);
                      const Axis& y = plan.y;
                      const std::int64_t reach = top + y.before - (y.kernel - 1) * y.dilation;
                      const std::int64_t first = reach <= 0 ? 0 : ceil_div(reach, y.stride);
                      const std::int64_t last = min_of((top + rows - 1 + y.before) / y.stride + 1, y.output);
                      const std::int64_t from = plane * y.output * plan.x.output;
                      for (std::int64_t i = from + first * plan.x.output; i < from + last * plan.x.output; ++i) {
                        const std::int64_t at = plan.indices[i] - begin;
                        if (at >= 0 && at < size) to[at] += plan.gradient[i];
                      }
                    });
}

template <class T, class X>
void max_gradient(const X& executor, const PoolGradientPlan<T>& plan) {
  using Bands = PoolGradient<X, T, true>;
  // Bands check the indices of the windows that they read: all of those that have a tap inside.
  if (Bands::fits(plan.y, plan.x) && covered(plan.y) && covered(plan.x)) return Bands(executor, plan).run();
  check_indices(executor, plan.indices, plan.planes * plan.y.output * plan.x.output, plan.y.input * plan.x.input);
  max_gradient_by_windows(executor, plan);
}

// Whether average_gradient() needs workspace for as many elements as there are windows.
template <class X>
bool average_gradient_shares(const Axis& y, const Axis& x) {
  return !PoolGradient<X, float, false>::fits(y, x);
}

template <class T, class X>
void average_gradient(const X& executor, const PoolGradientPlan<T>& plan) {
  using Bands = PoolGradient<X, T, false>;
  if (Bands::fits(plan.y, plan.x)) return Bands(executor, plan).run();
  const AvgPoolShare<T, false> share{plan.gradient,     reinterpret_cast<T*>(executor.workspace()), 0, plan.y, plan.x,
                                     plan.count_padding};
  share_and_gather(executor, share, plan.planes, plan.output);
}

}  // namespace receptive::RECEPTIVE_TARGET

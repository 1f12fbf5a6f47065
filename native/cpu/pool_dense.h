// Pooling in NCHW with windows of a few taps that move by one column. A row of windows is folded down its columns
// first, into a line that is padded with what changes nothing, and then along the line, where every tap is a plain read
// of a vector: 3x3 windows cost 3 + 3 reads of a vector in place of 9, and no tile is an edge.
#pragma once

#include "../ops/avg_pool.h"
#include "../ops/max_pool.h"
#include "row_writer.h"

namespace receptive::RECEPTIVE_TARGET {

// What average and max share of their plans.
template <class T, bool kMax>
struct DensePlanOf {
  using type = AvgPoolPlan<T>;
};
template <class T>
struct DensePlanOf<T, true> {
  using type = MaxPoolPlan<T>;
};

template <class T, bool kMax, bool kIndices>
class DensePool {
 public:
  using Plan = typename DensePlanOf<T, kMax>::type;

  static bool fits(const Axis& x) { return x.stride == 1 && x.dilation == 1 && x.kernel <= kMostTaps; }

  DensePool(const Plan& plan, bool around) : plan_(plan), around_(around) {
    parts_ = ceil_div(plan.x.output, kMostColumns);
    width_ = parts_ == 0 ? 0 : ceil_div(plan.x.output, parts_);
  }

  template <class X>
  void run(const X& executor, std::int64_t planes) const {
    const std::int64_t rows = planes * plan_.y.output, together = max_of(1, kGrain / (plan_.x.output + 1));
    executor.for_each(ceil_div(rows, together), rows * plan_.x.output >= kParallelElements,
                      [&](std::int64_t task, int) {
                        const std::int64_t last = min_of((task + 1) * together, rows);
                        for (std::int64_t part = 0; part < parts_; ++part) some_rows(task * together, last, part);
                      });
  }

 private:
  static constexpr int N = kLanes<T>;
  static constexpr std::int64_t kMostTaps = 8;
  static constexpr std::int64_t kMostColumns = RowWriter<T>::kMostColumns;
  static constexpr std::int64_t kLine = kMostColumns + kMostTaps + 2 * N;
  static constexpr T kNothing = kMax ? Lowest<T>::value : T(0);
  using Indices = Pack<std::int32_t, N>;

  struct Line {
    T value[kLine];
    std::int32_t top[kIndices ? kLine : 1];  // of each column's largest element: the flat index of its row
    T across[kMax ? 1 : kLine];              // average: horizontal counts
  };

  // Rows [first, last) of all planes, one part of their columns.
  __attribute__((noinline)) void some_rows(std::int64_t first, std::int64_t last, std::int64_t part) const {
    const DensePool self = *this;  // a copy that no store can alias
    const Axis y = self.plan_.y, x = self.plan_.x;
    Line line;
    RowWriter<T> values(self.around_);
    RowWriter<std::int32_t> indices(self.around_);
    const std::int64_t begin = part * self.width_, columns = min_of(self.width_, x.output - begin);
    const std::int64_t left = begin - x.before, length = columns + x.kernel - 1;
    const std::int64_t low = min_of(max_of(-left, 0), length), high = max_of(low, min_of(x.input - left, length));
    for (std::int64_t j = 0; j < length + N; j += N) Pack<T, N>(kNothing).write(line.value + j);
    if constexpr (!kMax) {
      for (std::int64_t j = 0; j < columns; ++j) {
        line.across[j] = static_cast<T>(tap_count(x, begin + j, self.plan_.count_padding));
      }
    }
    std::int64_t plane = first / y.output, oy = first - plane * y.output;
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t top = y.first(oy), out = row * x.output + begin;
      const Range taps = taps_inside(y, top);
      const T* from = self.plan_.input + plane * y.input * x.input;
      const std::int64_t at = (top + taps.begin * y.dilation) * x.input;
      const bool has_nan = fold_columns(from, at, y.dilation * x.input, taps.end - taps.begin, left, low, high, line);
      T* const to = values.room(self.plan_.output + out, columns);
      bool lost = has_nan;
      if constexpr (kIndices) {
        std::int32_t* const where = indices.room(self.plan_.indices + out, columns);
        const bool none = self.fold_line(line, columns, static_cast<std::int32_t>(left), to, where);
        lost = lost || (none && high - low < length);
        if (lost) MaxPoolPlanes<T, true, 0, 0>::each(self.plan_, plane, oy, begin, columns, to, where);
      } else if constexpr (kMax) {
        self.fold_line(line, columns, 0, to, nullptr);
        if (lost) MaxPoolPlanes<T, false, 0, 0>::each(self.plan_, plane, oy, begin, columns, to, nullptr);
      } else {
        self.sum_line(line, columns, static_cast<T>(tap_count(y, oy, self.plan_.count_padding)), to);
      }
      if (++oy == y.output) oy = 0, ++plane;
    }
    values.finish();
    if constexpr (kIndices) indices.finish();
  }

  // Columns [low, high) of the line; whether there is a NaN among them.
  RECEPTIVE_FN static bool fold_columns(const T* plane, std::int64_t at, std::int64_t step, std::int64_t count,
                                        std::int64_t left, std::int64_t low, std::int64_t high, Line& line) {
    NanWatch<T, N> nan;
    const auto column = [&](auto p, std::int64_t j) RECEPTIVE_INLINE_LAMBDA {
      const T* from = plane + at + left + j;
      memory::prefetch_ahead<N>(from);
      Pack<T, N> value = p.load(from);
      Indices top(static_cast<std::int32_t>(at));
      if constexpr (kMax) nan.see(value);
#pragma GCC unroll 1
      for (std::int64_t r = 1; r < count; ++r) {
        const auto v = p.load(from + r * step);
        if constexpr (kIndices) {
          nan.see(v);
          const auto higher = v > value;
          top = select(convert_mask<std::int32_t>(higher), Indices(static_cast<std::int32_t>(at + r * step)), top);
          value = select(higher, v, value);
        } else if constexpr (kMax) {
          nan.see(v);
          value = maximum_ordered(value, v);
        } else {
          value += v;
        }
      }
      value.write(line.value + j);
      if constexpr (kIndices) top.write(line.top + j);
    };
    if (high - low >= N) {
      for (std::int64_t j = low; j < high; j += N) column(Lanes<N, true>{}, min_of(j, high - N));
    } else if (low < high) {
      column(Lanes<N, false>{static_cast<int>(high - low)}, low);
      for (std::int64_t j = high; j < low + N; ++j) line.value[j] = kNothing;
    }
    if constexpr (!kMax) return false;
    return nan.any();
  }

  RECEPTIVE_FN void sum_line(const Line& line, std::int64_t columns, T down, T* to) const {
    const int kernel = static_cast<int>(plan_.x.kernel);
    for (std::int64_t j = 0; j < columns; j += N) {
      auto sum = Pack<T, N>::read(line.value + j);
#pragma GCC unroll 1
      for (int s = 1; s < kernel; ++s) sum += Pack<T, N>::read(line.value + j + s);
      (sum / (Pack<T, N>::read(line.across + j) * Pack<T, N>(down))).write(to + j);
    }
  }

  // Max; whether a window has no element above -Infinity: padding cannot be told from it, and its index is lost.
  RECEPTIVE_FN bool fold_line(const Line& line, std::int64_t columns, std::int32_t left, T* to,
                              std::int32_t* where) const {
    const int kernel = static_cast<int>(plan_.x.kernel);
    Mask<T, N> lowest{};
    for (std::int64_t j = 0; j < columns; j += N) {
      auto value = Pack<T, N>::read(line.value + j);
      if constexpr (kIndices) {
        const auto lane = iota<std::int32_t, N>() + (left + static_cast<std::int32_t>(j));
        auto index = Indices::read(line.top + j) + lane;
#pragma GCC unroll 1
        for (int s = 1; s < kernel; ++s) {
          earlier_of(value, index, Pack<T, N>::read(line.value + j + s), Indices::read(line.top + j + s) + (lane + s));
        }
        auto low = value == Pack<T, N>(Lowest<T>::value);
        if (j + N > columns) {
          const auto lane_of_row = iota<std::int32_t, N>() < Indices(static_cast<std::int32_t>(columns - j));
          low = low & convert_mask<T>(lane_of_row);
        }
        lowest = lowest | low;
        index.write(where + j);
      } else {
#pragma GCC unroll 1
        for (int s = 1; s < kernel; ++s) value = maximum_ordered(value, Pack<T, N>::read(line.value + j + s));
      }
      value.write(to + j);
    }
    return kIndices && any(lowest);
  }

  Plan plan_;
  bool around_;
  std::int64_t width_;  // of a part
  std::int64_t parts_;
};

template <class Dense, class X>
bool run_if_dense(const X& executor, std::int64_t planes, const typename Dense::Plan& plan) {
  if (!Dense::fits(plan.x)) return false;
  const std::int64_t elements = planes * plan.y.output * plan.x.output;
  const std::int64_t bytes = elements * static_cast<std::int64_t>(sizeof(*plan.output));
  Dense(plan, executor.writes_around(plan.output, bytes)).run(executor, planes);
  return true;
}

// What pool.h asks first: false where the windows are not such, and nothing was done.
template <bool kIndices, class T, class X>
bool dense_max(const X& executor, std::int64_t planes, const MaxPoolPlan<T>& plan) {
  return run_if_dense<DensePool<T, true, kIndices>>(executor, planes, plan);
}
template <class T, class X>
bool dense_average(const X& executor, std::int64_t planes, const AvgPoolPlan<T>& plan) {
  return run_if_dense<DensePool<T, false, false>>(executor, planes, plan);
}

}  // namespace receptive::RECEPTIVE_TARGET

// Sums over windows that may be wide and far apart: first of the columns, in vectors along the rows, then of each
// window's part of those. With a lane per window instead, most windows of a short row of outputs would leave most lanes
// without work: global average pooling ran at a fiftieth of the speed.
#pragma once

#include "window.h"

namespace receptive::RECEPTIVE_TARGET {

// A piece of columns; wider windows take several.
inline constexpr int kMostColumns = 256;

// sums[c] = from[c] + from[c + step] + … of `rows` rows, for kVectors vectors of columns, the last one with `rest`
// columns.
template <int kVectors, int N, class T>
RECEPTIVE_FN void sum_columns(const T* from, std::int64_t step, std::int64_t rows, int rest, T* sums) {
  Pack<T, N> sum[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) sum[v] = Pack<T, N>(T(0));
  const auto last = memory::LaneRange<T, N>::within(0, rest);
  for (std::int64_t r = 0; r < rows; ++r, from += step) {
    memory::prefetch_ahead<kVectors * N>(from);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors - 1; ++v) sum[v] += Pack<T, N>::read(from + v * N);
    sum[kVectors - 1] += last.load(from + (kVectors - 1) * N, Pack<T, N>(T(0)));
  }
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) sum[v].write(sums + v * N);
}

// The same for any number of columns up to kMostColumns; writes whole vectors.
template <int N, class T>
RECEPTIVE_FN void sum_columns(const T* from, std::int64_t step, std::int64_t rows, int columns, T* sums) {
  int c = 0;
  for (; columns - c > 4 * N; c += 4 * N) sum_columns<4, N>(from + c, step, rows, N, sums + c);
  const int left = columns - c;
  if (left > 3 * N) return sum_columns<4, N>(from + c, step, rows, left - 3 * N, sums + c);
  if (left > 2 * N) return sum_columns<3, N>(from + c, step, rows, left - 2 * N, sums + c);
  if (left > N) return sum_columns<2, N>(from + c, step, rows, left - N, sums + c);
  sum_columns<1, N>(from + c, step, rows, left, sums + c);
}

// The sums of `count` windows that are as high as `rows` rows from `from` on, `step` elements apart; columns(l) is the
// range of columns of window l, neither of its ends moves back from one window to the next.
template <int N, class T, class F>
RECEPTIVE_FN Pack<T, N> window_sums(const T* from, std::int64_t step, std::int64_t rows, int count, F&& columns) {
  if constexpr (N == 1) {
    const Range range = columns(0);
    T sum(0);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t x = range.begin; x < range.end; ++x) sum += from[r * step + x];
    }
    return Pack<T, N>(sum);
  } else {
    T piece[kMostColumns];
    T sums[N] = {};
    std::int64_t begin = 0, end = 0;  // the columns in `piece`
    for (int l = 0; l < count; ++l) {
      const Range range = columns(l);
      for (std::int64_t x = range.begin; x < range.end;) {
        if (x < begin || x >= end) {
          begin = x;
          end = min_of(columns(count - 1).end, x + kMostColumns);
          sum_columns<N>(from + begin, step, rows, static_cast<int>(end - begin), piece);
        }
        const std::int64_t stop = min_of(range.end, end);
        for (; x < stop; ++x) sums[l] += piece[x - begin];
      }
    }
    return Pack<T, N>::read(sums);
  }
}

}  // namespace receptive::RECEPTIVE_TARGET

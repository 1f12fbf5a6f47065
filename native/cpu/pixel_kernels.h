// The kernels of convolutions in NHWC (conv_pixels.h): tiles of pixels x vectors of their channels, which read through
// a table of lines.
#pragma once

#include "line_products.h"

namespace receptive::RECEPTIVE_TARGET {

// Runs of `length` steps; lines[run * apart + i] is where row i reads.
template <class T>
struct PixelRuns {
  const T* const* lines;
  std::int64_t apart;
  std::int64_t runs, length;
};

// R pixels x NV vectors; `to` are the pixels' results, of which the tile writes those from `column` on.
template <class T, int R, int NV>
__attribute__((noinline, noclone)) void pixel_kernel(PixelRuns<T> runs, const T* weights, T* const* to,
                                                     std::int64_t column, TileOut<T> out) {
  constexpr int L = kLanes<T>;
  using P = Pack<T, L>;
  P acc[R][NV];
  clear_tile(acc);
  for (int i = 0; i < R; ++i) {
    for (int v = 0; v < NV; ++v) __builtin_prefetch(to[i] + column + v * L, 1, 3);
  }
  for (std::int64_t run = 0; run < runs.runs; ++run, runs.lines += runs.apart) {
    const T* lines[R];
#pragma GCC unroll 24
    for (int i = 0; i < R; ++i) lines[i] = runs.lines[i];
    weights = add_products<T, R, NV>(acc, lines, 0, runs.length, 1, weights);
  }
  write_tile<T, R, NV>(acc, out, [to, column](int i) RECEPTIVE_INLINE_LAMBDA { return to[i] + column; });
}

// Where each group has one channel and one filter, the channels are the columns and every product is its own: R pixels
// times the channels [column, column + out.columns), of which a run's weights are `pitch` elements further on.
template <class T, int R>
__attribute__((noinline, noclone)) void channel_kernel(PixelRuns<T> runs, const T* weights, std::int64_t pitch,
                                                       T* const* to, std::int64_t column, TileOut<T> out) {
  constexpr int L = kLanes<T>;
  const auto tile = [&](auto vectors, auto lanes) RECEPTIVE_INLINE_LAMBDA {
    constexpr int NV = decltype(vectors)::value;
    using P = Pack<T, L>;
    P acc[R][NV];
    clear_tile(acc);
    const T* const* lines = runs.lines;
    const T* filters = weights;
    // What the next tile reads first, mostly.
    const T* const* last = lines + (runs.runs - 1) * runs.apart;
    for (int i = 0; i < R && runs.runs > 0; ++i) {
      __builtin_prefetch(last[i] + column + R * pitch, 0, 3);
      __builtin_prefetch(to[i] + column + R * pitch, 1, 3);
    }
    for (std::int64_t run = 0; run < runs.runs; ++run, lines += runs.apart, filters += pitch) {
#pragma GCC unroll 24
      for (int i = 0; i < R; ++i) {
        const T* line = lines[i] + column;
#pragma GCC unroll 3
        for (int v = 0; v < NV; ++v) acc[i][v] = lanes.load(line + v * L) * lanes.load(filters + v * L) + acc[i][v];
      }
    }
#pragma GCC unroll 24
    for (int i = 0; i < R; ++i) {
      if (i >= out.rows) break;
#pragma GCC unroll 3
      for (int v = 0; v < NV; ++v) {
        if (out.column_bias != nullptr) acc[i][v] += lanes.load(out.column_bias + v * L);
        lanes.store(to[i] + column + v * L, acc[i][v]);
      }
    }
    weights += NV * L, column += NV * L, out.columns -= NV * L;
    if (out.column_bias != nullptr) out.column_bias += NV * L;
  };
  using std::integral_constant;
  while (out.columns >= 2 * L) tile(integral_constant<int, 2>{}, Lanes<L, true>{});
  while (out.columns >= L) tile(integral_constant<int, 1>{}, Lanes<L, true>{});
  if (out.columns > 0) tile(integral_constant<int, 1>{}, Lanes<L, false>{out.columns});
}

}  // namespace receptive::RECEPTIVE_TARGET

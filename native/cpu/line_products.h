// The inner loop of products whose rows are lines of memory as they lie: each step broadcasts an element of every line.
#pragma once

#include "micro_kernel.h"

namespace receptive::RECEPTIVE_TARGET {

// acc[i] += lines[i][at] * the next NV vectors at b, for `length` positions from `at` on, `stride` apart. Returns where
// b continues. Not kBroadcast: the NV vectors at that position instead, one for each at b. R * NV sums, NV vectors and
// a broadcast are what the registers hold.
template <class T, int R, int NV, bool kBroadcast = true>
RECEPTIVE_FN const T* add_products(Pack<T, kLanes<T>> (&acc)[R][NV], const T* const (&lines)[R], std::int64_t at,
                                   std::int64_t length, std::int64_t stride, const T* b) {
  constexpr int L = kLanes<T>;
  using P = Pack<T, L>;
  for (const std::int64_t end = at + length * stride; at < end; at += stride, b += NV * L) {
    P columns[NV];
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) columns[v] = P::read(b + v * L);
#pragma GCC unroll 24
    for (int i = 0; i < R; ++i) {
      const T* line = lines[i] + at;
      const P value(*line);
#pragma GCC unroll 3
      for (int v = 0; v < NV; ++v) acc[i][v] = (kBroadcast ? value : P::read(line + v * L)) * columns[v] + acc[i][v];
    }
  }
  return b;
}

}  // namespace receptive::RECEPTIVE_TARGET

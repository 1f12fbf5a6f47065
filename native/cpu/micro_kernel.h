// The innermost product: an MR x (NV vectors) tile of C, kept in registers over kc steps.
//
// Assumes: `a` holds kc steps of MR values, `b` kc steps of NV * kLanes<T> values (packed panels, zero-filled at the
// edges). Per step NV vector loads of b, MR broadcasts of a and MR * NV multiply-adds; the tile takes MR * NV
// registers, which with the operands is what the target has: 8 x 3 of 32, 4 x 3 of 16 (measured on AVX2: 6 x 2 within
// 2% of it, and 4 divides channel counts).
#pragma once

#include "lanes.h"

namespace receptive::RECEPTIVE_TARGET {

inline constexpr int kTileRows = kVectorRegisters == 32 ? 8 : 4;
inline constexpr int kTileVectors = 3;

template <class T>
inline constexpr int kTileColumns = kTileVectors* kLanes<T>;

// Where a tile goes: rows x columns (at most the kernel's) of C, added to what is there or written over it, then with a
// bias that differs by row or by column (null: none).
template <class T>
struct TileOut {
  T* c;
  std::int64_t row_stride;
  int rows;
  int columns;
  bool add;
  const T* row_bias;
  const T* column_bias;
};

template <class T, int NV>
__attribute__((noinline)) void micro_kernel(std::int64_t kc, const T* a, const T* b, TileOut<T> out) {
  constexpr int L = kLanes<T>;
  using P = Pack<T, L>;
  P acc[kTileRows][NV];
#pragma GCC unroll 8
  for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) acc[i][v] = P(T{0});
  }
  for (std::int64_t k = 0; k < kc; ++k, a += kTileRows, b += NV * L) {
    P columns[NV];
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) columns[v] = P::read(b + v * L);
#pragma GCC unroll 8
    for (int i = 0; i < kTileRows; ++i) {
      const P row(a[i]);
#pragma GCC unroll 3
      for (int v = 0; v < NV; ++v) acc[i][v] = row * columns[v] + acc[i][v];
    }
  }
  const auto write = [&out](int i, int v, P sum, auto lanes) RECEPTIVE_INLINE_LAMBDA {
    T* at = out.c + i * out.row_stride + v * L;
    if (out.add) {
      sum += lanes.load(at);
    } else {
      if (out.row_bias != nullptr) sum += P(out.row_bias[i]);
      if (out.column_bias != nullptr) sum += lanes.load(out.column_bias + v * L);
    }
    lanes.store(at, sum);
  };
  if (out.rows == kTileRows && out.columns == NV * L) {
#pragma GCC unroll 8
    for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < NV; ++v) write(i, v, acc[i][v], Lanes<L, true>{});
    }
    return;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kTileRows; ++i) {
    if (i >= out.rows) return;
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) {
      const int active = out.columns - v * L;
      if (active > 0) write(i, v, acc[i][v], Lanes<L, false>{active < L ? active : L});
    }
  }
}

}  // namespace receptive::RECEPTIVE_TARGET

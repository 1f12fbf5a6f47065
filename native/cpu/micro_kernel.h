// The innermost product: a tile of C of RP row panels x NV vectors, kept in registers over kc steps.
//
// Assumes: `a` holds RP panels, `a_stride` elements apart, each kc steps of MR = kTileRows values; `b` kc steps of
// NV * kLanes<T> values (packed panels, zero-filled at the edges). Per step NV vector loads of b, RP * MR broadcasts of
// a and RP * MR * NV multiply-adds; the tile takes RP * MR * NV registers, which with the operands is what the target
// has: 8 x 3 of 32, 4 x 3 of 16 (measured on AVX2: 6 x 2 within 2% of it, and 4 divides channel counts). A panel of
// one vector is multiplied with three row panels at a time: as many registers, so that loads do not hold up the
// multiply-adds.
#pragma once

#include <type_traits>

#include "../ops/clamp.h"

namespace receptive::RECEPTIVE_TARGET {

inline constexpr int kTileRows = kVectorRegisters == 32 ? 8 : 4;
inline constexpr int kTileVectors = 3;

template <class T>
inline constexpr int kTileColumns = kTileVectors* kLanes<T>;

// Where a tile goes: rows x columns (at most the kernel's) of C, added to what is there or written over it, then with a
// bias that differs by row or by column (null: none), then clamped.
template <class T>
struct TileOut {
  T* c;
  std::int64_t row_stride;
  std::int64_t rows;
  int columns;
  bool add;
  const T* row_bias;
  const T* column_bias;
  Clamp<T> clamp{};
};

template <class P, int kRows, int NV>
RECEPTIVE_FN void clear_tile(P (&acc)[kRows][NV]) {
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) acc[i][v] = P(typename P::Element{0});
  }
}

// Writes what a kernel's registers hold to the rows that row(i) points to, as `out` wants it.
template <class T, int kRows, int NV, class Row>
RECEPTIVE_FN void write_tile(const Pack<T, kLanes<T>> (&acc)[kRows][NV], const TileOut<T>& out, Row row) {
  constexpr int L = kLanes<T>;
  using P = Pack<T, L>;
  const auto write = [&out, row](int i, int v, P sum, auto lanes) RECEPTIVE_INLINE_LAMBDA {
    T* at = row(i) + v * L;
    if (out.add) {
      sum += lanes.load(at);
    } else {
      if (out.row_bias != nullptr) sum += P(out.row_bias[i]);
      if (out.column_bias != nullptr) sum += lanes.load(out.column_bias + v * L);
    }
    lanes.store(at, sum);
  };
  if (out.rows == kRows && out.columns == NV * L) {
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < NV; ++v) write(i, v, acc[i][v], Lanes<L, true>{});
    }
    return;
  }
  T part[kRows * NV * L];  // a loop over registers would be as much code again as everything else
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) acc[i][v].write(part + (i * NV + v) * L);
  }
#pragma GCC unroll 1
  for (int i = 0; i < out.rows; ++i) {
#pragma GCC unroll 1
    for (int v = 0; v * L < out.columns; ++v) {
      const int active = out.columns - v * L;
      write(i, v, P::read(part + (i * NV + v) * L), Lanes<L, false>{active < L ? active : L});
    }
  }
}

template <class T, int RP, int NV>
__attribute__((noinline)) void micro_kernel(std::int64_t kc, const T* a, std::int64_t a_stride, const T* b,
                                            TileOut<T> out) {
  constexpr int L = kLanes<T>;
  constexpr int kRows = RP * kTileRows;
  using P = Pack<T, L>;
  P acc[kRows][NV];
  clear_tile(acc);
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < NV; ++v) __builtin_prefetch(out.c + i * out.row_stride + v * L, 1, 3);
  }
  for (std::int64_t k = 0; k < kc; ++k, a += kTileRows, b += NV * L) {
    P columns[NV];
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) columns[v] = P::read(b + v * L);
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
      const P row(a[i / kTileRows * a_stride + i % kTileRows]);
#pragma GCC unroll 3
      for (int v = 0; v < NV; ++v) acc[i][v] = row * columns[v] + acc[i][v];
    }
  }
  write_tile<T, kRows, NV>(acc, out, [&out](int i) RECEPTIVE_INLINE_LAMBDA { return out.c + i * out.row_stride; });
}

// Apart from the micro-kernel, whose accumulators leave no register for the bounds.
template <class T>
__attribute__((noinline)) void clamp_tile(TileOut<T> out) {
  constexpr int L = kLanes<T>;
  for (std::int64_t i = 0; i < out.rows; ++i, out.c += out.row_stride) {
    for (int j = 0; j < out.columns; j += L) {
      const Lanes<L, false> lanes{out.columns - j < L ? out.columns - j : L};
      lanes.store(out.c + j, out.clamp(lanes.load(out.c + j)));
    }
  }
}

// Rows [0, out.rows) of packed row panels times one packed column panel of `vectors` vectors.
template <class T>
RECEPTIVE_FN void multiply_panels(std::int64_t kc, const T* a, std::int64_t a_stride, const T* b, int vectors,
                                  TileOut<T> out) {
  const auto strip = [&](auto row_panels, auto kernel) RECEPTIVE_INLINE_LAMBDA {
    constexpr int kRows = decltype(row_panels)::value * kTileRows;
    TileOut<T> tile = out;
    tile.rows = out.rows < kRows ? out.rows : kRows;
    kernel(kc, a, a_stride, b, tile);
    if (out.clamp.any) clamp_tile(tile);
    a += decltype(row_panels)::value * a_stride;
    out.rows -= tile.rows;
    out.c += kRows * out.row_stride;
    if (out.row_bias != nullptr) out.row_bias += kRows;
  };
  using std::integral_constant;
  while (out.rows > 0) {
    if (vectors == 3) {
      strip(integral_constant<int, 1>{}, micro_kernel<T, 1, 3>);
    } else if (vectors == 2) {
      strip(integral_constant<int, 1>{}, micro_kernel<T, 1, 2>);
    } else if (out.rows > 2 * kTileRows) {
      strip(integral_constant<int, 3>{}, micro_kernel<T, 3, 1>);
    } else {
      strip(integral_constant<int, 1>{}, micro_kernel<T, 1, 1>);
    }
  }
}

}  // namespace receptive::RECEPTIVE_TARGET

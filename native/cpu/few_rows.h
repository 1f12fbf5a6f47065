// FewRows: C = A * B^T + bias for so few rows of A that reading B once is what takes the time: the dense layer of one
// image. It needs no workspace.
//
// Rows of B lie along the steps, but a sum's lanes are columns of C: tiles of N x N elements of B are turned in
// registers and multiplied at once, with no buffer between. Eight rows of B are read at a time, or those of one tile:
// with twice as many memory gave two thirds (native/README.md).
//
// Exactness: the same sums in the same order as gemm()'s, blocks of GemmBlocks::kSteps steps each from zero, the bias
// added to the first. A sample has the same bits whichever of the two computes it.
#pragma once

#include "executor.h"
#include "gemm.h"
#include "transpose.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct FewRows {
  static constexpr std::int64_t kMost = 4;
  static constexpr int N = kLanes<T>;

  const T* a;     // [rows, steps]
  const T* b;     // [columns, steps]
  const T* bias;  // [columns], or null
  T* c;           // [rows, columns]
  std::int64_t rows, columns, steps;

  // Whether this is for a problem that gemm() would not cut into splits.
  RECEPTIVE_FN static bool takes(std::int64_t rows, std::int64_t columns, std::int64_t steps) {
    return rows >= 1 && rows <= kMost && columns >= N && steps >= N &&
           GemmPlan<T>(rows, columns, steps, 1, false, true).splits == 1;
  }

  template <class X>
  void multiply(const X& executor) const {
    constexpr std::int64_t wide = 64;  // columns of a task
    const std::int64_t tasks = columns < wide ? 1 : columns / wide;
    const bool parallel = static_cast<double>(rows * columns) * static_cast<double>(steps) > 5e5;
    executor.for_each(tasks, parallel, [&](std::int64_t task, int) {
      const std::int64_t begin = task * wide, end = task + 1 < tasks ? begin + wide : columns;
      if (rows == 1) return columns_of<1>(begin, end);
      if (rows == 2) return columns_of<2>(begin, end);
      if (rows == 3) return columns_of<3>(begin, end);
      columns_of<4>(begin, end);
    });
  }

 private:
  using P = Pack<T, N>;

  // The last strip of a task overlaps its neighbour and computes the same again.
  template <int R>
  RECEPTIVE_FN void columns_of(std::int64_t begin, std::int64_t end) const {
    constexpr int together = N < 8 ? 8 / N : 1;
    std::int64_t j = begin;
    for (; j + together * N <= end; j += together * N) strip<R, together>(j);
    for (; j < end; j += N) strip<R, 1>(j + N <= end ? j : end - N);
  }

  // Columns [j, j + G * N) of all rows.
  template <int R, int G>
  __attribute__((noinline)) void strip(std::int64_t j) const {
    P sums[R][G];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) {
        sums[r][g] = bias != nullptr ? P::read(bias + j + g * N) : P(T{-0.0});  // the zero that changes no sum
      }
    }
    for (std::int64_t k0 = 0; k0 < steps; k0 += GemmBlocks<T>::kSteps) {
      const std::int64_t last = k0 + GemmBlocks<T>::kSteps < steps ? k0 + GemmBlocks<T>::kSteps : steps;
      P block[R][G];
      clear_tile(block);
      std::int64_t k = k0;
      for (; k + N <= last; k += N) add_tiles(block, j, k, std::integral_constant<bool, true>{}, 0);
      // The steps that remain are the last of the tile that ends with them.
      if (k < last) add_tiles(block, j, last - N, std::integral_constant<bool, false>{}, k - (last - N));
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int g = 0; g < G; ++g) sums[r][g] += block[r][g];
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int g = 0; g < G; ++g) sums[r][g].write(c + r * columns + j + g * N);
    }
  }

  // Adds steps [k + skip, k + N) of G tiles.
  template <int R, int G, bool kWhole>
  RECEPTIVE_FN void add_tiles(P (&sums)[R][G], std::int64_t j, std::int64_t k, std::integral_constant<bool, kWhole>,
                              std::int64_t skip) const {
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) {
      P tile[N];
      read_turned(b + (j + g * N) * steps + k, steps, tile);
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) {
        if (!kWhole && i < skip) continue;
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) sums[r][g] = P(a[r * steps + k + i]) * tile[i] + sums[r][g];
      }
    }
  }
};

template <class T, class X>
bool multiply_few_rows(const X& executor, const T* a, const T* b, const T* bias, T* c, std::int64_t rows,
                       std::int64_t columns, std::int64_t steps) {
  if (!FewRows<T>::takes(rows, columns, steps)) return false;
  FewRows<T>{a, b, bias, c, rows, columns, steps}.multiply(executor);
  return true;
}

}  // namespace receptive::RECEPTIVE_TARGET

// gemm() on a GPU: C[item] = A[item] * B[item] for a list of problems of one size, with matrices as operands. The
// kernel is gemm_kernel.h's; here is how matrices are copied into its stages, and where results go.
#pragma once

#include "../core/types.h"
#include "../ops/gemm_problem.h"
#include "gemm_kernel.h"

namespace receptive::RECEPTIVE_TARGET {

// A matrix per item: element (k, j) at base + the item's offset + k * step_stride + j * stride.
template <class T>
struct Operand {
  const T* base;
  std::int64_t step_stride;
  std::int64_t stride;
  // Items in row-major order of these dimensions, the first of which is not looked at.
  int rank;
  std::int64_t dims[kMaxRank];
  std::int64_t strides[kMaxRank];

  RECEPTIVE_FN const T* item(std::int64_t index) const {
    const T* at = base;
    for (int d = rank - 1; d > 0; --d) {
      const std::int64_t outer = index / dims[d];
      at += (index - outer * dims[d]) * strides[d];
      index = outer;
    }
    return rank > 0 ? at + index * strides[0] : at;
  }
};

template <class T>
Operand<T> operand(const Operand<T>& matrix) {
  return matrix;
}

// Where an item's results go: rows row_stride apart, columns contiguous.
template <class T>
struct MatrixPlace {
  using Column = std::int64_t;
  static constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  T* base;
  std::int64_t row_stride;
  const T* row_bias;
  const T* column_bias;
  Clamp<T> clamp;
  bool accumulate;

  struct Row {
    T* to;
    T bias;
  };
  __device__ Row row(std::int64_t i) const {
    return Row{base + i * row_stride, row_bias != nullptr ? row_bias[i] : T{0}};
  }
  __device__ std::int64_t column(std::int64_t j) const { return j; }
  __device__ __forceinline__ void put(const Row& row, std::int64_t j, Vector<T> sums, int count) const {
    T* to = row.to + j;
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      if (v >= count) continue;
      T sum = sums.v[v] + row.bias;
      if (column_bias != nullptr) sum += column_bias[j + v];
      if (accumulate) sum += to[v];
      sums.v[v] = clamp.any ? clamp(Pack<T, 1>(sum)).v : sum;
    }
    if (count == kVector && reinterpret_cast<std::uintptr_t>(to) % 16 == 0) {
      *reinterpret_cast<Vector<T>*>(to) = sums;
      return;
    }
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      if (v < count) to[v] = sums.v[v];
    }
  }
};

// Why a product is not left to a library; null: it may be.
RECEPTIVE_HOST_FN const char* library_refused() { return nullptr; }

// Samples count as so many wherever a split would depend on them.
inline constexpr std::int64_t kUsualSamples = 64;

inline GemmSplits gemm_splits(std::int64_t rows, std::int64_t columns, std::int64_t steps, std::int64_t a_items,
                              bool samples) {
  return GemmSplits(GemmSplits::tiles(samples ? kUsualSamples : rows, columns) * a_items, steps);
}

template <class T>
std::int64_t gemm_workspace(std::int64_t rows, std::int64_t columns, std::int64_t steps, std::int64_t items,
                            std::int64_t a_items, int, bool = false, bool samples = false) {
  return gemm_splits(rows, columns, steps, a_items, samples).template workspace<T>(items, rows, columns);
}

// Rows, columns or items of 0 write nothing; steps of 0 write the bias or zeros. `whole`: sums are not split, so that
// they do not depend on how many columns there are, and no workspace is needed. Compiled once, in gemm.cu.
template <class T>
void gemm(const Executor& executor, const GemmProblem<T>& problem, std::byte* workspace, bool whole = false);

}  // namespace receptive::RECEPTIVE_TARGET

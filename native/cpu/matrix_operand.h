// Matrices as operands of gemm(): element (k, j) of an item's matrix lies at base + item offset + k * step_stride + j *
// stride, one of the two strides being 1 in the cases that matter.
#pragma once

#include "executor.h"
#include "gemm.h"
#include "transpose.h"

namespace receptive::RECEPTIVE_TARGET {

// dst[k * width + j] from a matrix whose elements of one k are contiguous.
template <class T>
RECEPTIVE_FN void pack_rows(const T* from, std::int64_t step_stride, std::int64_t kc, int count, int width, T* dst) {
  constexpr int N = kLanes<T>;
  for (std::int64_t k = 0; k < kc; ++k, from += step_stride, dst += width) {
    int j = 0;
    for (; j + N <= count; j += N) Pack<T, N>::read(from + j).write(dst + j);
    for (; j < count; ++j) dst[j] = from[j];
    for (; j < width; ++j) dst[j] = T{0};
  }
}

// dst[k * width + j] from a matrix whose elements of one j are contiguous: a transpose.
template <class T>
RECEPTIVE_FN void pack_columns(const T* from, std::int64_t stride, std::int64_t kc, int count, int width, T* dst) {
  const Transpose<T> turn{from, dst, stride, width};
  constexpr int N = Transpose<T>::N;
  if (count >= N && kc >= N) {
    for (int j = 0; j < count; j += kStreams<T>) {
      const int end = j + kStreams<T> < count ? j + kStreams<T> : count;
      turn.template block<false>(end - j < N ? end - N : j, end, 0, kc);
    }
  } else {
    turn.thin_block(0, count, 0, kc);
  }
  for (int j = count; j < width; ++j) {
    for (std::int64_t k = 0; k < kc; ++k) dst[k * width + j] = T{0};
  }
}

template <class T>
struct MatrixOperand {
  const T* base;
  std::int64_t inner_items;
  std::int64_t outer_stride;  // item = outer * inner_items + inner
  std::int64_t inner_stride;
  std::int64_t step_stride;
  std::int64_t stride;

  RECEPTIVE_FN const T* item_base(std::int64_t item) const {
    return base + item / inner_items * outer_stride + item % inner_items * inner_stride;
  }

  RECEPTIVE_FN void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width,
                         T* dst) const {
    const T* from = item_base(item) + k0 * step_stride + j0 * stride;
    if (stride == 1) return pack_rows(from, step_stride, kc, count, width, dst);
    if (step_stride == 1) return pack_columns(from, stride, kc, count, width, dst);
    for (std::int64_t k = 0; k < kc; ++k, dst += width) {
      for (int j = 0; j < count; ++j) dst[j] = from[k * step_stride + j * stride];
      for (int j = count; j < width; ++j) dst[j] = T{0};
    }
  }
};

// A matrix of a batch whose items are found through strides.
template <class T>
struct BatchOperand {
  MatrixOperand<T> matrix;  // of item 0
  std::int64_t rank;
  const std::int64_t* batch;
  const std::int64_t* strides;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    MatrixOperand<T> at = matrix;
    for (std::int64_t d = rank - 1; d >= 0; --d) {
      at.base += item % batch[d] * strides[d];
      item /= batch[d];
    }
    at.pack(0, k0, kc, j0, count, width, dst);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET

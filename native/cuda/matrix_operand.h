// Matrices as operands of gemm(): element (k, j) of an item's matrix lies at base + item offset + k * step_stride + j *
// stride, one of the two strides being 1 in the cases that matter.
#pragma once

#include "gemm.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct MatrixOperand {
  const T* base;
  std::int64_t inner_items;
  std::int64_t outer_stride;  // item = outer * inner_items + inner
  std::int64_t inner_stride;
  std::int64_t step_stride;
  std::int64_t stride;
};

// A matrix of a batch whose items are found through strides.
template <class T>
struct BatchOperand {
  MatrixOperand<T> matrix;  // of item 0
  std::int64_t rank;
  const std::int64_t* batch;
  const std::int64_t* strides;
};

template <class T>
Operand<T> operand(const MatrixOperand<T>& matrix) {
  Operand<T> result{matrix.base, matrix.step_stride, matrix.stride, 1, {}, {matrix.outer_stride}};
  if (matrix.inner_items > 1) {
    result.rank = 2;
    result.dims[1] = matrix.inner_items;
    result.strides[1] = matrix.inner_stride;
  }
  return result;
}

template <class T>
Operand<T> operand(const BatchOperand<T>& batch) {
  Operand<T> result{batch.matrix.base, batch.matrix.step_stride, batch.matrix.stride, 0, {}, {}};
  for (std::int64_t d = 0; d < batch.rank; ++d) {
    if (batch.batch[d] == 1) continue;
    result.dims[result.rank] = batch.batch[d];
    result.strides[result.rank++] = batch.strides[d];
  }
  return result;
}

}  // namespace receptive::RECEPTIVE_TARGET

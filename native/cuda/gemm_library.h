// gemm() by cuBLAS. Its matrices are stored by columns, so that it is asked for the transposes: C^T = B^T * A^T.
#pragma once

#include "gemm.h"
#include "stream_libraries.h"

namespace receptive::RECEPTIVE_TARGET {

// What sums begin with: a bias by column, or zeros.
template <class T>
struct BeginSums {
  using Element = T;
  T* out;
  std::int64_t item_stride;
  std::int64_t row_stride;
  const T* bias;

  RECEPTIVE_FN T* plane(std::int64_t item) const { return out + item * item_stride; }
  RECEPTIVE_FN T* row(T* plane, std::int64_t i) const { return plane + i * row_stride; }
  template <class P>
  RECEPTIVE_FN void tile(T* row, std::int64_t at, P) const {
    row[at] = bias != nullptr ? bias[at] : T{0};
  }
};

// An operand's matrices in the library's terms: element (step k, position j), where positions are rows of C for A and
// columns of C for B. One of both strides is 1. `steps_first`: whether the library wants the steps as rows.
template <class T>
typename ColumnProducts<T>::Matrix library_matrix(const Operand<T>& of, std::int64_t steps, std::int64_t positions,
                                                  bool steps_first) {
  // A single column has no stride that matters, but the library asks for one that is long enough.
  const bool along_steps = of.step_stride == 1 && (of.stride >= steps || positions == 1);
  const std::int64_t apart = along_steps ? of.stride : of.step_stride, rows = along_steps ? steps : positions;
  return {of.base, along_steps != steps_first, apart < rows ? rows : apart, 0};
}

// Items that lie equally far apart are one call: those of the innermost dimension.
template <class T>
void gemm_by_library(const Executor& executor, const GemmProblem<T>& p) {
  const bool begins = !p.accumulate && (p.c.column_bias != nullptr || p.steps == 0);
  if (begins) {
    executor.planes(p.items, p.rows, p.columns,
                    BeginSums<T>{p.c.base, p.c.outer_stride, p.c.row_stride, p.c.column_bias});
  }
  if (p.steps == 0) return;
  CublasHandle& blas = executor.libraries().blas(executor.stream());
  const auto inner_of = [&](const Operand<T>& of) { return of.rank > 1 ? of.dims[of.rank - 1] : p.items; };
  const auto stride_of = [](const Operand<T>& of) { return of.rank > 0 ? of.strides[of.rank - 1] : 0; };
  ColumnProducts<T> products{p.columns,
                             p.rows,
                             p.steps,
                             library_matrix(p.b, p.steps, p.columns, false),
                             library_matrix(p.a, p.steps, p.rows, true),
                             nullptr,
                             p.c.row_stride < p.columns ? p.columns : p.c.row_stride,
                             p.c.outer_stride,
                             inner_of(p.a),
                             begins || p.accumulate};
  products.a.stride = stride_of(p.b);
  products.b.stride = stride_of(p.a);
  for (std::int64_t item = 0; item < p.items; item += products.count) {
    products.a.data = p.b.item(item);
    products.b.data = p.a.item(item);
    products.c = p.c.base + item * p.c.outer_stride;
    blas.multiply(products, p.library == ProductLibrary::tf32);
  }
}

}  // namespace receptive::RECEPTIVE_TARGET

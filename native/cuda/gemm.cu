// The kernels of gemm(), by how the two operands are copied.
#include "gemm.h"

#include <type_traits>

#include "gemm_library.h"
#include "matrix_copier.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct VectorMatrix {
  static constexpr bool kUsual = true;  // worth a kernel of large tiles
  static constexpr bool kHasTable = false;
  template <class Side>
  using Table = NoTable;
  Operand<T> matrix;
  std::int64_t count;  // of matrices: item i uses number i % count

  static bool fits(const Operand<T>& m, std::int64_t width) {
    constexpr std::int64_t kVector = 16 / static_cast<std::int64_t>(sizeof(T));
    bool aligned = m.stride == 1 && m.step_stride % kVector == 0 && width % kVector == 0 &&
                   reinterpret_cast<std::uintptr_t>(m.base) % 16 == 0;
    for (int d = 0; d < m.rank; ++d) aligned = aligned && m.strides[d] % kVector == 0;
    return aligned;
  }

  template <class Side>
  struct Copier : VectorCopier<Side> {
    __device__ Copier(const VectorMatrix& of, std::int64_t item, std::int64_t origin, std::int64_t extent,
                      std::int64_t first, NoTable&)
        : VectorCopier<Side>(of.matrix.item(item % of.count), of.matrix.step_stride, origin, extent, first) {}
  };
};

template <class T, bool kAlongSteps>
struct ElementMatrix {
  static constexpr bool kUsual = kAlongSteps;
  static constexpr bool kHasTable = false;
  template <class Side>
  using Table = NoTable;
  Operand<T> matrix;
  std::int64_t count;

  template <class Side>
  struct Copier : ElementCopier<Side, kAlongSteps> {
    __device__ Copier(const ElementMatrix& of, std::int64_t item, std::int64_t origin, std::int64_t extent,
                      std::int64_t first, NoTable&)
        : ElementCopier<Side, kAlongSteps>(of.matrix.item(item % of.count), of.matrix.step_stride, of.matrix.stride,
                                           origin, extent, first) {}
  };
};

template <class OperandA, class OperandB, class T>
struct MatrixProblem {
  using A = OperandA;
  using B = OperandB;
  A a;
  B b;
  Result<T> c;
  std::int64_t rows, columns, steps;
  bool accumulate;

  RECEPTIVE_FN Extent extent(std::int64_t) const { return {rows, columns, steps}; }
  RECEPTIVE_FN const A& a_source() const { return a; }
  RECEPTIVE_FN const B& b_source() const { return b; }
  __device__ MatrixPlace<T> place(std::int64_t item) const {
    const std::int64_t outer = item / c.inner_items, inner = item - outer * c.inner_items;
    const std::int64_t bias = inner * c.bias_stride;
    return {c.base + outer * c.outer_stride + inner * c.inner_stride,
            c.row_stride,
            c.row_bias != nullptr ? c.row_bias + bias : nullptr,
            c.column_bias != nullptr ? c.column_bias + bias : nullptr,
            c.clamp,
            accumulate};
  }
};

namespace {

// Float32: 16 bytes at a time where columns are aligned, element by element where not, or where steps are contiguous.
template <class T, class F>
void with_matrix(const Operand<T>& of, std::int64_t count, std::int64_t width, F&& visit) {
  if constexpr (sizeof(T) == 4) {
    if (VectorMatrix<T>::fits(of, width)) return visit(VectorMatrix<T>{of, count});
  }
  if (of.step_stride == 1) return visit(ElementMatrix<T, true>{of, count});
  visit(ElementMatrix<T, false>{of, count});
}

}  // namespace

template <class T>
void gemm(const Executor& executor, const GemmProblem<T>& p, std::byte* workspace, bool whole) {
  if (p.rows <= 0 || p.columns <= 0 || p.items <= 0) return;
  if (p.library != ProductLibrary::none) return gemm_by_library(executor, p);
  const GemmSplits splits =
      whole ? GemmSplits::none(p.steps) : gemm_splits(p.rows, p.columns, p.steps, p.a_items, p.samples);
  with_matrix(p.a, p.a_items, p.rows, [&](const auto& a) {
    with_matrix(p.b, p.items, p.columns, [&](const auto& b) {
      using A = std::decay_t<decltype(a)>;
      using B = std::decay_t<decltype(b)>;
      constexpr bool kLarge = kHasLargeTiles<T> && A::kUsual && B::kUsual;
      const MatrixProblem<A, B, T> problem{a, b, p.c, p.rows, p.columns, p.steps, p.accumulate};
      multiply_tiles<T, kLarge>(executor, problem, p.items, p.rows, p.columns, splits, workspace);
    });
  });
}

template void gemm(const Executor&, const GemmProblem<float>&, std::byte*, bool);
template void gemm(const Executor&, const GemmProblem<double>&, std::byte*, bool);

}  // namespace receptive::RECEPTIVE_TARGET

// copy_strided(executor, plan, src, dst): elements told apart by size only, a thread each; plan is in memory order. The
// other axes' positions are worked out once per row.
#pragma once

#include "../core/copy_plan.h"
#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct StridedCopy {
  using Element = T;
  static constexpr bool kOverlap = true;
  CopyPlan plan;
  const T* src;
  T* dst;

  struct Row {
    const T* src;
    T* dst;
    std::int64_t srcStride;
    std::int64_t dstStride;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const int inner = plan.rank - 1;
    if (inner < 0) return {src, dst, 0, 0};
    std::int64_t from = 0, to = 0;
    for (int d = inner - 1; d >= 0; --d) {
      const std::int64_t at = index % plan.dims[d];
      index /= plan.dims[d];
      from += at * plan.src[d];
      to += at * plan.dst[d];
    }
    return {src + from, dst + to, plan.src[inner], plan.dst[inner]};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    p.store(row.dst + begin * row.dstStride, p.load(row.src + begin * row.srcStride));
  }
};

template <class T, class X>
void copy_strided(const X& executor, const CopyPlan& plan, const T* src, T* dst) {
  std::int64_t rows = 1;
  for (int d = 0; d + 1 < plan.rank; ++d) rows *= plan.dims[d];
  executor.rows(rows, plan.rank > 0 ? plan.dims[plan.rank - 1] : 1, StridedCopy<T>{plan, src, dst});
}

}  // namespace receptive::RECEPTIVE_TARGET

// Products of few rows have no kernel of their own on a GPU: gemm() cuts their sums into splits, which keep it busy.
#pragma once

#include "gemm.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct FewRows {
  RECEPTIVE_HOST_FN static bool takes(std::int64_t, std::int64_t, std::int64_t) { return false; }
};

// Returns whether it has computed C = A * B^T + bias, see cpu/few_rows.h.
template <class T, class X>
bool multiply_few_rows(const X&, const T*, const T*, const T*, T*, std::int64_t, std::int64_t, std::int64_t) {
  return false;
}

}  // namespace receptive::RECEPTIVE_TARGET

// What gather.h and its backends' scatter_add.h share: the attributes, and what is added up.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

struct GatherAttrs {
  std::int64_t outer;
  std::int64_t n;
  std::int64_t count;
  std::int64_t inner;
};

// n is at most INT32_MAX.
RECEPTIVE_FN bool is_index(std::int32_t index, std::int64_t n) { return index >= 0 && index < n; }

// g and the indices of its elements or rows; sums go to `out`.
template <class T>
struct Scatter {
  const T* g;
  const std::int32_t* indices;
  T* out;
};

}  // namespace receptive::RECEPTIVE_TARGET

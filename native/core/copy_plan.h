// A strided copy as plain data: dst[sum i_d dst[d]] = src[sum i_d src[d]] for 0 <= i_d < dims[d], strides in elements.
#pragma once

#include <cstdint>

#include "target.h"
#include "types.h"

namespace receptive::RECEPTIVE_TARGET {

struct CopyPlan {
  int rank = 0;
  std::int64_t dims[kMaxRank];
  std::int64_t src[kMaxRank];
  std::int64_t dst[kMaxRank];

  RECEPTIVE_FN std::int64_t size() const {
    std::int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= dims[d];
    return n;
  }
};

// The same copy with its axes in the order of the destination, the axes of one element dropped and neighbours merged
// where they are one axis in both. The order of a copy is free, so the caller's order of axes means nothing.
RECEPTIVE_HOST_FN CopyPlan in_memory_order(const CopyPlan& given) {
  CopyPlan plan;
  for (int d = 0; d < given.rank; ++d) {
    if (given.dims[d] == 1) continue;
    int at = plan.rank++;
    for (; at > 0 && plan.dst[at - 1] < given.dst[d]; --at) {
      plan.dims[at] = plan.dims[at - 1];
      plan.src[at] = plan.src[at - 1];
      plan.dst[at] = plan.dst[at - 1];
    }
    plan.dims[at] = given.dims[d];
    plan.src[at] = given.src[d];
    plan.dst[at] = given.dst[d];
  }
  int last = 0;
  for (int d = 1; d < plan.rank; ++d) {
    const bool one = plan.src[last] == plan.src[d] * plan.dims[d] && plan.dst[last] == plan.dst[d] * plan.dims[d];
    if (!one) ++last;
    plan.dims[last] = one ? plan.dims[last] * plan.dims[d] : plan.dims[d];
    plan.src[last] = plan.src[d];
    plan.dst[last] = plan.dst[d];
  }
  if (plan.rank > 0) plan.rank = last + 1;
  return plan;
}

}  // namespace receptive::RECEPTIVE_TARGET

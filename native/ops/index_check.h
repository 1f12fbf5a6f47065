// A pass over index data that records the first one out of range; the kernels behind it may then drop such elements
// silently.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

struct IndexCheck {
  using Element = std::int32_t;
  static constexpr bool kOverlap = true;
  FaultLog faults;
  const std::int32_t* indices;
  std::int32_t limit;  // legal: 0 <= index < limit

  RECEPTIVE_FN std::int64_t row(std::int64_t) const { return 0; }

  template <class P>
  RECEPTIVE_FN void tile(std::int64_t, std::int64_t begin, P p) const {
    const auto index = p.load(indices + begin);  // inactive lanes read 0
    if (any((index < Pack<std::int32_t, P::count>(0)) | (index >= Pack<std::int32_t, P::count>(limit)))) {
      report(begin, p.active);
    }
  }

 private:
  RECEPTIVE_COLD void report(std::int64_t begin, int count) const {
    for (std::int64_t i = begin; i < begin + count; ++i) {
      if (indices[i] < 0 || indices[i] >= limit) faults.report(i, indices[i], limit);
    }
  }
};

// All `count` indices against [0, limit).
template <class X>
void check_indices(const X& executor, const std::int32_t* indices, std::int64_t count, std::int64_t limit) {
  if (limit > 0) executor.rows(1, count, IndexCheck{executor.faults(), indices, static_cast<std::int32_t>(limit)});
}

}  // namespace receptive::RECEPTIVE_TARGET

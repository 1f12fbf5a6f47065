// What pool.h asks before it takes windows one by one. A GPU has nothing better for windows that move by one column:
// neighbouring threads read what they share from the first cache.
#pragma once

#include "../ops/avg_pool.h"
#include "../ops/max_pool.h"

namespace receptive::RECEPTIVE_TARGET {

template <bool kIndices, class T, class X>
bool dense_max(const X&, std::int64_t, const MaxPoolPlan<T>&) {
  return false;
}
template <class T, class X>
bool dense_average(const X&, std::int64_t, const AvgPoolPlan<T>&) {
  return false;
}

}  // namespace receptive::RECEPTIVE_TARGET

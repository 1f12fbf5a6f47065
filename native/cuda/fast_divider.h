// Division of 0 <= n < 2^31 by a number that is known before: a multiplication and a shift. (Granlund, Montgomery:
// Division by invariant integers using multiplication, 1994.)
#pragma once

#include <cstdint>

#include "../core/target.h"

namespace receptive::RECEPTIVE_TARGET {

struct FastDivider {
  std::uint32_t divisor;
  std::uint32_t factor;
  std::uint32_t shift;

  // 1 <= divisor < 2^31.
  static FastDivider by(std::int64_t divisor) {
    std::uint32_t shift = 0;
    while ((std::int64_t{1} << shift) < divisor) ++shift;
    const std::int64_t factor = (((std::int64_t{1} << shift) - divisor) << 32) / divisor + 1;
    return {static_cast<std::uint32_t>(divisor), static_cast<std::uint32_t>(factor), shift};
  }

  RECEPTIVE_FN int quotient(int n) const {
    const auto u = static_cast<std::uint32_t>(n);
    const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(u) * factor >> 32);
    return static_cast<int>((high + u) >> shift);
  }
  RECEPTIVE_FN int size() const { return static_cast<int>(divisor); }
};

}  // namespace receptive::RECEPTIVE_TARGET

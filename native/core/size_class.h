// Sizes that blocks come in: multiples of 64 bytes up to 1 KiB, then eight steps per power of two, so that at
// most 12.5% of a request is wasted and freed blocks fit later requests. Class 0 is the empty block.
#pragma once

#include <bit>
#include <cstdint>

namespace receptive {

inline constexpr int kSizeClasses = 384;                          // up to 2^53 bytes and a little more
inline constexpr std::int64_t kMaxBytes = std::int64_t{1} << 53;  // of one tensor

// Requests are at most kMaxBytes.
inline int size_class(std::int64_t bytes) {
  const auto units = static_cast<std::uint64_t>((bytes + 63) / 64);
  if (units <= 16) return static_cast<int>(units);
  const int exponent = std::bit_width(units - 1) - 4;  // units in (8 << exponent, 16 << exponent]
  const auto steps = static_cast<int>((units + (std::uint64_t{1} << exponent) - 1) >> exponent);
  return 8 * exponent + steps;
}

inline std::int64_t class_bytes(int sizeClass) {
  if (sizeClass <= 16) return std::int64_t{64} * sizeClass;
  const int exponent = (sizeClass - 9) / 8;
  return std::int64_t{64} * (sizeClass - 8 * exponent) << exponent;
}

}  // namespace receptive
